"""The location map, and the modal that changes it.

A block of the modal is named `location.<id>.<alias>`, or `location.<id>.name`; id 0 is the new one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.messages.action_ids import Action
from bot.messages.block_kit import (
    MAX_OPTIONS,
    Block,
    Message,
    TableColumn,
    actions,
    button,
    context_block,
    header,
    message,
    more_line,
    option,
    pager,
    plain_text,
    sentence,
    share_button,
    table,
)
from bot.text import counted, mrkdwn, number_in, store_name
from sync_core.domain.location_groups import LocationGroup, LocationGroups
from sync_core.domain.values import Alias, LocationId

Named = Mapping[Alias, Sequence[tuple[LocationId, str]]]
NO_LOCATION = "none"  # the option that takes a store out of a place
ELEMENT = "chosen"
MAX_INPUTS = 80  # in one modal, which takes 100 blocks
MAX_MENU_BYTES = 180_000  # of menus in one modal, which may weigh 250 kB in all
MAX_STORE_COLUMNS = 19  # that a table has room for beside the place's name


def location_groups(
    *, location_groups: LocationGroups, locations: Named, free: Named, share: str = ""
) -> Message:
    """Say which locations belong together, and which belong nowhere."""
    stores = list(locations)[:MAX_STORE_COLUMNS]
    names = {(alias, id_): name for alias, known in locations.items() for id_, name in known}
    columns = [
        TableColumn("Shared location", wrapped=True),
        *(TableColumn(store_name(each), wrapped=True) for each in stores),
    ]
    rows = (
        [each.name, *(_named(each, store, names) for store in stores)] for each in location_groups
    )
    blocks, shown = table(columns, rows)
    alone = sum(len(each) for each in free.values())
    few = "isn't" if alone == 1 else "aren't"
    tail = f"; {counted(alone, 'other location')} {few} shared." if alone else "; none is left out."
    change = button(Action.LOCATIONS_OPEN, "Change\u2026", "places", style="primary")
    return message(
        f"{counted(len(location_groups), 'shared location')}{tail}",
        blocks=[
            *blocks,
            *more_line(len(location_groups) - shown, "tipo locations"),
            *_left_over(free),
            *actions("places", change, share_button(share)),
        ],
    )


def _named(
    place: LocationGroup, store: Alias, names: Mapping[tuple[Alias, LocationId], str]
) -> str | None:
    """Return what a store calls its location of a place."""
    location = place.locations.get(store)
    return None if location is None else names.get((store, location), f"closed ({location})")


def _left_over(free: Named) -> list[Block]:
    """Return the locations that share their stock with nobody."""
    lines: list[Block] = []
    for alias, known in list(free.items())[:10]:
        if known:
            named = ", ".join(mrkdwn(name, 40) for _, name in known[:10])
            rest = f" and {len(known) - 10} more" if len(known) > 10 else ""  # noqa: PLR2004
            lines.append(
                context_block(f"Not shared in {mrkdwn(store_name(alias), 40)}: {named}{rest}")
            )
    return lines


def location_groups_modal(
    *, location_groups: LocationGroups, locations: Named, private_metadata: str, offset: int = 0
) -> dict[str, Any]:
    """Return the modal: one menu per store and place, and a new place at the end."""
    shorter = _fitting(locations)
    weight = sum(_weight(each) for each in shorter.values())
    size = max(1, min(MAX_INPUTS // (len(locations) + 2), MAX_MENU_BYTES // max(weight, 1)) - 1)
    shown = location_groups[offset : offset + size]
    blocks: list[Block] = [
        sentence(
            "A shared location joins one location of each store: they share their stock. "
            "Each location can be used once."
        )
    ]
    for each in shown:
        blocks += [header(each.name), *_menus(each, shorter, locations)]
    blocks += [header("New shared location"), _name_input(), *_menus(None, shorter, locations)]
    if shorter != locations:
        blocks.append(
            sentence("Not every location fits into this form; tipo locations sets the rest.")
        )
    blocks += _pages(offset, size, len(location_groups))
    return {
        "type": "modal",
        "callback_id": "places",
        "private_metadata": private_metadata,
        "title": plain_text("Shared locations", 24),
        "submit": plain_text("Save", 24),
        "close": plain_text("Cancel", 24),
        "blocks": blocks,
    }


def _pages(offset: int, size: int, total: int) -> list[Block]:
    """Return the menu of pages, if there are several."""
    if total <= size:
        return []
    return [
        pager(Action.LOCATIONS_PAGE, offset, size, total),
        sentence("Save before you turn to another page."),
    ]


def _weight(known: Sequence[tuple[LocationId, str]]) -> int:
    """Return how many bytes a menu of locations has."""
    return len(json.dumps([option(name, f"{id_}") for id_, name in known]))


def _fitting(locations: Named) -> Named:
    """Return as many locations of each store as two menus of each have room for."""
    weight = 2 * sum(_weight(each) for each in locations.values())
    if weight <= MAX_MENU_BYTES:
        return locations
    return {
        alias: known[: len(known) * MAX_MENU_BYTES // weight] for alias, known in locations.items()
    }


def _menus(place: LocationGroup | None, shorter: Named, locations: Named) -> Iterator[Block]:
    """Yield a menu for each store."""
    for alias, known in shorter.items():
        chosen = None if place is None else place.locations.get(alias)
        if chosen is not None and all(id_ != chosen for id_, _ in known):
            name = dict(locations[alias]).get(chosen, f"Closed location {chosen}")
            known = [(chosen, name), *known]  # noqa: PLW2901  # what is chosen stays a choice
        yield {
            "type": "input",
            "block_id": f"location.{0 if place is None else place.id}.{alias}",
            "optional": True,
            "label": plain_text(f"Location in {store_name(alias)}", 100),
            "element": _menu(known, chosen),
        }


def _menu(known: Sequence[tuple[LocationId, str]], chosen: LocationId | None) -> dict[str, Any]:
    """Return a menu of a store's locations; beyond a hundred, in groups."""
    none = option("No location", NO_LOCATION)
    options = [none, *(option(name, f"{id_}") for id_, name in known)]
    first = next((each for each in options if each["value"] == f"{chosen}"), none)
    menu: dict[str, Any] = {
        "type": "static_select",
        "action_id": ELEMENT,
        "placeholder": plain_text("Choose a location"),
        "initial_option": first,
    }
    if len(options) <= MAX_OPTIONS:
        return {**menu, "options": options}
    pages = [options[start : start + MAX_OPTIONS] for start in range(0, len(options), MAX_OPTIONS)][
        :100
    ]
    groups = [
        {
            "label": plain_text(f"{at * MAX_OPTIONS + 1} to {at * MAX_OPTIONS + len(page)}"),
            "options": page,
        }
        for at, page in enumerate(pages)
    ]
    return {**menu, "option_groups": groups}


def _name_input() -> Block:
    """Return the field for the name of a new place."""
    return {
        "type": "input",
        "block_id": "location.0.name",
        "optional": True,
        "label": plain_text("Name"),
        "hint": plain_text("Leave it empty to add none."),
        "element": {"type": "plain_text_input", "action_id": ELEMENT, "max_length": 80},
    }


def read_location_groups(state: Mapping[str, Any], *, before: LocationGroups) -> LocationGroups:
    """Return the map as people want it; places that were not in the modal stay as they are.

    A place that keeps no location is gone.
    """
    wanted = _wanted(state)
    kept = [
        LocationGroup(
            id=each.id, name=each.name, locations=_after(each.locations, wanted.get(each.id, {}))
        )
        for each in before
    ]
    name = _new_name(state)
    fresh = _after({}, wanted.get(0, {}))
    if name and fresh:
        kept.append(LocationGroup(name=name, locations=fresh))
    return tuple(each for each in kept if each.locations)


def _after(
    had: Mapping[Alias, LocationId], wanted: Mapping[Alias, LocationId | None]
) -> dict[Alias, LocationId]:
    """Return a place's locations after people have chosen."""
    chosen = {**had, **wanted}
    return {alias: location for alias, location in chosen.items() if location is not None}


def _wanted(state: Mapping[str, Any]) -> dict[int, dict[Alias, LocationId | None]]:
    """Return what was chosen, by place and store."""
    found: dict[int, dict[Alias, LocationId | None]] = {}
    for block_id, fields in _values(state).items():
        match block_id.split(".", 2):
            case ["location", number, alias] if (
                group := number_in(number)
            ) is not None and "selected_option" in (chosen := fields.get(ELEMENT) or {}):
                location = number_in((chosen["selected_option"] or {}).get("value", NO_LOCATION))
                found.setdefault(group, {})[Alias(alias)] = (
                    None if location is None else LocationId(location)
                )
            case _:
                continue
    return found


def _new_name(state: Mapping[str, Any]) -> str:
    """Return the name of the new place, as it was typed."""
    field = _values(state).get("location.0.name", {}).get(ELEMENT) or {}
    return (field.get("value") or "").strip()[:80]


def _values(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values of a view's state, which may be handed in whole."""
    values: Mapping[str, Any] = state.get("values", state)
    return values


def location_groups_errors(state: Mapping[str, Any], *, before: LocationGroups) -> dict[str, str]:
    """Return what is wrong, by block, for the modal to show; nothing if it may be saved."""
    wanted = _wanted(state)
    errors: dict[str, str] = {}
    fresh = _after({}, wanted.get(0, {}))
    name = _new_name(state)
    if fresh and not name:
        errors["location.0.name"] = "Enter a name for the new shared location."
    if name and not fresh:
        errors["location.0.name"] = "Choose at least one location for it."
    if name and any(each.name.casefold() == name.casefold() for each in before):
        errors["location.0.name"] = "Another shared location has this name."
    taken: dict[tuple[Alias, LocationId], int] = {}
    for each in read_location_groups(state, before=before):
        for alias, location in each.locations.items():
            first = taken.setdefault((alias, location), each.id)
            if first != each.id:
                # Blame a block that is in the modal; the other may be on another page.
                blamed = each.id if alias in wanted.get(each.id, {}) else first
                errors[f"location.{blamed}.{alias}"] = "This location is shared elsewhere already."
    return errors
