"""`tipo places`: which locations belong together, and `tipo places set` to say so."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import typer

from sync_core.app import Parts
from sync_core.cli.printing import say, say_json, show
from sync_core.cli.running import BAD_NEWS, AsJson, CannotWork, Yes, confirm, person, using
from sync_core.domain.arrange import Place, Places
from sync_core.domain.match import normal
from sync_core.domain.values import Alias, LocationId
from sync_core.errors import StoreError, cut

USAGE = "`tipo places set Berlin eu=101 us=202`, by number or name as in `tipo places`"

Name = Annotated[str, typer.Argument(help="The place's name, new or known.")]
Locations = Annotated[
    list[str],
    typer.Argument(metavar="STORE=LOCATION...", help="One for each store, by number or name."),
]
Free = Mapping[Alias, Sequence[tuple[LocationId, str]]]
Names = Mapping[tuple[Alias, LocationId], str]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(pretty_exceptions_enable=False)
    group.callback(invoke_without_command=True)(places)
    group.command("set")(set_place)
    app.add_typer(group, name="places")


def places(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show the location map: which locations belong together, and which belong nowhere.

    Exit 1 if a location is on no place: its stock is not shared. `tipo places set` changes it.
    """
    if context.invoked_subcommand is not None:
        return
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
            "have the same name in each store. Others: `tipo places set NAME "
            f"{' '.join(f'{alias}=LOCATION' for alias in free)}`, by number or name."
        )


# -- changing it
def set_place(
    name: Name, locations: Locations, *, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Put locations together as a place: tipo places set Berlin eu=101 us="New Jersey warehouse".

    A place of that name gets these locations; stores that are not named keep theirs. An empty
    location (eu=) takes a store off the place. What is in use by products that share stock there
    cannot be moved.
    """
    wanted, place = using(lambda parts: _arrange(parts, name, locations))
    if not confirm(f"Let {_described(place)} share their stock?", yes=yes):
        say("Nothing was changed.")
        return
    using(lambda parts: parts.service.set_places(wanted, person()))
    if as_json:
        say_json(
            {"place": place.name, "locations": {str(k): n for k, n in place.locations.items()}}
        )
    else:
        say(f"{cut(place.name)} is {_described(place)}. `tipo serve` matches their products now.")


async def _arrange(parts: Parts, name: str, given: Sequence[str]) -> tuple[Places, Place]:
    """Return the whole map as it is to be, and the place that changes."""
    known, _ = await parts.service.places()
    there = await parts.service.locations()
    if not there:
        raise CannotWork("no locations are known yet: start `tipo serve` once, it reads them")
    before = next((each for each in known if normal(each.name) == normal(name)), None)
    locations: dict[Alias, LocationId] = {} if before is None else {**before.locations}
    for each in given:
        alias, location = _read_one(each, there)
        if location is None:
            locations.pop(alias, None)
        else:
            locations[alias] = location
    if len(locations) < 2:  # noqa: PLR2004
        raise CannotWork(
            f"{cut(name)} would be in {', '.join(locations) or 'no store'} alone; a place shares "
            f"stock, so name a location of another store, too: {USAGE}"
        )
    place = (
        Place(name=cut(name), locations=locations)
        if before is None
        else replace(before, locations=locations)
    )
    others = tuple(each for each in known if each is not before)
    return (*others, place), place


def _read_one(
    given: str, there: Mapping[Alias, Sequence[tuple[LocationId, str]]]
) -> tuple[Alias, LocationId | None]:
    """Return the store and the location that a word means; None takes the store off.

    Raises:
        CannotWork: If there is no such store or location.
    """
    word, is_pair, wanted = given.partition("=")
    alias = Alias(word.strip().lower())
    if not is_pair or alias not in there:
        raise CannotWork(f"{cut(given)}: the stores are {', '.join(there)}; {USAGE}")
    if not wanted.strip():
        return alias, None
    found = [
        number
        for number, called in there[alias]
        if str(number) == wanted.strip() or normal(called) == normal(wanted)
    ]
    if len(found) != 1:
        choice = ", ".join(f"{number} ({cut(called)})" for number, called in there[alias])
        several = "several open locations called" if found else "no open location"
        raise CannotWork(f"{alias} has {several} {cut(wanted)}; it has {choice}")
    return alias, found[0]


def _described(place: Place) -> str:
    return " and ".join(f"{alias} {number}" for alias, number in place.locations.items())
