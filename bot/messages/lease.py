"""Who writes to each store: the alerts, the question before a takeover, and what came of it.

facts        what they say, as the core keeps them
-----------  --------------------------------------------------------------------
holder       the short name of the other Tipo, if the store tells one
stores       which stores this database is older for
asks         the open question, for a button; empty once somebody takes over
taking_over  who takes over
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.messages.action_ids import Action
from bot.messages.block_kit import (
    Block,
    Message,
    Part,
    actions,
    bold,
    button,
    code,
    confirm_dialog,
    message,
)
from bot.messages.state import join_names
from bot.text import clean, store_name
from sync_core.domain.leases import LeaseState, Takeover, TakeoverAnswer, TakeoverQuestion

Facts = Mapping[str, Any]
THEN = (
    "This one then takes {numbers} as they are: products that match are in sync, mismatches wait "
    "for your decision. Nothing that happened before is repeated."
)
OLDER = (
    "Choose this only if there is no newer backup. Every store's numbers are taken as they are: "
    "products that match are in sync, mismatches wait for your decision. Nothing that happened "
    "before is repeated."
)


# -- the alerts
def lease_headline(facts: Facts, _: int) -> list[Part]:
    """Return that another Tipo writes to a store."""
    store = bold(store_name(facts.get("store")))
    if facts.get("taking_over"):
        by = clean(facts["taking_over"], 60)
        return [f"{by} is taking over ", store, ". Writing starts in a minute or two."]
    holder = f" ({clean(facts['holder'], 20)})" if facts.get("holder") else ""
    return ["Another Tipo writes to ", store, f"{holder}, so this one does not."]


def older_headline(facts: Facts, _: int) -> list[Part]:
    """Return that this database is older than what Tipo has done."""
    stores = join_names(f"{facts.get('stores') or 'the stores'}".split(", "))
    if facts.get("taking_over"):
        by = clean(facts["taking_over"], 60)
        return [f"{by} takes the numbers of {stores} as they are. This takes a minute or two."]
    why = "a backup was restored, or a copy of it runs elsewhere"
    return [f"This database is older than what Tipo has done in {stores}: {why}."]


def weak_headline(facts: Facts, _: int) -> list[Part]:
    """Return that a store keeps no mark of ours."""
    store = bold(store_name(facts.get("store")))
    return [store, " doesn't store Tipo's mark, so a backup that is copied back goes unnoticed."]


def baseline_headline(facts: Facts, _: int) -> list[Part]:
    """Return that somebody has had numbers taken as they are."""
    by = clean(facts.get("by") or "somebody", 60)
    where = store_name(facts["store"]) if facts.get("store") else "all stores"
    return [f"{by} took the numbers of {where} as they are. Mismatches wait for your decision."]


def lease_buttons(facts: Facts, _: str | None) -> list[Block]:
    """Return the answer that may be given at once, while the question of a store is open."""
    return _answer(facts, is_older=False)


def older_buttons(facts: Facts, _: str | None) -> list[Block]:
    """Return the answer that may be given at once, while that of the database is open."""
    return _answer(facts, is_older=True)


def _answer(facts: Facts, *, is_older: bool) -> list[Block]:
    asked, stores = f"{facts.get('asks') or ''}", [f"{facts.get('store') or 'the store'}"]
    return actions("lease", _button([asked], stores, is_older=is_older)) if asked else []


def _button(tokens: Sequence[str], stores: Sequence[str], *, is_older: bool) -> Block:
    names = join_names(stores)
    if is_older:
        label, question = "Take the stores' numbers\u2026", "Take the stores' numbers as they are?"
        says = OLDER
    else:
        label, question = f"Take over {names}\u2026", f"Take over {names}?"
        numbers = "its numbers" if len(stores) == 1 else "their numbers"
        says = f"The other Tipo stops within a minute. {THEN.format(numbers=numbers)}"
    confirm = confirm_dialog(question[:100], says, "Take over")
    return button(Action.TAKE_OVER, label, ",".join(tokens), style="danger", confirm=confirm)


# -- the command
def takeover_question(*, asked: Sequence[TakeoverQuestion]) -> Message:
    """Ask whether to take over; the button says what happens before it does anything."""
    parts: list[Part] = []
    buttons: list[Block] = []
    foreign = [each for each in asked if each.reason is LeaseState.FOREIGN]
    older = [each for each in asked if each.reason is LeaseState.OLDER]
    if foreign:
        stores = [each.stores[0] for each in foreign]
        parts += [f"Another Tipo writes to {join_names(stores)}, so this one does not. "]
        parts += ["Stop the other one if it should not run; take over if this one should write. "]
        buttons += actions("takeover", _button([e.token for e in foreign], stores, is_older=False))
    for each in older:
        parts += [f"This database is older than what Tipo has done in {join_names(each.stores)}. "]
        parts += ["Restore a newer backup if there is one; else take the stores' numbers. "]
        buttons += actions("older", _button([each.token], each.stores, is_older=True))
    parts += ["Until then nothing is written there."]
    return message(*parts, sign="Question", blocks=buttons)


def takeover_said(*, found: Takeover) -> Message:
    """Say what came of somebody's word."""
    stores = join_names(found.stores)
    match found.answer:
        case TakeoverAnswer.STARTED:
            words = f"Taking over {stores}. Writing starts in a minute or two; mismatches then "
            return message(words, "wait for your decision: ", code("/tipo drift"), ".")
        case TakeoverAnswer.RUNNING:
            by = clean(found.by, 60)
            return message(f"{by} is taking over {stores} already. Your answer changed nothing.")
        case TakeoverAnswer.OVER:
            return message(f"This Tipo writes to {stores} already. Nothing was changed.")
        case TakeoverAnswer.CHANGED:
            return message(
                "Something has changed since you were asked, so nothing was done. Ask again: ",
                code("/tipo takeover"),
                ".",
            )
