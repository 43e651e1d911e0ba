"""Why is this 45? The timeline of one pool, newest last."""

from collections.abc import Sequence

from bot.messages.action_ids import Action
from bot.messages.block_kit import (
    Block,
    Message,
    Part,
    actions,
    bold,
    bullets,
    button,
    code,
    date,
    link,
    message,
    sentence,
    share_button,
    title,
)
from bot.messages.links import NO_LINKS, Links
from bot.messages.stock import open_pages
from bot.text import clean, counted, duration, number, signed, store_name
from sync_core.domain.views import HistoryEntry, PoolView

MAX_LINES = 40  # that are shown; the latest count
LINES_PER_BLOCK = 10


def history(
    *,
    pool: PoolView,
    entries: Sequence[HistoryEntry],
    share: str = "",
    links: Links = NO_LINKS,
) -> Message:
    """Tell who moved what, which order it was, and what Tipo wrote.

    A decision leads to the message that shows it.
    """
    shown = list(entries)[-MAX_LINES:]
    left = len(entries) - len(shown)
    blocks: list[Block] = []
    if left:
        blocks.append(
            sentence(f"{counted(left, 'earlier entry', 'earlier entries')} before these.")
        )
    pages = [
        shown[start : start + LINES_PER_BLOCK] for start in range(0, len(shown), LINES_PER_BLOCK)
    ]
    blocks += [bullets(line(each, links) for each in page) for page in pages]
    all_of_it = sentence("All of it, as a file: ", code("tipo export"))
    buttons = actions(
        "history", button(Action.POOL_STOCK, "Live numbers", f"{pool.id}"), share_button(share)
    )
    return message(
        *_headline(pool, entries),
        blocks=[*blocks, *([all_of_it] if left else []), *open_pages(pool), *buttons],
    )


def _headline(pool: PoolView, entries: Sequence[HistoryEntry]) -> list[Part]:
    """Return the answer in one sentence."""
    shared = "not synced yet" if pool.shared is None else number(pool.shared)
    lead: list[Part] = [
        title(pool.title),
        f" at {clean(pool.location_group, 60)} is ",
        bold(shared),
    ]
    moved = [each for each in entries if each.kind == "movement"]
    if not moved:
        return [*lead, ": no changes yet."]
    return [*lead, f". Last of {counted(len(moved), 'change')}: ", *_told(moved[-1], NO_LINKS), "."]


def line(entry: HistoryEntry, links: Links = NO_LINKS) -> list[Part]:
    """Return one line of the timeline."""
    parts: list[Part] = [date(entry.at), "  ", *_told(entry, links)]
    if entry.kind == "movement" and entry.shared is not None:
        parts += [" \u2192 ", bold(number(entry.shared))]
    if entry.kind == "movement" and entry.state == "not counted":
        parts += [" (not synced: this store is one-way)"]
    return parts


def _told(entry: HistoryEntry, links: Links) -> list[Part]:
    """Return what happened, without its time."""
    store = store_name(entry.store) if entry.store else ""
    match entry.kind:
        case "movement":
            return [f"{verb(entry.delta, entry.cause)} in {store}", *_reason(entry)]
        case "adjustment":
            return [f"Tipo wrote {signed(entry.delta)} to {store}{_fate(entry)}"]
        case "decision":
            by = [f" ({signed(entry.delta)})"] if entry.delta else []
            return [bold("Decision: "), *_decision(entry, links), *by]
        case "gap":
            where = store or "every store"
            return [bold("Gap: "), f"{clean(entry.cause, 200)} ({where})"]
        case _:
            return [f"{clean(entry.kind, 40)} {signed(entry.delta)} in {store}"]


def _decision(entry: HistoryEntry, links: Links) -> list[Part]:
    """Return who decided what; its receipt leads to the message that shows it."""
    receipt = f"receipt {entry.ref}"
    url = links.receipts.get(entry.ref)
    if not url or not entry.cause.endswith(f", {receipt}"):
        return [clean(entry.cause, 200)]
    return [clean(entry.cause.removesuffix(receipt), 180), " ", link(receipt, url)]


def verb(delta: int, cause: str) -> str:
    """Return what people did, in our own words: 5 sold, 10 restocked, 2 refunded."""
    many = number(abs(delta))
    cause = cause.lower()
    if "refund" in cause:
        return f"{many} refunded"
    if "cancelled" in cause:
        return f"{many} back from a cancelled order"
    if "order" in cause:
        return f"{many} sold"
    return f"{many} restocked or added" if delta > 0 else f"{many} removed"


def _reason(entry: HistoryEntry) -> list[Part]:
    """Return the cause beside a movement, unless the verb says it all."""
    if not entry.cause or entry.cause == "restock or edit":
        return []
    return [", ", link(clean(entry.cause, 120), entry.page)]


def _fate(entry: HistoryEntry) -> str:
    """Return what became of a write."""
    if entry.state == "settled":
        return f" after {duration(entry.seconds)}" if entry.seconds is not None else ""
    return f" ({clean(entry.state, 40)})"
