"""The brake: writes that are held until a person says that they are right."""

from collections.abc import Mapping
from datetime import datetime

from bot.messages.kit import (
    Action,
    Block,
    Message,
    Part,
    actions,
    asking,
    bullets,
    button,
    context,
    message,
    who,
)
from bot.messages.modes import count
from bot.text import clean, counted, units, when
from sync_core.domain.proposals import Choice

Facts = Mapping[str, object]


def brake(*, facts: Facts, token: str | None, at: datetime) -> Message:
    """Ask everybody whether what a store reports can be true."""
    lines: list[list[Part]] = [
        ["Tipo holds what this would write to the other stores. Sales are never held."],
        ["Release: the changes are right, write them."],
        ["Hold and investigate: nothing is written; everybody sees that you look into it."],
        ["Ignore these changes: they are wrong, give the store back what it had."],
    ]
    return message(
        *brake_news(facts),
        sign="Critical",
        blocks=[bullets(lines), *brake_buttons(token), context(f"Held since {when(at)}")],
    )


def brake_news(facts: Facts) -> list[Part]:
    """Return what pulled the brake, and who looks into it, in one sentence or two."""
    store = clean(facts.get("store") or "a store", 40)
    pools, moved = count(dict(facts), "pools"), count(dict(facts), "units")
    what = counted(pools, "product") if pools else "many products"
    total = f", {units(moved)} in all" if moved else ""
    how = HOW.get(f"{facts.get('rule')}", "changed at once")
    parts: list[Part] = [f"{what} {how} in {store} and no order explains it{total}."]
    if facts.get("held_by"):
        parts += [" ", who(f"{facts['held_by']}"), " looks into it."]
    return parts


HOW = {"emptied": "fell to zero", "moved": "moved at once"}


def brake_buttons(token: str | None) -> list[Block]:
    """Return the three answers, if there is a question that can be answered."""
    if not token:
        return []
    release = asking("Release these writes?", "What was held is written to all stores.", "Release")
    discard = asking(
        "Ignore these changes?", "The store is given back the numbers it had before.", "Ignore them"
    )
    return actions(
        "brake",
        button(f"{Action.DECIDE}.{Choice.RELEASE}", "Release", token, confirm=release),
        button(f"{Action.DECIDE}.{Choice.HOLD}", "Hold and investigate", token, style="primary"),
        button(
            f"{Action.DECIDE}.{Choice.DISCARD}",
            "Ignore these changes",
            token,
            style="danger",
            confirm=discard,
        ),
    )
