"""A judge that is blind to our books: it knows what people asked of stores, and what these show.

    a change, as the one who asked saw it       the quantity in the end, in every store
    ------------------------------------------  ---------------------------------------
    the store said that it was done             has it, once
    the store said that it was not              does not have it
    no answer, or one that says neither         has it once, or does not have it

Nothing is asked of Tipo. So what Tipo believes can't hide what it has done.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody asked of a store by HTTP; what was certainly not done is none."""

    store: str
    item: str
    delta: int
    is_sure: bool = True  # the store said that it was done; else it may have been


def complaints(
    start: Mapping[str, int],
    changes: Iterable[Change],
    final: Mapping[str, Mapping[str, int]],
) -> list[str]:
    """Return what is wrong with the quantities that stores show in the end.

    Args:
        start: What every store showed at first, by item.
        changes: What people asked for since.
        final: What each store shows now, by item.
    """
    changes = list(changes)
    found = [_complaint(item, start, changes, final) for item in sorted(start)]
    return [each for each in found if each is not None]


def _complaint(
    item: str,
    start: Mapping[str, int],
    changes: Iterable[Change],
    final: Mapping[str, Mapping[str, int]],
) -> str | None:
    shown = {store: quantities.get(item) for store, quantities in final.items()}
    if len(set(shown.values())) != 1:
        return f"{item}: the stores are not equal: {shown}"
    possible = {start[item]}
    for each in changes:
        if each.item == item:
            moved = {quantity + each.delta for quantity in possible}
            possible = moved if each.is_sure else possible | moved
    if possible.isdisjoint(shown.values()):
        return f"{item}: every store shows {set(shown.values())}, possible is {sorted(possible)}"
    return None
