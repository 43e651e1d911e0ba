"""From a post to a message: what has to be looked up for it, and what it says then."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any

from bot.incidents.incident import pool_in
from bot.incidents.ledger import report_key
from bot.messages import activity, incidents, shadow
from bot.messages.block_kit import (
    Block,
    Message,
    bullets,
    fit_blocks,
    message,
    open_line,
    versioned,
)
from bot.messages.circuit_breaker import products
from bot.messages.links import NO_LINKS, Links
from bot.messages.modes import preflight
from bot.messages.proposals import has_changed_nothing, receipt, receipt_headline
from bot.messages.reports import MAX_ROWS_WITHOUT_THREAD, answer, connected, details, report
from bot.messages.stock import open_pages
from bot.text import counted, store_name
from sync_core.domain.proposals import Proposal, ProposalKind, Receipt, Report, ReportKind
from sync_core.domain.views import PoolView, Post, StoppedProduct


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What has to be looked up before a post can be rendered."""

    report: int | None = None
    proposals: int | None = None  # of which report
    receipts: tuple[int, ...] = ()
    question: tuple[str, str] | None = None  # kind and subject of what an incident asks about
    pool: int | None = None  # the product that an incident is about
    stopped: str | None = None  # the subject of a safety stop whose products are listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """What was found."""

    report: Report | None = None
    proposals: tuple[Proposal, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    question: Proposal | None = None
    pool: PoolView | None = None
    stopped: tuple[int, Sequence[StoppedProduct]] = (0, ())  # how many products, and some
    incident: Post | None = None  # as it is now, that a reminder is about
    links: Links = NO_LINKS  # to the posts that it mentions
    stores: Mapping[str, str] = field(default_factory=dict)  # pages in Shopify's admin


NOTHING_FOUND = Lookup()
GONE = "This report is no longer kept: it was too old."


def reminded_incident(post: Post) -> str | None:
    """Return the key of the one incident, with a message of its own, that a reminder is about."""
    lines = post.body.get("lines")
    if post.kind != "reminder" or not isinstance(lines, Mapping) or len(lines) != 1:
        return None
    (key,) = lines
    return None if post.body.get("left") or " " in key else f"{key}"


def needs(post: Post) -> Needs:
    """Return what has to be looked up for a post."""
    body: dict[str, Any] = post.body
    match post.kind:
        case "report":
            number, receipts = body.get("report"), [*(body.get("receipts") or [])]
            receipts += [body["mode_receipt"]] if body.get("mode_receipt") else []
            return Needs(report=number, proposals=number, receipts=tuple(receipts))
        case "report_thread" | "answer":
            return Needs(report=body["report"], proposals=body["report"])
        case "stopped":
            return Needs(stopped=body["subject"])
        case "receipt":
            return Needs(receipts=(body["receipt"],))
        case "incident" if body.get("kind") in {"circuit_breaker", "contested"}:
            question = None if body.get("over") else (f"{body['kind']}", f"{body['subject']}")
            decided = tuple(body.get("receipts") or ())
            return Needs(question=question, receipts=decided, pool=_contested(body))
        case _:
            return Needs(pool=_pool_of(post))


def mentions(post: Post, report: Report | None) -> tuple[str, ...]:
    """Return the keys of the posts that a post mentions, so that it may lead to their messages."""
    body: dict[str, Any] = post.body
    match post.kind:
        case "incident" if body.get("moved"):
            return (f"{body['moved']}",)
        case "reminder":
            return tuple(body.get("lines") or ())
        case "answer" if report is not None:
            return (_counts(report),)
        case _:
            return ()


def _counts(report: Report) -> str:
    """Return the key of the report that counts: a newer one, if there is one."""
    return report_key(report.newer or report.id)


def _pool_of(post: Post) -> int | None:
    """Return the product that an incident is about, if it is one product."""
    return pool_in(post.body.get("subject")) if post.kind == "incident" else None


def _contested(body: dict[str, Any]) -> int | None:
    """Return the product that somebody else keeps changing, too."""
    pool = (body.get("facts") or {}).get("pool")
    return pool if isinstance(pool, int) else None


def render(post: Post, lookup: Lookup, now: datetime) -> Message | None:
    """Return what a post says now, its block ids those of its version; None: nothing to say."""
    said = _said(post, lookup, now)
    return None if said is None else versioned(said, post.version)


def _said(post: Post, lookup: Lookup, now: datetime) -> Message | None:
    body: dict[str, Any] = post.body
    match post.kind:
        case "stopped" if not post.ts and not lookup.stopped[0]:
            return None  # decided before the list was sent
        case each if each in LOOKED_UP:
            return LOOKED_UP[each](body, lookup)
        case "incident":
            return _incident(body, lookup, now)
        case each if each in PLAIN:
            return PLAIN[each](body)
        case "reminder" if len(body["lines"]) == 1 and not body.get("left"):
            return _reminder(body, lookup, now)
        case _:
            head, sign = _head(post.kind, body)
            return incidents.summary(body=body, head=head, sign=sign, links=lookup.links.posts)


PLAIN: dict[str, Callable[[dict[str, Any]], Message]] = {
    "thread": lambda body: incidents.thread(rows=body["rows"]),
    "activity": lambda body: activity.group(body=body),
    "activity_thread": lambda body: activity.details(rows=body["rows"]),
    "summary": lambda body: activity.day(body=body),
    "shadow": lambda body: shadow.standing(body=body),
}


def _head(kind: str, body: dict[str, Any]) -> tuple[str, str]:
    """Return how a summary of several incidents begins, and how bad it is."""
    lines = body.get("lines") or {}
    n = len(lines) + int(body.get("left") or 0)
    over = sum(1 for each in lines.values() if each.get("over"))
    solved = f", {over} resolved" if over else ""
    match kind:
        case "quiet":
            return f"During quiet hours: {counted(n, 'incident')}{solved}.", "Note"
        case "reminder":
            return f"{counted(n, 'incident')} are still open.", "Critical"
        case "critical":
            return f"{counted(n, 'more incident')} in this hour{solved}.", "Critical"
        case "more":
            return f"{counted(n, 'more incident')} in this hour{solved}.", "Warning"
        case _:
            return f"Daily summary: {counted(n, 'event')}.", "Note"


def _report(body: dict[str, Any], lookup: Lookup) -> Message:
    """Return a report as it stands now; a preflight asks its one question."""
    found = lookup.report
    if found is None:
        return message(GONE)
    if found.kind is ReportKind.PREFLIGHT:
        asks = (each for each in lookup.proposals if each.kind is ProposalKind.MODE)
        return preflight(report=found, proposal=next(asks, None))
    latest = str((body.get("shown") or {}).get("link") or "")
    switched = body.get("mode_receipt")
    receipts = [each for each in lookup.receipts if each.id != switched]
    said = report(report=found, proposals=lookup.proposals, receipts=receipts, latest=latest)
    if not body.get("mode"):
        return said
    by = next((each for each in lookup.receipts if each.id == switched), None)
    parts = incidents.headline_of({"kind": "mode", "facts": body})
    return connected(report=found, said=said, mode=receipt_headline(by) if by else parts)


def _details(_body: dict[str, Any], lookup: Lookup) -> Message | None:
    """Return the details of a report, for its thread, if its own message has no room for them."""
    if lookup.report is None or len(lookup.proposals) <= MAX_ROWS_WITHOUT_THREAD:
        return None
    return details(report=lookup.report, proposals=lookup.proposals)


def _answer(_body: dict[str, Any], lookup: Lookup) -> Message:
    """Return the answer to the person who asked for a report."""
    if lookup.report is None:
        return message(GONE)
    return answer(report=lookup.report, url=lookup.links.posts.get(_counts(lookup.report), ""))


def _incident(body: dict[str, Any], lookup: Lookup, now: datetime) -> Message:
    """Return an incident; what people decided about it is its last line."""
    running = any(each.running for each in lookup.receipts)
    token = lookup.question.token if lookup.question and not running else ""
    moved = lookup.links.posts.get(f"{body.get('moved')}", "")
    said = incidents.incident(body=body, now=now, token=token, moved=moved)
    if pages := _pages(body, lookup):
        lines = list(takewhile(lambda each: each["type"] == "rich_text", said.blocks))
        rest = said.blocks[len(lines) :]
        said = Message(said.text, fit_blocks([*lines, *pages, *rest]))
    if not lookup.receipts:
        return said
    decided = bullets(map(receipt_headline, lookup.receipts))
    return Message(said.text, fit_blocks([*said.blocks, decided]))


def _reminder(body: dict[str, Any], lookup: Lookup, now: datetime) -> Message:
    """Return a reminder of one incident, as that is now, with its buttons."""
    (line,) = body["lines"].values()
    if lookup.incident is None:
        return incidents.reminder_of_one(line=line, body=body)
    line = {**lookup.incident.body, "hushed": line.get("hushed")}
    if not line.get("open"):
        return _incident(line, lookup, now)
    token = lookup.question.token if lookup.question else ""
    buttons = [] if body.get("later") else incidents.buttons(line, token, now)
    return incidents.reminder_of_one(line=line, body=body, buttons=buttons)


def _pages(body: dict[str, Any], lookup: Lookup) -> list[Block]:
    """Return the line that leads to the product in each store, else to the store, while open."""
    if lookup.pool is not None:
        return open_pages(lookup.pool)
    store = f"{body.get('store') or ''}"
    is_open = not body.get("over") and not body.get("moved")
    return open_line({store_name(store): lookup.stores.get(store, "")}) if is_open else []


def _receipt(_body: dict[str, Any], lookup: Lookup) -> Message | None:
    """Return a receipt as it stands now; what changed no stock is no news for the channel."""
    if not lookup.receipts or has_changed_nothing(lookup.receipts[0]):
        return None
    return receipt(receipt=lookup.receipts[0])


def _stopped(lookup: Lookup) -> Message:
    """Return what a safety stop is about, for its thread."""
    total, rows = lookup.stopped
    return products(total=total, rows=rows)


LOOKED_UP: dict[str, Callable[[dict[str, Any], Lookup], Message | None]] = {
    "report": _report,
    "report_thread": _details,
    "answer": _answer,
    "stopped": lambda _, lookup: _stopped(lookup),
    "receipt": _receipt,
}
