"""`tipo places`: which locations belong together."""

from collections.abc import Mapping, Sequence

import typer

from sync_core.app import Parts
from sync_core.cli.printing import say, say_json, show
from sync_core.cli.running import BAD_NEWS, AsJson, using
from sync_core.domain.arrange import Places
from sync_core.domain.values import Alias, LocationId
from sync_core.errors import StoreError

Free = Mapping[Alias, Sequence[tuple[LocationId, str]]]
Names = Mapping[tuple[Alias, LocationId], str]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("places")(places)


def places(*, as_json: AsJson = False) -> None:
    """Show the location map: which locations belong together, and which belong nowhere.

    Exit 1 if a location is on no place: its stock is not shared.
    """
    known, free, names = using(_read)
    if as_json:
        say_json(_plain(known, free, names))
    else:
        _print(known, free, names)
    if any(free.values()):
        raise typer.Exit(BAD_NEWS)


async def _read(parts: Parts) -> tuple[Places, Free, Names]:
    """Return the map, with the names that the stores give their locations, if they answer."""
    known, free = await parts.service.places()
    names: dict[tuple[Alias, LocationId], str] = {}
    for alias, store in parts.stores.items():
        try:
            facts = await store.facts()
        except StoreError:
            continue  # the map is ours; names are only for people
        names.update({(alias, each.id): each.name for each in facts.locations})
    return known, free, names


def _plain(known: Places, free: Free, names: Names) -> dict[str, object]:
    return {
        "places": [
            {
                "id": place.id,
                "name": place.name,
                "locations": [
                    {"store": alias, "location": number, "name": names.get((alias, number))}
                    for alias, number in place.locations.items()
                ],
            }
            for place in known
        ],
        "unmapped": [
            {"store": alias, "location": number, "name": name}
            for alias, listed in free.items()
            for number, name in listed
        ],
    }


def _print(known: Places, free: Free, names: Names) -> None:
    if not known and not any(free.values()):
        say("No locations are known yet: `tipo serve` reads them when it starts.")
        return
    show(
        ("place", "store", "location", "name in the store"),
        (
            (place.name, alias, number, names.get((alias, number)))
            for place in known
            for alias, number in place.locations.items()
        ),
    )
    rows = [(alias, number, name) for alias, listed in free.items() for number, name in listed]
    if rows:
        say("\nOn no place, so their stock is not shared:", style="bold")
        show(("store", "location", "name"), rows)
        say(
            "Locations are put together by themselves if each store has exactly one, or if they "
            "have the same name in each store: name them alike, then restart `tipo serve`."
        )
