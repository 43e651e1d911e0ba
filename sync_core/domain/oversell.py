"""Tell people when a pool falls below zero: somebody is owed a unit, or has ordered it in advance.

    shared            the stores that show less than nothing    it is
    ----------------  ----------------------------------------  --------------------------
    0 or more         any                                       nothing
    less than 0       all say CONTINUE: they sell on            pre-sold: a note
    less than 0       one says DENY, or there is none           oversold: critical

A store shows what it is to show; one that is off, left alone, or outside the pool shows nothing.
"""

from collections.abc import Iterator

from sync_core.domain.shown import shown
from sync_core.domain.values import InventoryPolicy, News, Pool, Severity

OVERSOLD, PRESOLD = "oversold", "presold"
SEVERITY = {OVERSOLD: Severity.CRITICAL, PRESOLD: Severity.INFO}


def stand(pool: Pool) -> str | None:
    """Return what a pool below zero is; None: it is not below zero."""
    shared = pool.shared
    if shared is None or shared >= 0:
        return None
    policies = {
        each.policy for each in pool.levels if each.met and each.active and shown(each, shared) < 0
    }
    return PRESOLD if policies == {InventoryPolicy.CONTINUE} else OVERSOLD


def oversold(before: Pool, after: Pool) -> tuple[News, ...]:
    """Return the news that a pool has fallen below zero, sunk further, or come back.

    Whatever it was and is no more has ended: also what it became while nobody told of it.
    """
    return tuple(_news(before, after))


def _news(before: Pool, after: Pool) -> Iterator[News]:
    was, now = stand(before), stand(after)
    subject = f"pool:{after.id}"
    if was is not None:
        yield from (News(kind=each, subject=subject, over=True) for each in SEVERITY if each != now)
    units = -(after.shared or 0)
    if now is not None and (now != was or units > -(before.shared or 0)):
        facts: dict[str, str | int | float | bool | None] = {"title": after.title, "units": units}
        yield News(kind=now, subject=subject, severity=SEVERITY[now], facts=facts)
