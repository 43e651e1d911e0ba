"""What is in stock, where: live numbers beside what Tipo thinks."""

from collections.abc import Sequence
from datetime import datetime

from bot.messages.kit import (
    OPTIONS,
    Action,
    Block,
    Column,
    Message,
    Part,
    actions,
    button,
    code,
    context,
    message,
    more,
    option,
    plain,
    sentence,
    share_button,
    table,
    title,
)
from bot.text import ago, clean, counted, mrkdwn, number, signed
from sync_core.domain.values import Mode
from sync_core.domain.views import LevelView, PoolView

COLUMNS = (
    Column("Store", wrapped=True),
    Column("Place", wrapped=True),
    Column("Live", right=True),
    Column("Tipo's book", right=True),
    Column("To write", right=True),
    Column("State", wrapped=True),
)
POOLS = 8  # that one answer shows whole; more are chosen from a list
LEVELS = 40
REASONS = {
    "missing": "gone, or never stocked there",
    "untracked": "the store does not count it",
    "inactive": "the location is closed or does not stock it",
    "bundle": "a bundle: made of other items",
    "gift_card": "a gift card",
    "refused": "the store refused our change",
    "unfinished": "a change may or may not have happened",
}


def stock(
    *, pools: Sequence[PoolView], now: datetime, total: int | None = None, share: str = ""
) -> Message:
    """Say what each store shows, per pool."""
    if not pools:
        return message(
            "Nothing goes by that name. Search by handle, SKU, barcode or words of the title; ",
            code("/tipo unmatched"),
            " shows what shares its stock with nobody.",
        )
    shown = pools[:POOLS]
    blocks: list[Block] = []
    for each in shown:
        blocks += _pool(each, now, alone=len(shown) == 1)
    left = (total or len(pools)) - len(shown)
    share_it = actions("share", share_button(share))
    parts = _one(pools[0]) if len(pools) == 1 else _several(shown, total or len(pools))
    return message(*parts, blocks=[*blocks, *more(left, "/tipo stock <more words>"), *share_it])


def _one(pool: PoolView) -> list[Part]:
    """Return the news of one pool in a sentence."""
    lead: list[Part] = [title(pool.title), f" at {clean(pool.place, 60)}: "]
    if pool.shared is None:
        return [*lead, "the stores have not agreed on a number yet."]
    if pool.shared < 0:
        return [*lead, f"oversold by {counted(-pool.shared, 'unit')}."]
    owed = sum(1 for each in pool.levels if each.owed)
    tail = f"; {counted(owed, 'store')} still to be written." if owed else ", in every store."
    return [*lead, f"{counted(pool.shared, 'unit')}{tail}"]


def _several(pools: Sequence[PoolView], total: int) -> list[Part]:
    """Return the news of several pools in a sentence."""
    units = sum(each.shared or 0 for each in pools)
    return [f"{counted(total, 'match', 'matches')}; the first {len(pools)} share {number(units)}."]


def _pool(pool: PoolView, now: datetime, *, alone: bool) -> list[Block]:
    """Return a pool's table and what can be done with it."""
    head: list[Block] = [] if alone else [sentence(*_one(pool))]
    rows, shown = table(COLUMNS, (_row(each) for each in pool.levels), most=LEVELS // 4)
    left = len(pool.levels) - shown
    facts = [f"Shared {'not agreed' if pool.shared is None else number(pool.shared)}"]
    if pool.moved_at is not None:
        facts.append(f"last moved {ago(pool.moved_at) if pool.moved_at <= now else 'just now'}")
    skus = sorted({each.sku for each in pool.levels if each.sku})[:3]
    facts += [f"SKU {mrkdwn(each, 60)}" for each in skus]
    why = button(
        Action.POOL_HISTORY, "Why this number?", f"{pool.id}", says=f"History: {pool.title}"
    )
    return [
        *head,
        *rows,
        *([sentence(f"and {counted(left, 'store')} more.")] if left else []),
        context(" \u00b7 ".join(facts)),
        *_unread(pool),
        *actions(f"pool-{pool.id}", why),
    ]


def _unread(pool: PoolView) -> list[Block]:
    """Return which stores have not said what they show: unknown is never zero."""
    silent = [clean(each.store, 40) for each in pool.levels if each.shows is None]
    if not silent:
        return []
    if len(silent) == len(pool.levels):
        return [sentence("These are Tipo's own numbers: no store was read just now.")]
    names = ", ".join(silent[:5]) + (f" and {len(silent) - 5} more" if len(silent) > 5 else "")  # noqa: PLR2004
    return [sentence(f"{names} could not be read just now; Tipo's book says what it had.")]


def _row(level: LevelView) -> tuple[object, ...]:
    """Return what the table says of a level."""
    owed = signed(level.owed) if level.owed else 0
    return (level.store, level.place, level.shows, level.book, owed, _state(level))


def _state(level: LevelView) -> str:
    """Return what a level is doing, the reason that matters most first."""
    if level.suspended is not None:
        return f"left alone: {REASONS.get(level.suspended, level.suspended)}"
    if level.mode is Mode.OFF:
        return "off"
    if not level.met:
        return "waits for its first meeting"
    if level.open_delta is not None:
        return f"writing {signed(level.open_delta)}"
    if level.waits_for_look:
        return "to be read again"
    return "in step" if not level.owed else "due"


def stock_choice(*, pools: Sequence[PoolView], words: str, then: str = "stock") -> Message:
    """Let people choose one of many; `then` says what for: stock, history or buffer."""
    if not pools:
        return message("Nothing goes by the name \u201c", clean(words, 80), "\u201d.")
    options = [
        option(
            f"{clean(each.title, 60)} \u00b7 {clean(each.place, 12)}",
            f"{each.id}",
            f"{_shared(each)} \u00b7 {clean(each.handle, 50)}",
        )
        for each in pools[:OPTIONS]
    ]
    menu: Block = {
        "type": "static_select",
        "action_id": f"{Action.CHOOSE}.{then}",
        "placeholder": plain("Choose a product"),
        "options": options,
    }
    left = len(pools) - len(options)
    return message(
        f"{counted(len(pools), 'product')} match \u201c",
        clean(words, 80),
        "\u201d. Which one do you mean?",
        blocks=[
            {"type": "actions", "block_id": "choose", "elements": [menu]},
            *more(left, "/tipo stock <more words>"),
        ],
    )


def _shared(pool: PoolView) -> str:
    """Return a pool's quantity in a word or two."""
    return "not agreed" if pool.shared is None else counted(pool.shared, "unit")
