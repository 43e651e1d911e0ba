"""`tipo locations`: which locations belong together, and `tipo locations set` to say so."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import typer

from sync_core.app.parts import Parts
from sync_core.cli.output import echo, echo_json, echo_table
from sync_core.cli.runtime import (
    EXIT_PROBLEM,
    AsJson,
    CommandFailed,
    Yes,
    confirm,
    operator,
    run_with_parts,
)
from sync_core.domain.location_groups import LocationGroup, LocationGroups
from sync_core.domain.matching import normal
from sync_core.domain.values import Alias, LocationId
from sync_core.errors import StoreError, cut

USAGE = "`tipo locations set Berlin eu=101 us=202`, by number or name as in `tipo locations`"

GroupName = Annotated[str, typer.Argument(help="The name of the shared location, new or known.")]
LocationWords = Annotated[
    list[str],
    typer.Argument(metavar="STORE=LOCATION...", help="One for each store, by number or name."),
]
UnmappedLocations = Mapping[Alias, Sequence[tuple[LocationId, str]]]
LocationNames = Mapping[tuple[Alias, LocationId], str]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(pretty_exceptions_enable=False)
    group.callback(invoke_without_command=True)(locations)
    group.command("set")(set_locations)
    app.add_typer(group, name="locations")


def locations(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show which locations share stock, and which don't.

    Exit 1 if a location isn't shared. `tipo locations set` changes it.
    """
    if context.invoked_subcommand is not None:
        return
    known, unmapped, names = run_with_parts(_read_groups)
    if as_json:
        echo_json(_as_json(known, unmapped, names))
    else:
        _print_groups(known, unmapped, names)
    if any(unmapped.values()):
        raise typer.Exit(EXIT_PROBLEM)


async def _read_groups(parts: Parts) -> tuple[LocationGroups, UnmappedLocations, LocationNames]:
    """Return the map, with the names that the stores give their locations, if they answer."""
    known, unmapped = await parts.service.location_groups()
    names: dict[tuple[Alias, LocationId], str] = {}
    for alias, store in parts.stores.items():
        try:
            facts = await store.facts()
        except StoreError:
            continue  # the map is ours; names are only for people
        names.update({(alias, each.id): each.name for each in facts.locations})
    return known, unmapped, names


def _as_json(
    known: LocationGroups, unmapped: UnmappedLocations, names: LocationNames
) -> dict[str, object]:
    return {
        "location_groups": [
            {
                "id": group.id,
                "name": group.name,
                "locations": [
                    {"store": alias, "location": number, "name": names.get((alias, number))}
                    for alias, number in group.locations.items()
                ],
            }
            for group in known
        ],
        "unmapped": [
            {"store": alias, "location": number, "name": name}
            for alias, listed in unmapped.items()
            for number, name in listed
        ],
    }


def _print_groups(known: LocationGroups, unmapped: UnmappedLocations, names: LocationNames) -> None:
    if not known and not any(unmapped.values()):
        echo("No locations are known yet: `tipo serve` reads them when it starts.")
        return
    echo_table(
        ("shared location", "store", "location", "name in the store"),
        (
            (group.name, alias, number, names.get((alias, number)))
            for group in known
            for alias, number in group.locations.items()
        ),
    )
    rows = [(alias, number, name) for alias, listed in unmapped.items() for number, name in listed]
    if rows:
        echo("\nNot shared:", style="bold")
        echo_table(("store", "location", "name"), rows)
        echo(
            "Locations are shared by themselves if each store has exactly one, or if they have "
            "the same name in each store. Others: `tipo locations set NAME "
            f"{' '.join(f'{alias}=LOCATION' for alias in unmapped)}`, by number or name."
        )


# -- changing it
def set_locations(
    name: GroupName, locations: LocationWords, *, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Let locations share stock: tipo locations set Berlin eu=101 us="New Jersey warehouse".

    A shared location of that name gets these locations; stores that are not named keep theirs. An
    empty location (eu=) takes a store out of it. A location with synced stock can't be moved.
    """
    wanted, group = run_with_parts(lambda parts: _new_groups(parts, name, locations))
    if not confirm(f"Share stock between {_describe(group)}?", yes=yes):
        echo("Nothing was changed.")
        return
    run_with_parts(lambda parts: parts.service.set_location_groups(wanted, operator()))
    if as_json:
        echo_json(
            {
                "location_group": group.name,
                "locations": {str(k): n for k, n in group.locations.items()},
            }
        )
    else:
        echo(f"{cut(group.name)} is {_describe(group)}. `tipo serve` matches their products now.")


async def _new_groups(
    parts: Parts, name: str, given: Sequence[str]
) -> tuple[LocationGroups, LocationGroup]:
    """Return the whole map as it is to be, and the place that changes."""
    known, _ = await parts.service.location_groups()
    there = await parts.service.locations()
    if not there:
        raise CommandFailed("no locations are known yet: start `tipo serve` once, it reads them")
    before = next((each for each in known if normal(each.name) == normal(name)), None)
    locations: dict[Alias, LocationId] = {} if before is None else {**before.locations}
    for each in given:
        alias, location = _parse_location(each, there)
        if location is None:
            locations.pop(alias, None)
        else:
            locations[alias] = location
    if len(locations) < 2:  # noqa: PLR2004
        raise CommandFailed(
            f"{cut(name)} would be in {', '.join(locations) or 'no store'} alone; name a location "
            f"of another store, too: {USAGE}"
        )
    group = (
        LocationGroup(name=cut(name), locations=locations)
        if before is None
        else replace(before, locations=locations)
    )
    others = tuple(each for each in known if each is not before)
    return (*others, group), group


def _parse_location(
    given: str, there: Mapping[Alias, Sequence[tuple[LocationId, str]]]
) -> tuple[Alias, LocationId | None]:
    """Return the store and the location that a word means; None takes the store off.

    Raises:
        CommandFailed: If there is no such store or location.
    """
    word, is_pair, wanted = given.partition("=")
    alias = Alias(word.strip().lower())
    if not is_pair or alias not in there:
        raise CommandFailed(f"{cut(given)}: the stores are {', '.join(there)}; {USAGE}")
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
        raise CommandFailed(f"{alias} has {several} {cut(wanted)}; it has {choice}")
    return alias, found[0]


def _describe(group: LocationGroup) -> str:
    return " and ".join(f"{alias} {number}" for alias, number in group.locations.items())
