"""Tell people when a pool falls below zero: a unit is missing, or was ordered in advance.

    shared            the stores that show less than nothing    it is
    ----------------  ----------------------------------------  --------------------------
    0 or more         any                                       nothing
    less than 0       all say CONTINUE: they sell on            pre-sold: a note
    less than 0       one says DENY, or there is none           oversold: critical

A store shows what it is to show; one that is off, suspended, or outside the pool shows nothing.
"""

from collections.abc import Iterator

from sync_core.domain.quantities import target_of
from sync_core.domain.values import Event, InventoryPolicy, Pool, Severity

OVERSOLD, PRESOLD = "oversold", "presold"
SEVERITY = {OVERSOLD: Severity.CRITICAL, PRESOLD: Severity.INFO}


def below_zero_kind(pool: Pool) -> str | None:
    """Return what a pool below zero is; None: it is not below zero."""
    shared = pool.shared
    if shared is None or shared >= 0:
        return None
    policies = {
        each.policy
        for each in pool.levels
        if each.baselined and each.active and target_of(each, shared) < 0
    }
    return PRESOLD if policies == {InventoryPolicy.CONTINUE} else OVERSOLD


def oversold_events(before: Pool, after: Pool) -> tuple[Event, ...]:
    """Return the event that a pool has fallen below zero, sunk further, or come back.

    Whatever it was and is no more has ended: also what it became while nobody told of it.
    """
    return tuple(_news(before, after))


def _news(before: Pool, after: Pool) -> Iterator[Event]:
    was, now = below_zero_kind(before), below_zero_kind(after)
    subject = f"pool:{after.id}"
    if was is not None:
        yield from (
            Event(kind=each, subject=subject, resolved=True) for each in SEVERITY if each != now
        )
    units = -(after.shared or 0)
    if now is not None and (now != was or units > -(before.shared or 0)):
        facts: dict[str, str | int | float | bool | None] = {"title": after.title, "units": units}
        yield Event(kind=now, subject=subject, severity=SEVERITY[now], facts=facts)
