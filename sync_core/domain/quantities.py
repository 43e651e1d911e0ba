"""What a level must show, and what is outstanding.

    shared            with a buffer of b    with packs of p
    ----------------  --------------------  ---------------
    more than b       shared - b            rounded down
    0 to b            0                     rounded down
    below 0           shared                rounded down

Below zero nothing is kept back: an oversold unit is owed to a customer, whatever the buffer.
What the breaker holds has, for this level, not happened yet. What a person ordered for a level that
has left its pool (an undo) is outstanding whatever the pool says.

What makes no whole pack is a remainder: of 50 shared units, packs of 6 show 8, and 2 are left over.
It is in no store's number but stays in `shared`: one pack sold takes 6, which leaves 44, and 7.
"""

from sync_core.domain.values import Level


def target_of(level: Level, shared: int) -> int:
    """Return what a level must show when its pool agrees on `shared`."""
    return _unpacked(level, shared) // level.pack


def _unpacked(level: Level, shared: int) -> int:
    """Return what of `shared` a level may show, in shared units."""
    shared -= level.withheld
    return max(0, shared - level.buffer) if level.buffer and shared >= 0 else shared


def shared_by(level: Level, value: int, shared: int | None) -> int:
    """Return the shared quantity by which a level shows `value`; what makes no pack stays.

    Args:
        level: A level from which nothing is held.
        value: What it shows.
        shared: What the pool agrees on now, for the remainder.
    """
    remainder = 0 if shared is None else _unpacked(level, shared) % level.pack
    return value * level.pack + remainder + (level.buffer if value >= 0 else 0)


def outstanding(level: Level, shared: int | None) -> int:
    """Return the delta that must still be written to a level; 0 while nothing is agreed."""
    if level.book is None:
        return 0
    if not level.baselined:
        return level.manual_delta
    if shared is None:
        return 0
    return target_of(level, shared) - level.book


def may_be_outstanding(level: Level, shared: int) -> bool:
    """Whether a delta is outstanding for a level, or may be once what is open is settled."""
    return level.baselined and (level.open or outstanding(level, shared) != 0)
