"""A story is what happened with one thing, or with one kind of thing in one store: plain JSON.

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

from sync_core.domain.values import Severity
from sync_core.domain.views import Notice

Story = dict[str, Any]
SUBJECTS = 5_000  # that one story keeps apart; further ones begin another
ROWS = 12  # that its message shows
TEXT = 200  # characters of one fact
FACTS = 20
ACTS = 20
RANK = {Severity.INFO.value: 0, Severity.WARNING.value: 1, Severity.CRITICAL.value: 2}
ALONE = (
    "store:",
    "pool:",
    "report:",
    "worker:",
    "delivery:",
    "brake:",
    "contest:",
)  # subjects with stories of their own


def base_of(notice: Notice) -> str:
    """Return which story a notice belongs to, whatever its severity: an end has none."""
    if notice.subject.startswith(ALONE):
        return f"{notice.kind} {notice.subject}"
    store = store_of(notice)
    if not store:
        return f"{notice.kind} {notice.subject}"
    # Other things of one kind in one store are one story: people act on the cause.
    day = f" {notice.at:%Y-%m-%d}" if notice.severity == Severity.INFO and not notice.over else ""
    return f"{notice.kind} in {store}{day}"


def store_of(notice: Notice) -> str:
    """Return the store that a notice is about, or nothing."""
    store = notice.facts.get("store")
    if isinstance(store, str) and store:
        return store
    head, _, tail = notice.subject.partition(":")
    if head == "store":
        return tail
    return tail.partition(":")[0] if head in {"item", "location", "product"} else ""


def begin(notice: Notice) -> Story:
    """Return a story that nothing has been told of yet."""
    return {
        "kind": notice.kind,
        "severity": notice.severity,
        "subject": notice.subject,
        "store": store_of(notice),
        "facts": {},
        "opened": notice.at.isoformat(),
        "changed": notice.at.isoformat(),
        "over": None,
        "open": {},
        "seen": 0,
        "rows": [],
        "notices": 0,
    }


def tell(story: Story, notice: Notice) -> Story:
    """Return the story with one notice more."""
    told = {**story, "notices": story["notices"] + 1, "changed": notice.at.isoformat()}
    still = dict(story["open"])
    if notice.over:
        still.pop(notice.subject, None)
        rows = [row for row in story["rows"] if row[0] != notice.subject]
        ended = None if still else notice.at.isoformat()
        how = {"ended": short(notice.facts["ended"])} if notice.facts.get("ended") else {}
        facts = {**story["facts"], **how}
        return {**told, "open": still, "rows": rows, "over": ended, "facts": facts}
    told["seen"] = story["seen"] + (notice.subject not in still)
    still[notice.subject] = short(notice.facts.get("why", ""), 60)
    rows = [row for row in story["rows"] if row[0] != notice.subject]
    return {
        **told,
        "open": still,
        "rows": [*rows, row_of(notice)][:ROWS],
        "facts": facts_of(notice.facts),
        "subject": notice.subject,
        "severity": worse(story["severity"], notice.severity),
    }


def row_of(notice: Notice) -> list[str]:
    """Return what a list says of one subject: its id, its name, why."""
    name = notice.facts.get("title") or notice.facts.get("location") or notice.subject
    return [notice.subject, short(name, 100), short(notice.facts.get("why", ""), 60)]


def short(words: object, limit: int = TEXT) -> str:
    """Return words cut for keeping; how they are shown is another matter."""
    return f"{words}"[:limit]


def facts_of(facts: Mapping[str, object]) -> dict[str, Any]:
    """Return facts as plain JSON, cut to what a message can say."""
    kept: dict[str, Any] = {}
    for name, value in list(facts.items())[:FACTS]:
        if isinstance(value, bool | int | float) or value is None:
            kept[name] = value
        elif isinstance(value, Mapping):
            counts = list(value.items())[:FACTS]
            kept[name] = {short(each, 60): n for each, n in counts if isinstance(n, int)}
        elif isinstance(value, list | tuple):
            kept[name] = [short(each) for each in value[:ACTS]]
        else:
            kept[name] = short(value)
    return kept


def worse(one: str, other: str) -> str:
    """Return the worse of two severities."""
    return max(one, other, key=lambda each: RANK.get(each, 1))


def is_critical(severity: str) -> bool:
    """Whether it is said at once, also at night."""
    return severity == Severity.CRITICAL


def is_full(story: Story, subject: str) -> bool:
    """Whether a story takes no further subject."""
    return len(story["open"]) >= SUBJECTS and subject not in story["open"]


def is_lone(base: str) -> bool:
    """Whether a story is about one thing alone."""
    return " in " not in base


def slim(story: Story) -> Story:
    """Return a story without the list of its subjects, but with their number."""
    return {**story, "open": {}, "n": len(story["open"])}


def moment(words: str) -> datetime:
    """Return a moment that a body keeps as text."""
    return datetime.fromisoformat(words)
