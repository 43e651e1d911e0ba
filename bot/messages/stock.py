"""What is in stock, where: live numbers beside what Tipo thinks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.messages.action_ids import Action
from bot.messages.block_kit import (
    MAX_CELL_CHARS,
    MAX_OPTIONS,
    Block,
    Message,
    Part,
    TableColumn,
    actions,
    button,
    code,
    context_block,
    link,
    message,
    more_line,
    open_line,
    option,
    plain_text,
    sentence,
    share_button,
    table,
    title,
)
from bot.text import ago, clean, counted, mrkdwn, number, signed, store_name
from sync_core.domain.values import Mode
from sync_core.domain.views import LevelView, PoolView

COLUMNS = (  # as many as a phone has room for
    TableColumn("Where", wrapped=True),
    TableColumn("Live", right=True),
    TableColumn("Expected", right=True),
    TableColumn("State", wrapped=True),
)
MANY_COLUMNS = (TableColumn("Product", wrapped=True), *COLUMNS)
MAX_POOLS = 8  # that one answer shows whole; more are chosen from a list
REASONS = {
    "missing": "deleted, or never stocked there",
    "untracked": "the store does not track its quantity",
    "inactive": "the location is closed or does not stock it",
    "bundle": "a bundle: made of other items",
    "gift_card": "a gift card",
    "refused": "the store refused an update",
    "unfinished": "unclear whether an update went through",
    "contested": "another app or a person keeps changing it back",
    "unbalanced": "its books don't add up",
}


def stock(
    *, pools: Sequence[PoolView], now: datetime, total: int | None = None, share: str = ""
) -> Message:
    """Say what each store shows, per pool."""
    if not pools:
        return message(
            "No product matches. Search by handle, SKU, barcode or words of the title; ",
            code("/tipo unmatched"),
            " lists products with no match.",
        )
    left = (total or len(pools)) - len(pools[:MAX_POOLS])
    parts = _one(pools[0]) if len(pools) == 1 else _several(pools[:MAX_POOLS], total or len(pools))
    blocks = _alone(pools[0], now) if len(pools) == 1 else _together(pools[:MAX_POOLS])
    share_it = actions("share", share_button(share))
    return message(
        *parts, blocks=[*blocks, *more_line(left, "/tipo stock <more words>"), *share_it]
    )


def _one(pool: PoolView) -> list[Part]:
    """Return the news of one pool in a sentence."""
    lead: list[Part] = [title(pool.title), f" at {clean(pool.location_group, 60)}: "]
    if pool.shared is None:
        return [*lead, "not synced yet, the initial comparison is still open."]
    if pool.shared < 0:
        below = number(-pool.shared)
        return [*lead, f"{below} pre-sold." if pool.presold else f"oversold by {below}."]
    pending = sum(1 for each in pool.levels if each.outstanding)
    apart = sum(1 for each in pool.levels if is_apart(each))
    rest = [f"{number(pending)} pending"] if pending else []
    rest += [f"{number(apart)} not synced"] if apart else []
    tail = f"; {counted(len(pool.levels), 'store')}, {', '.join(rest)}." if rest else ", in sync."
    return [*lead, f"{counted(pool.shared, 'unit')}{tail}"]


def is_apart(level: LevelView) -> bool:
    """Whether a level does not share the stock at the moment."""
    return level.suspended is not None or level.mode is Mode.OFF or not level.baselined


def _several(pools: Sequence[PoolView], total: int) -> list[Part]:
    """Return the news of several pools in a sentence."""
    units = sum(each.shared or 0 for each in pools)
    first = "" if total == len(pools) else f"the first {len(pools)} "
    return [f"{counted(total, 'match', 'matches')}; {first}share {counted(units, 'unit')}."]


def _alone(pool: PoolView, now: datetime) -> list[Block]:
    """Return the table of the one pool that was asked for, and what can be done with it."""
    rows, shown = table(COLUMNS, map(_row, pool.levels))
    facts = ["Not shared yet" if pool.shared is None else f"Shared stock {number(pool.shared)}"]
    if pool.moved_at is not None:
        facts.append(f"last changed {ago(pool.moved_at) if pool.moved_at <= now else 'just now'}")
    skus = sorted({each.sku for each in pool.levels if each.sku})[:3]
    facts += [f"SKU {mrkdwn(each, 60)}" for each in skus]
    why = button(
        Action.POOL_HISTORY, "Why this number?", f"{pool.id}", says=f"History: {pool.title}"
    )
    return [
        *rows,
        *_hidden(len(pool.levels) - shown),
        context_block(" \u00b7 ".join(facts)),
        *_unread(pool.levels),
        *open_pages(pool),
        *actions(f"pool-{pool.id}", why),
    ]


def open_pages(pool: PoolView) -> list[Block]:
    """Return the line that leads to a product in each store's admin."""
    return open_line({store_name(each.store): each.page for each in pool.levels})


def _together(pools: Sequence[PoolView]) -> list[Block]:
    """Return one table of several pools: a message takes no second one."""
    levels = [each for pool in pools for each in pool.levels]
    rows, shown = table(
        MANY_COLUMNS, ((_product(pool, e), *_row(e)) for pool in pools for e in pool.levels)
    )
    menu: Block = {
        "type": "static_select",
        "action_id": f"{Action.CHOOSE}.history",
        "placeholder": plain_text("Why this number?"),
        "options": [_choice(each) for each in pools],
    }
    return [
        *rows,
        *_hidden(len(levels) - shown),
        *_unread(levels),
        {"type": "actions", "block_id": "why", "elements": [menu]},
    ]


def _product(pool: PoolView, level: LevelView) -> object:
    """Return a product's title, which leads to its page in the store of that row."""
    return link(clean(pool.title, MAX_CELL_CHARS), level.page) if level.page else pool.title


def _hidden(left: int) -> list[Block]:
    """Return the line that says that a table had no room for all."""
    return [sentence(f"and {counted(left, 'more line')}: name one product.")] if left > 0 else []


def _unread(levels: Sequence[LevelView]) -> list[Block]:
    """Return which stores have not said what they show: unknown is never zero."""
    silent = list(dict.fromkeys(store_name(each.store) for each in levels if each.shows is None))
    if not silent:
        return []
    if all(each.shows is None for each in levels):
        return [sentence("No store was read just now: these are the numbers Tipo expects.")]
    names = ", ".join(silent[:5]) + (f" and {len(silent) - 5} more" if len(silent) > 5 else "")  # noqa: PLR2004
    return [sentence(f"Tipo couldn't read {names} just now, so live numbers are missing.")]


def _row(level: LevelView) -> tuple[object, ...]:
    """Return what the table says of a level."""
    expected = None if level.book is None else level.book + level.outstanding
    where = f"{store_name(level.store)} \u00b7 {level.location_group}"
    return (where, level.shows, expected, _state(level))


def _state(level: LevelView) -> str:
    """Return what a level is doing, the reason that matters most first."""
    if level.suspended is not None:
        return f"not synced: {REASONS.get(level.suspended, level.suspended)}"
    if level.mode is Mode.OFF:
        return "off"
    if not level.baselined:
        return "initial comparison open"
    if level.open_delta is not None:
        return f"writing {signed(level.open_delta)}"
    if level.awaits_refresh:
        return "being read again"
    return f"{signed(level.outstanding)} pending" if level.outstanding else _in_sync(level)


def _in_sync(level: LevelView) -> str:
    return "in sync" if level.pack == 1 else f"in sync, in packs of {number(level.pack)}"


def stock_choice(*, pools: Sequence[PoolView], words: str, then: str = "stock") -> Message:
    """Let people choose one of many; `then` says what for: stock, history or buffer.

    Without `words` they are what a message is about.
    """
    if not pools:
        return message("No product matches \u201c", clean(words, 80), "\u201d.")
    options = [_choice(each) for each in pools[:MAX_OPTIONS]]
    menu: Block = {
        "type": "static_select",
        "action_id": f"{Action.CHOOSE}.{then}",
        "placeholder": plain_text("Choose a product"),
        "options": options,
    }
    left = len(pools) - len(options)
    many = counted(len(pools), "product")
    lead = f"{many} match \u201c{clean(words, 80)}\u201d." if words else f"This is about {many}."
    return message(
        f"{lead} Which one do you mean?",
        blocks=[
            {"type": "actions", "block_id": "choose", "elements": [menu]},
            *more_line(left, "/tipo stock <more words>"),
        ],
    )


def _choice(pool: PoolView) -> dict[str, Any]:
    """Return a pool as a choice of a menu."""
    return option(
        f"{clean(pool.title, 60)} \u00b7 {clean(pool.location_group, 12)}",
        f"{pool.id}",
        f"{_shared(pool)} \u00b7 {clean(pool.handle, 50)}",
    )


def _shared(pool: PoolView) -> str:
    """Return a pool's quantity in a word or two."""
    return "not synced yet" if pool.shared is None else counted(pool.shared, "unit")
