"""Variants that share their stock with nobody, page by page, and what to do about them."""

from collections.abc import Sequence

from bot.messages.action_ids import Action
from bot.messages.block_kit import (
    MAX_CELL_CHARS,
    Block,
    Message,
    Part,
    TableColumn,
    actions,
    bold,
    bullets,
    button,
    link,
    message,
    pager,
    share_button,
    table,
)
from bot.text import clean, counted, store_name
from sync_core.domain.views import Unmatched

COLUMNS = (
    TableColumn("Store"),
    TableColumn("Product", wrapped=True),
    TableColumn("SKU", wrapped=True),
    TableColumn("Why", wrapped=True),
)
REMEDIES = {
    "no match": "Give it the same handle and options (or SKU, or barcode) as in the other store.",
    "barcode": "Leave each barcode on one variant per store; it matches nothing until then.",
    "several": "Make handles (or SKUs, or barcodes) unique within each store.",
    "not tracked": "Switch on \u201cTrack quantity\u201d to sync it.",
    "nothing to match by": "Give it a SKU or a barcode.",
    "bundle": "Nothing to do: the items in it are synced.",
    "gift card": "Nothing to do: gift cards have no stock.",
}


def unmatched(
    *, total: int, rows: Sequence[Unmatched], offset: int, page: int = 20, share: str = ""
) -> Message:
    """Say who found no partner, why, and what to do."""
    if not rows:
        words = "Every variant has a match." if not total else "There are no more."
        return message(words, blocks=actions("unmatched", share_button(share)))
    shown_rows = rows[:page]
    blocks, shown = table(
        COLUMNS,
        ((store_name(each.store), _name(each), each.sku or None, each.why) for each in shown_rows),
    )
    few = "isn't" if total == 1 else "aren't"
    return message(
        f"{counted(total, 'variant')} {few} matched with another store.",
        blocks=[
            *blocks,
            *_advice(shown_rows),
            *([pager(Action.UNMATCHED_PAGE, offset, page, total)] if total > page else []),
            *actions(
                "unmatched",
                _on(offset + shown, total),
                share_button(share),
            ),
        ],
    )


def _name(variant: Unmatched) -> object:
    """Return a variant's title, which leads to its product where that is known."""
    if not variant.page:
        return variant.title
    return link(clean(variant.title, MAX_CELL_CHARS), variant.page)


def _on(after: int, total: int) -> Block | None:
    """Return the button to the next page."""
    return button(Action.UNMATCHED_PAGE, "Next", f"{after}") if after < total else None


def _advice(rows: Sequence[Unmatched]) -> list[Block]:
    """Return what to do about each reason that occurs here."""
    lines: list[list[Part]] = []
    for start, words in REMEDIES.items():
        if any(each.why.startswith(start) for each in rows):
            lines.append([bold(clean(start).capitalize()), f": {words}"])
    return [bullets(lines)] if lines else []
