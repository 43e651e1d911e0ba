"""Who sold how much of what, and who follows: a group of movements, its thread, a day."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.messages.block_kit import (
    Block,
    Message,
    Part,
    TableColumn,
    bold,
    bullets,
    context_block,
    date,
    link,
    message,
    sentence,
    table,
    title,
)
from bot.messages.history import verb
from bot.text import between, clean, counted, number, signed, store_name, when

CHANGES = ("sold", "refunded", "restocked", "changed")
COLUMNS = (  # as many as a phone has room for
    TableColumn("Store", wrapped=True),
    TableColumn("Units", wrapped=True),
    TableColumn("Of", wrapped=True),
)
Body = Mapping[str, Any]


def group(*, body: Body) -> Message:
    """Say what one store did, and who follows."""
    store = store_name(body.get("store"))
    others = [store_name(each) for each in body.get("others", [])]
    what: list[Part] = [title(body.get("title") or "one product")]
    if len(body.get("products", [])) != 1:
        what = [products(body)]
    begun, until = (datetime.fromisoformat(body[each]) for each in ("begun", "until"))
    spell = f", within {between(begun, until)}" if until > begun else ""
    return message(
        bold(store),
        f" {changes(body)} of ",
        *what,
        f"; {_follow(others)}." if body.get("followed") else "; no other store follows.",
        blocks=[
            context_block(
                f"{counted(body.get('movements', 0), 'change')} since {when(begun)}{spell}"
            )
        ],
    )


def changes(body: Body) -> str:
    """Return what was done how often: sold 12 units, restocked 10."""
    done = body.get("acts", {})
    told = [(each, done[each]) for each in CHANGES if done.get(each)]
    words = [
        f"{change} {counted(n, 'unit')}" if not at else f"{change} {number(n)}"
        for at, (change, n) in enumerate(told)
    ]
    if not words:
        return "changed nothing"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _units(done: Mapping[str, int]) -> str:
    """Return the same in short: 12 sold, 10 restocked."""
    return ", ".join(f"{number(done[each])} {each}" for each in CHANGES if done.get(each))


def products(body: Body) -> str:
    """Return of how many products."""
    n = len(body.get("products", []))
    return f"more than {counted(n, 'product')}" if body.get("further") else counted(n, "product")


def _follow(others: list[str]) -> str:
    """Return who follows."""
    if not others:
        return "the other stores follow"
    if len(others) == 1:
        return f"{others[0]} follows"
    left = len(others) - 3
    names = ", ".join(others[:3]) + (f" and {left} more" if left > 0 else "")
    return f"{names} follow"


def details(*, rows: list[Any]) -> Message:
    """Say movement by movement what happened, for a thread."""
    lines = [_movement(row) for row in rows]
    blocks: list[Block] = [bullets(lines)] if lines else []
    return message(f"{counted(len(rows), 'change')} in detail:", blocks=blocks)


def _movement(row: list[Any]) -> list[Part]:
    """Return one movement in one line."""
    at, name, delta, cause, followed, *pages = row  # an older Tipo kept no page of the order
    told = f": {verb(delta, cause)} ({signed(delta)}), "
    why = link(clean(cause or "cause unknown", 80), pages[0] if pages else "")
    tail: list[Part] = [] if followed else ["; not synced"]
    return [date(datetime.fromisoformat(at)), "  ", title(name), told, why, *tail]


def day(*, body: Body) -> Message:
    """Say in one message what a day brought."""
    stores: Mapping[str, Body] = body.get("stores", {})
    total = sum(sum(each.get("acts", {}).values()) for each in stores.values())
    sold = sum(each.get("acts", {}).get("sold", 0) for each in stores.values())
    rows = (
        (store_name(store), _units(each.get("acts", {})), products(each))
        for store, each in sorted(stores.items())
    )
    blocks, shown = table(COLUMNS, rows)
    left = len(stores) - shown
    return message(
        f"Daily summary: {counted(sold, 'unit')} sold, {counted(total, 'unit')} changed in all, "
        f"in {counted(len(stores), 'store')}.",
        blocks=[*blocks, *([sentence(f"and {counted(left, 'store')} more.")] if left > 0 else [])],
    )
