"""What a level must show, and what it owes.

    shared            with a buffer of b    with packs of p
    ----------------  --------------------  ---------------
    more than b       shared - b            rounded down
    0 to b            0                     rounded down
    below 0           shared                rounded down

Below zero nothing is kept back: an oversold unit is owed to a customer, whatever the buffer.
What the brake holds has, for this level, not happened yet. What a person ordered for a level that
has left its pool (an undo) is owed whatever the pool says.
"""

from sync_core.domain.values import Level


def shown(level: Level, shared: int) -> int:
    """Return what a level must show when its pool agrees on `shared`."""
    shared -= level.held
    if level.buffer and shared >= 0:
        shared = max(0, shared - level.buffer)
    return shared // level.pack


def owed(level: Level, shared: int | None) -> int:
    """Return the delta that must still be written to a level; 0 while nothing is agreed."""
    if level.book is None:
        return 0
    if not level.met:
        return level.ordered
    if shared is None:
        return 0
    return shown(level, shared) - level.book


def may_owe(level: Level, shared: int) -> bool:
    """Whether something is owed to a level, or may be once what is open is settled."""
    return level.met and (level.open or owed(level, shared) != 0)
