"""A product that another app, or a person, keeps changing back: Tipo stops, and asks.

facts              what they say, as the core keeps them
-----------------  ----------------------------------------------------------------------
title, pool        the product
store              whose number kept being changed, the last if there are several
stores             where Tipo stopped updating it
pattern            undone, repeated, to_and_fro: what was seen
times, units       how often, and how many units the last time
seconds            within which time
follows            that store is one-way: its own changes count nowhere
"""

from collections.abc import Mapping

from bot.messages.action_ids import Action
from bot.messages.block_kit import (
    Block,
    Part,
    actions,
    bold,
    button,
    code,
    confirm_dialog,
    title,
)
from bot.text import duration, store_name, units
from sync_core.domain.proposals import Choice

Facts = Mapping[str, object]


def contest_headline(facts: Facts) -> list[Part]:
    """Return what was seen, where, how often, and within which time."""
    store, times, few = store_name(facts.get("store")), _int(facts, "times"), _int(facts, "units")
    product: list[Part] = [title(f"{facts.get('title') or 'A product'}"), " in ", bold(store)]
    within = f"within {duration(_int(facts, 'seconds'))}"
    match facts.get("pattern"):
        case "repeated":
            seen = f" changes a second time after each update by Tipo: {times} times {within}"
        case "to_and_fro":
            seen = f" went up and down {times} times {within}, as another store kept changing back"
        case _:
            seen = f" keeps being changed back: Tipo's updates were undone {times} times {within}"
    return [*product, f"{seen}, the last time by {units(few)}."]


def contest_lines(facts: Facts) -> list[list[Part]]:
    """Return what Tipo did, and what people can do."""
    stores = _stores(facts)
    did = (
        f"stopped updating this product in {stores}. Sales there still count, and the other "
        "stores are still updated."
    )
    lines: list[list[Part]] = [[bold("What Tipo did: "), did]]
    if facts.get("follows"):
        lines.append(
            [
                bold("Why: "),
                f"{store_name(facts.get('store'))} is one-way: Tipo overwrites changes there. ",
                "Make them in the source, or change the mode: ",
                code("/tipo mode"),
            ]
        )
    can = (
        "find the app or person that also sets this stock, and stop it for this product. "
        "Check the number in each store. Then resume."
    )
    return [*lines, [bold("What you can do: "), can]]


def contest_buttons(facts: Facts, token: str) -> list[Block]:
    """Return the one answer, and what helps to find who it is."""
    if not token:
        return []
    says = f"Tipo updates this product in {_stores(facts)} again, pending changes included."
    resume = button(
        f"{Action.DECIDE}.{Choice.RESUME}",
        "Resume",
        token,
        style="primary",
        confirm=confirm_dialog("Has the other app stopped?", says, "Resume"),
    )
    why = button(Action.POOL_HISTORY, "Why?", f"{facts.get('pool')}")
    return actions("contest", resume, why)


def _stores(facts: Facts) -> str:
    names = f"{facts.get('stores') or facts.get('store') or 'a store'}".split(", ")
    return " and ".join(map(store_name, names))


def _int(facts: Facts, name: str) -> int:
    found = facts.get(name)
    return found if isinstance(found, int) else 0
