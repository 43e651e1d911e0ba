"""What a process of `tipo serve` does: everything, or some roles of it (`--only`).

    role       does                                              while nobody does it
    ---------  ------------------------------------------------  ------------------------------
    web        takes webhooks                                    stores send them again for hours
    worker     accounts for webhooks, updates stores, compares,  nothing is synced
               applies decisions
    bot        takes clicks and commands, posts                  Slack gets no answer, no alert
    scheduler  asks for the night, audits and seals the books,   none of that happens
               deletes what is old

Every process answers `/healthz`, `/readyz` and `/metrics`, leaves a sign of life for each of its
roles, and looks for the roles that nobody has: a role that is missing in silence is the danger.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from sync_core.domain.values import Event, Severity

KIND = "role_missing"
MISSING_AFTER = timedelta(minutes=5)  # without a sign of life; a restart is shorter


class ProcessRole(StrEnum):
    """What a process may be there for."""

    WEB = "web"
    WORKER = "worker"
    BOT = "bot"
    SCHEDULER = "scheduler"


ALL_ROLES = frozenset(ProcessRole)
# The settings that hold the last sign of life of each; the worker's is what `serving` always meant.
HEARTBEATS = {
    role: "serving" if role is ProcessRole.WORKER else f"serving:{role}" for role in ProcessRole
}
MEANWHILE = {  # while nobody does it
    ProcessRole.WEB: "webhooks aren't taken; stores send them again for 4 hours",
    ProcessRole.WORKER: "nothing is synced; webhooks are kept",
    ProcessRole.BOT: "Slack gets no alerts and no answers",
    ProcessRole.SCHEDULER: "no nightly check, no audit, and nothing old is deleted",
}


def expected_roles(*, takes_webhooks: bool, has_slack: bool) -> frozenset[ProcessRole]:
    """Return the roles that somebody must have, by what is set up."""
    unused = {
        *(() if takes_webhooks else {ProcessRole.WEB}),
        *(() if has_slack else {ProcessRole.BOT}),
    }
    return ALL_ROLES - unused


def missing_roles(
    expected: Collection[ProcessRole],
    seen: Mapping[ProcessRole, datetime],
    now: datetime,
    *,
    since: datetime | None = None,
) -> list[ProcessRole]:
    """Return the roles that nobody has given a sign of life for.

    Args:
        expected: The roles that somebody must have.
        seen: The last sign of each; a process that stops in good order takes its own back.
        now: The time.
        since: When whoever asks began to look; None: it believes what there is.
    """
    if since is not None and now - since < MISSING_AFTER:
        return []
    return [
        role
        for role in ProcessRole
        if role in expected and (role not in seen or now - seen[role] >= MISSING_AFTER)
    ]


def partly_missing(
    expected: Collection[ProcessRole], seen: Mapping[ProcessRole, datetime], now: datetime
) -> list[ProcessRole]:
    """Return the roles that nobody has while somebody has others: else nothing runs at all."""
    missing = missing_roles(expected, seen, now)
    return missing if len(missing) < len(expected) else []


def describe_missing(role: ProcessRole) -> str:
    """Return that nobody has a role, and what it means."""
    return f"No {role} is running: {MEANWHILE[role]}."


def role_events(expected: Collection[ProcessRole], missing: Collection[ProcessRole]) -> list[Event]:
    """Return what people must know of each role: that it is missing, or resolved."""
    return [
        Event(
            kind=KIND,
            subject=f"role:{role}",
            severity=Severity.CRITICAL,
            facts={"role": role.value},
            resolved=role not in missing,
        )
        for role in sorted(expected)
    ]
