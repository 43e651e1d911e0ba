"""What the bot remembers of its own posts: one post that is never due, in plain JSON.

stories      which incidents are open, and where each is told: [post, pages of its thread, line]
summaries    posts that tell of several stories, the newest last
hours        how many messages an hour has had
down         stores that are held or silent, and the messages that wait until they are back
reminded     when people were last reminded of an incident
mentioned    when a message last mentioned the approvers
unmentioned  incidents of which quiet hours have kept them, and when these end
reports      messages of reports that may still offer something, the newest last
recovered    when a store that was down came back
mode         the message about the latest change of mode
strays       ends whose beginning was told to nobody
"""

import json
from collections.abc import Sequence
from typing import Any

from sync_core.domain.views import Notification, Post

LEDGER = "ledger:news"
MAX_SUMMARIES = 50  # that we remember
MAX_REPORTS = 20  # whose messages we look after
MAX_HOURS = 6  # counts of messages that we remember
EMPTY = (
    '{"last": 0, "stories": {}, "summaries": [], "hours": {}, "down": {}, "reminded": {},'
    ' "mentioned": null, "unmentioned": {}, "reports": [], "recovered": {}, "mode": null,'
    ' "strays": 0}'
)
LedgerState = dict[str, Any]


def load_ledger(ledger: Post | None) -> LedgerState:
    """Return a copy of what the ledger says."""
    kept: LedgerState = json.loads(json.dumps(ledger.body)) if ledger else {}
    if before := kept.pop("report", None):  # an older Tipo remembered one
        kept.setdefault("reports", []).append(before)
    return {**json.loads(EMPTY), **kept}


def slot_name(slot: Sequence[Any]) -> str:
    """Return by what name an incident is remembered: its message's key, or that of its line."""
    key, _, line = slot
    return f"{key}" if line is None else f"{key} {line}"


def thread_key(parent: str, page: int) -> str:
    """Return the key of a page in a post's thread."""
    return f"{parent}/{page}"


def report_key(report: object) -> str:
    """Return the key of the post that shows a report."""
    return f"report:{report}"


def reminder_key(at: object) -> str:
    """Return the key of the reminder of that moment."""
    return f"reminder:{at}"


def receipt_key(receipt: object) -> str:
    """Return the key under which it is kept which post shows a decision."""
    return f"shown:{receipt}"


def open_posts(state: LedgerState, kind: str) -> list[str]:
    """Return the posts in which incidents of a kind are open, the newest first."""
    stories = state["stories"].items()
    told = [slots[-1][0] for base, slots in stories if base.startswith(f"{kind} ") and slots]
    return list(dict.fromkeys(reversed(told)))


def needed_posts(ledger: Post | None, notifications: Sequence[Notification] = ()) -> list[str]:
    """Return the keys of the posts that notifications and reminders need."""
    state = load_ledger(ledger)
    keys = {*state["summaries"]}
    for slots in state["stories"].values():
        for key, pages, _ in slots:
            keys |= {key, *(thread_key(key, page) for page in range(pages))}
    keys |= {key for waiting in state["down"].values() for key in waiting}
    keys |= set(map(reminder_key, state["reminded"].values()))
    keys |= {*state["reports"], *([state["mode"]] if state["mode"] else [])}
    shown = (each.facts["report"] for each in notifications if each.facts.get("report"))
    keys |= set(map(report_key, shown))
    decided = (each.facts["receipt"] for each in notifications if each.facts.get("receipt"))
    keys |= set(map(receipt_key, decided))
    return sorted(keys)


def tidy(state: LedgerState) -> LedgerState:
    """Return the book without hours and summaries long past, and reminders of what is over."""
    told = {slot_name(slot) for slots in state["stories"].values() for slot in slots}
    return {
        **state,
        "hours": dict(sorted(state["hours"].items())[-MAX_HOURS:]),
        "summaries": state["summaries"][-MAX_SUMMARIES:],
        "reports": state["reports"][-MAX_REPORTS:],
        "reminded": {name: at for name, at in state["reminded"].items() if name in told},
        "unmentioned": {name: at for name, at in state["unmentioned"].items() if name in told},
    }
