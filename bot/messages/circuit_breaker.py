"""The safety stop: a store that drops all at once, and the question what of it is right.

facts      what they say, as the core keeps them
---------  ------------------------------------------------------------------------------
rule       emptied: products dropped to 0; moved: many units changed at once
pools      how many products, units: how many units: what Restore would set back
stopped    in how many products an update was stopped, by store
reached    in how many products it had got there before, by store
"""

from collections.abc import Mapping, Sequence

from bot.messages.action_ids import Action
from bot.messages.block_kit import (
    Block,
    Message,
    Part,
    TableColumn,
    actions,
    bold,
    button,
    code,
    confirm_dialog,
    message,
    more_line,
    table,
)
from bot.messages.modes import count
from bot.text import clean, counted, number, store_name, units
from sync_core.domain.proposals import Choice
from sync_core.domain.views import StoppedProduct

Facts = Mapping[str, object]
MAX_STORES_ON_BUTTON = 2  # stores that a button names
EXPORT = "tipo safety-stop --csv products.csv"
COLUMNS = (  # as many as a phone has room for
    TableColumn("Product", wrapped=True),
    TableColumn("Stock", wrapped=True),
    TableColumn("Also in", wrapped=True),
)


def breaker_headline(facts: Facts) -> list[Part]:
    """Return how bad it is: what dropped, what was stopped, and what was not."""
    store, pools = store_name(facts.get("store")), count(dict(facts), "pools")
    what = counted(pools, "product") if pools else "Many products"
    how = "dropped to 0"
    if facts.get("rule") == "moved":
        how = f"changed by {units(count(dict(facts), 'units'))}"
    unseen = "" if facts.get("orders_known") is False else " with no matching orders"
    parts: list[Part] = [f"{what} {how} in {store}{unseen}."]
    if facts.get("ended"):
        return parts
    return [*parts, *_extent(_by_store(facts, "stopped"), _by_store(facts, "reached"))]


def _extent(stopped: Mapping[str, int], reached: Mapping[str, int]) -> list[Part]:
    """Return how many updates were stopped, and how many had got through."""
    total = sum(stopped.values())
    if not reached:
        if not total:
            return [" No other store was due an update."]
        return [f" Tipo stopped {counted(total, 'update')}; none had reached another store."]
    told = ", ".join(f"{number(n)} had already reached {name}" for name, n in reached.items())
    if not total:
        return [" Tipo was too late to stop it: ", bold(told), "."]
    return [f" Tipo stopped {counted(total, 'update')}; ", bold(told), "."]


def _by_store(facts: Facts, name: str) -> dict[str, int]:
    """Return counts by store, the greatest first, by the names that people read."""
    kept = facts.get(name)
    if not isinstance(kept, Mapping):
        return {}
    known = sorted(kept.items(), key=lambda each: (-each[1], each[0]))
    return {store_name(store): n for store, n in known if isinstance(n, int) and n}


def breaker_lines(facts: Facts) -> list[list[Part]]:
    """Return what Tipo does meanwhile, and what each answer would do."""
    store = store_name(facts.get("store"))
    lines: list[list[Part]] = []
    if facts.get("orders_known") is False:
        lines.append(
            [
                f"Tipo can't see the orders of {store}, so some of these may be real sales. ",
                code("tipo doctor"),
                " lists what it needs to see them.",
            ]
        )
    waits = "Nothing more of this is written until somebody decides. Other sales are still synced."
    back = f"Restore if it is a mistake: {_restores(facts)}"
    return [*lines, [waits], [_applies(facts)], [back]]


def _applies(facts: Facts) -> str:
    """Return what it means that the store is right."""
    if not _by_store(facts, "stopped"):
        return "Keep the new numbers if they are right: nothing is written."
    return f"{_apply(facts)} if it is right: {_written_to(facts)}."


def _written_to(facts: Facts) -> str:
    stopped = _by_store(facts, "stopped")
    few = ", ".join(f"{counted(n, 'product')} in {name}" for name, n in stopped.items())
    return f"changes {few}" if few else "nothing is written"


def _restores(facts: Facts) -> str:
    """Return what is written if the store's stock is restored."""
    store, pools = store_name(facts.get("store")), count(dict(facts), "pools")
    what = f"{counted(pools, 'product')} in {store}" if pools else f"the products in {store}"
    reached = " and ".join(_by_store(facts, "reached"))
    also = f", also in {reached} where the change had arrived" if reached else ""
    return f"sets {what} back to the previous numbers{also}. What was sold since stays sold."


def _apply(facts: Facts) -> str:
    """Return the name of the button that says that the store is right."""
    names = sorted(_by_store(facts, "stopped"))
    if not names:
        return "Keep the new numbers"
    return (
        f"Apply to {' and '.join(names)}"
        if len(names) <= MAX_STORES_ON_BUTTON
        else "Apply to all stores"
    )


def breaker_buttons(facts: Facts, token: str | None) -> list[Block]:
    """Return the two answers, if there is a question that can be answered."""
    if not token:
        return []
    store, label = store_name(facts.get("store")), _apply(facts)
    apply = confirm_dialog(f"{label}?", f"{_capital(_written_to(facts))}.", "Apply")
    restore = confirm_dialog(f"Restore {store}'s stock?", _capital(_restores(facts)), "Restore")
    return actions(
        "circuit_breaker",
        button(f"{Action.DECIDE}.{Choice.RELEASE}", label, token, confirm=apply),
        button(
            f"{Action.DECIDE}.{Choice.DISCARD}",
            f"Restore {store}'s stock\u2026",
            token,
            style="danger",
            confirm=restore,
        ),
    )


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def products(*, total: int, rows: Sequence[StoppedProduct]) -> Message:
    """List what a safety stop is about, for its thread."""
    if not total:
        return message("No updates are stopped any more.")
    blocks, shown = table(COLUMNS, map(_row, rows))
    few = "This product" if total == 1 else f"These {number(total)} products"
    return message(
        f"{few} changed, the largest first.",
        blocks=[*blocks, *more_line(total - shown, EXPORT)],
    )


def _row(product: StoppedProduct) -> tuple[object, ...]:
    before, now = ("?" if each is None else number(each) for each in (product.before, product.now))
    sku = f" \u00b7 {clean(product.sku, 60)}" if product.sku else ""
    reached = ", ".join(store_name(each) for each in product.reached)
    return (f"{product.title}{sku}", f"{before} \u2192 {now}", reached or None)
