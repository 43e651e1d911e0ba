"""Tell people when a pool falls below zero: somebody is owed a unit."""

from sync_core.domain.values import News, Pool, Severity


def oversold(before: Pool, after: Pool) -> tuple[News, ...]:
    """Return the news that a pool has fallen below zero, sunk further, or come back."""
    was, now = before.shared or 0, after.shared or 0
    subject = f"pool:{after.id}"
    if now < 0 and now < was:
        facts: dict[str, str | int | float | bool | None] = {"title": after.title, "units": -now}
        return (News(kind="oversold", subject=subject, severity=Severity.CRITICAL, facts=facts),)
    if was < 0 <= now:
        return (News(kind="oversold", subject=subject, over=True),)
    return ()
