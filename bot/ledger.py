"""What the bot remembers of its own posts: one post that is never due, in plain JSON.

stories    which stories are open, and where each is told: [post, pages of its thread, line]
summaries  posts that tell of several stories, the newest last
hours      how many messages an hour has had
down       stores that are held or silent, and the messages that wait until they are back
reminded   when people were last reminded of a message
reports    messages of reports that may still offer something, the newest last
strays     ends whose beginning was told to nobody
"""

import json
from collections.abc import Sequence
from typing import Any

from sync_core.domain.views import Notice, Post

LEDGER = "ledger:news"
SUMMARIES = 50  # that we remember
REPORTS = 20  # whose messages we look after
HOURS = 6  # counts of messages that we remember
EMPTY = (
    '{"last": 0, "stories": {}, "summaries": [], "hours": {}, "down": {}, "reminded": {},'
    ' "reports": [], "strays": 0}'
)
Book = dict[str, Any]


def read(ledger: Post | None) -> Book:
    """Return a copy of what the ledger says."""
    kept: Book = json.loads(json.dumps(ledger.body)) if ledger else {}
    if before := kept.pop("report", None):  # an older Tipo remembered one
        kept.setdefault("reports", []).append(before)
    return {**json.loads(EMPTY), **kept}


def thread_key(parent: str, page: int) -> str:
    """Return the key of a page in a post's thread."""
    return f"{parent}/{page}"


def needed(ledger: Post | None, notices: Sequence[Notice] = ()) -> list[str]:
    """Return the keys of the posts that fold() and remind() have to see, besides the ledger."""
    book = read(ledger)
    keys = {*book["summaries"]}
    for places in book["stories"].values():
        for key, pages, _ in places:
            keys |= {key, *(thread_key(key, page) for page in range(pages))}
    keys |= {key for waiting in book["down"].values() for key in waiting}
    keys |= {*book["reports"]}
    keys |= {f"report:{each.facts['report']}" for each in notices if each.facts.get("report")}
    return sorted(keys)


def tidy(book: Book) -> Book:
    """Return the book without hours and summaries long past, and reminders of what is over."""
    told = {place[0] for places in book["stories"].values() for place in places}
    return {
        **book,
        "hours": dict(sorted(book["hours"].items())[-HOURS:]),
        "summaries": book["summaries"][-SUMMARIES:],
        "reports": book["reports"][-REPORTS:],
        "reminded": {key: at for key, at in book["reminded"].items() if key in told},
    }
