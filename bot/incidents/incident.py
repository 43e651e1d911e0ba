"""An incident is what happened with one thing, or with one kind of thing in one store: plain JSON.

its open subjects   it was said           then it is
------------------  --------------------  -----------------------------------------
some                not yet               waiting for its 30 seconds
some                yes                   open, and its message shows present counts
none                before its time came  over, and never said
none                yes                   over: "resolved after 12 min, 3 products"
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.text import number_in
from sync_core.domain.values import Severity
from sync_core.domain.views import Notification

Incident = dict[str, Any]
MAX_SUBJECTS = 5_000  # that one incident keeps apart; further ones begin another
MAX_ROWS = 12  # that its message shows
MAX_FACT_CHARS = 200  # characters of one fact
MAX_FACTS = 20
MAX_LIST_ITEMS = 20
SEVERITY_RANK = {Severity.INFO.value: 0, Severity.WARNING.value: 1, Severity.CRITICAL.value: 2}
SINGLE_SUBJECT_PREFIXES = (
    "store:",
    "pool:",
    "report:",
    "worker:",
    "role:",
    "delivery:",
    "circuit_breaker:",
    "contest:",
)  # subjects with incidents of their own


def pool_in(subject: object) -> int | None:
    """Return the product that a subject names, if it names one."""
    kind, _, name = f"{subject}".partition(":")
    return number_in(name) if kind == "pool" else None


def incident_key(notification: Notification) -> str:
    """Return which incident a notification belongs to, whatever its severity: an end has none."""
    if notification.subject.startswith(SINGLE_SUBJECT_PREFIXES):
        return f"{notification.kind} {notification.subject}"
    store = store_of(notification)
    if not store:
        return f"{notification.kind} {notification.subject}"
    # Other things of one kind in one store are one incident: people act on the cause.
    day = (
        f" {notification.at:%Y-%m-%d}"
        if notification.severity == Severity.INFO and not notification.resolved
        else ""
    )
    return f"{notification.kind} in {store}{day}"


def store_of(notification: Notification) -> str:
    """Return the store that a notification is about, or nothing."""
    store = notification.facts.get("store")
    if isinstance(store, str) and store:
        return store
    head, _, tail = notification.subject.partition(":")
    if head == "store":
        return tail
    return tail.partition(":")[0] if head in {"item", "location", "product"} else ""


def begin_incident(notification: Notification) -> Incident:
    """Return an incident that nothing has been told of yet."""
    return {
        "kind": notification.kind,
        "severity": notification.severity,
        "subject": notification.subject,
        "store": store_of(notification),
        "facts": {},
        "opened": _began(notification).isoformat(),
        "changed": notification.at.isoformat(),
        "over": None,
        "open": {},
        "seen": 0,
        "rows": [],
        "notices": 0,
    }


def _began(notification: Notification) -> datetime:
    """Return since when it has been so: people are told of an outage after two minutes of it."""
    try:
        since = datetime.fromisoformat(f"{notification.facts.get('since')}")
    except ValueError:
        return notification.at
    return notification.at if since.tzinfo is None else min(since, notification.at)


def with_notification(incident: Incident, notification: Notification) -> Incident:
    """Return the incident with one notification more."""
    told = {**incident, "notices": incident["notices"] + 1, "changed": notification.at.isoformat()}
    open_subjects = dict(incident["open"])
    if notification.resolved:
        open_subjects.pop(notification.subject, None)
        rows = [row for row in incident["rows"] if row[0] != notification.subject]
        ended = None if open_subjects else notification.at.isoformat()
        how = (
            {"ended": truncate(notification.facts["ended"])}
            if notification.facts.get("ended")
            else {}
        )
        facts = {**incident["facts"], **how}
        return {**told, "open": open_subjects, "rows": rows, "over": ended, "facts": facts}
    told["seen"] = incident["seen"] + (notification.subject not in open_subjects)
    open_subjects[notification.subject] = truncate(notification.facts.get("why", ""), 60)
    rows = [row for row in incident["rows"] if row[0] != notification.subject]
    return {
        **told,
        "open": open_subjects,
        "rows": [*rows, row_of(notification)][:MAX_ROWS],
        "facts": facts_of(notification.facts),
        "subject": notification.subject,
        "severity": worse_severity(incident["severity"], notification.severity),
    }


def row_of(notification: Notification) -> list[str]:
    """Return what a list says of one subject: its id, its name, why."""
    name = (
        notification.facts.get("title")
        or notification.facts.get("location")
        or notification.subject
    )
    return [
        notification.subject,
        truncate(name, 100),
        truncate(notification.facts.get("why", ""), 60),
    ]


def truncate(words: object, limit: int = MAX_FACT_CHARS) -> str:
    """Return words cut for keeping; how they are shown is another matter."""
    return f"{words}"[:limit]


def facts_of(facts: Mapping[str, object]) -> dict[str, Any]:
    """Return facts as plain JSON, cut to what a message can say."""
    kept: dict[str, Any] = {}
    for name, value in list(facts.items())[:MAX_FACTS]:
        if isinstance(value, bool | int | float) or value is None:
            kept[name] = value
        elif isinstance(value, Mapping):
            counts = list(value.items())[:MAX_FACTS]
            kept[name] = {truncate(each, 60): n for each, n in counts if isinstance(n, int)}
        elif isinstance(value, list | tuple):
            kept[name] = [_item(each) for each in value[:MAX_LIST_ITEMS]]
        else:
            kept[name] = truncate(value)
    return kept


def _item(value: object) -> str | dict[str, str]:
    """Return one of several things as plain JSON: a word, or the words for one of its kind."""
    if not isinstance(value, Mapping):
        return truncate(value)
    return {truncate(each, 60): truncate(told) for each, told in list(value.items())[:MAX_FACTS]}


def worse_severity(one: str, other: str) -> str:
    """Return the worse of two severities."""
    return max(one, other, key=lambda each: SEVERITY_RANK.get(each, 1))


def is_critical(severity: str) -> bool:
    """Whether it is said at once, also at night."""
    return severity == Severity.CRITICAL


def is_full(incident: Incident, subject: str) -> bool:
    """Whether an incident takes no further subject."""
    return len(incident["open"]) >= MAX_SUBJECTS and subject not in incident["open"]


def is_about_one_subject(base: str) -> bool:
    """Whether an incident is about one thing alone."""
    return " in " not in base


def without_subjects(incident: Incident) -> Incident:
    """Return an incident without the list of its subjects, but with their number."""
    return {**incident, "open": {}, "n": len(incident["open"])}


def parse_time(words: str) -> datetime:
    """Return a moment that a body keeps as text."""
    return datetime.fromisoformat(words)
