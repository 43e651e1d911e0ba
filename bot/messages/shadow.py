"""Shadow mode: what would have been written, whether it would have gone wrong, and [Go live].

A body is what the outbox keeps of a `ShadowView`, or what a report does: the same names.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

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
    context_block,
    date,
    message,
    title,
)
from bot.messages.history import verb
from bot.text import between, clean, counted, mrkdwn, number, signed, store_name, when
from sync_core.domain.shadow import EXPLANATIONS, SHADOW_WORDS, Shadow

Body = Mapping[str, Any]
MAX_WRITES = 4  # that one line names


def standing(*, body: Body) -> Message:
    """Say what shadow mode has come to: the one message about it, changed as it goes on."""
    if body.get("over"):
        return message(
            "Shadow mode has ended: ", *verdict(body), " Nothing of it was written.", sign="Done"
        )
    since, by = datetime.fromisoformat(body["since"]), mrkdwn(body.get("by") or "", 80)
    small = f"Since {when(since)}, turned on by {by}. As of {when(_at(body))}."
    latest = [_update(each) for each in body.get("latest") or []]
    return message(
        bold("Shadow mode:"),
        " nothing is written to any store. ",
        *verdict(body),
        sign="Note",
        blocks=[
            *([bullets(latest)] if latest else []),
            *wrong_lines(body),
            context_block(small, "The nightly check says whether it would have kept them equal."),
        ],
    )


def nothing_written() -> list[Part]:
    """Return that a report was made in shadow mode."""
    return [bold("Shadow mode"), ", nothing is written. "]


def verdict(body: Body) -> list[Part]:
    """Return in a sentence what shadow mode has come to."""
    wrong = sum((body.get("wrong") or {}).values())
    spell = between(datetime.fromisoformat(body["since"]), _at(body))
    many = counted(int(body.get("changes") or 0), "change")
    return [f"{spell}, {many}, ", bold(f"{number(wrong)} would have gone wrong"), "."]


def _at(body: Body) -> datetime:
    return datetime.fromisoformat(body["at"])


def _update(each: Body) -> list[Part]:
    """Return one change, and what Tipo would have written to the other stores."""
    delta, cause = int(each["delta"]), clean(each.get("cause") or "cause unknown", 80)
    writes: Sequence[Body] = each.get("writes") or ()
    told = ", ".join(
        f"{store_name(one['store'])} {number(one['before'])} \u2192 {number(one['after'])}"
        for one in writes[:MAX_WRITES]
    )
    left = f" and {len(writes) - MAX_WRITES} more" if len(writes) > MAX_WRITES else ""
    then = f". Would be written: {told}{left}" if told else ". Nothing would be written"
    return [
        date(datetime.fromisoformat(each["at"])),
        "  ",
        title(each.get("title") or "a product"),
        f": {store_name(each['store'])} {verb(delta, cause)} ({signed(delta)}), {cause}{then}",
    ]


def wrong_lines(body: Body) -> list[Block]:
    """Return what would have gone wrong, and what isn't part of it, by kind."""
    wrong, apart = (dict(body.get(each) or {}) for each in ("wrong", "apart"))
    lines: list[list[Part]] = [
        [bold(number(n)), f" {SHADOW_WORDS.get(kind, kind)}. {EXPLANATIONS.get(kind, '')}".rstrip()]
        for kind, n in wrong.items()
    ]
    names = ", ".join(
        f"{number(n)} {mrkdwn(SHADOW_WORDS.get(kind, kind))}" for kind, n in apart.items()
    )
    small = [context_block(f"Not part of it: {names}.")] if names else []
    return [*([bullets(lines)] if lines else []), *small]


def headline(shadow: Shadow) -> list[Part]:
    """Return that nothing is written, since when, and how that ends."""
    return [
        "Shadow mode: changes are counted, and nothing is written to any store (",
        f"{clean(shadow.by, 80)}, ",
        date(shadow.since),
        "). Go live with ",
        code("/tipo mode two-way"),
        ".",
    ]


def go_live() -> Block:
    """Return the button that asks for the end of shadow mode; it compares and asks first."""
    return button(Action.GO_LIVE, "Go live\u2026", "live", style="primary")


def go_live_row(name: str) -> list[Block]:
    """Return a row with that button."""
    return actions(f"{name}-live", go_live())
