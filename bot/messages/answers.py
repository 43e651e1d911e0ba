"""Short answers to commands: help, what was unclear, what did not work, what was set."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    mention_part,
    mention_parts,
    message,
    sentence,
    share_button,
    title,
)
from bot.text import clean, counted, is_channel, store_name

LEVELS = {
    "all": "every problem and every change of stock, as it happens",
    "digest": "problems as they happen, and one summary a day",
    "problems": "problems only",
}
MAX_HELP_ROWS = 20  # of a group
MAX_APPROVERS_NAMED = 50
ENDS = (".", "!", "?", "\u2026", "`")


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpSection:
    """Some commands that belong together."""

    title: str
    rows: Sequence[tuple[str, str]]  # how to type it, what it does
    buttons: Sequence[tuple[str, str]] = ()  # a command's word, and what its button says


def help_message(*, sections: Sequence[HelpSection]) -> Message:
    """Say what there is, by what it is for; each group with questions to try at once."""
    blocks: list[Block] = []
    for nth, each in enumerate(sections):
        rows = [
            [code(clean(typed, 80)), f": {clean(does, 120)}"]
            for typed, does in each.rows[:MAX_HELP_ROWS]
        ]
        blocks.append(sentence(bold(clean(each.title, 80))))
        blocks += [bullets(rows)] if rows else []
        blocks += actions(f"help.{nth}", *(_try(*one) for one in each.buttons))
    return message(
        "Tipo keeps your stores' stock in sync. Type ",
        code("/tipo"),
        " and a product's name to see its stock, or one of these:",
        blocks=[*blocks, sentence("Commands don't work in threads; @Tipo and buttons do.")],
    )


def welcome(*, alerts: str, here: str) -> Message:
    """Introduce Tipo in a channel; `alerts` is the channel of its alerts, `here` is this one."""
    where: list[Part] = ["No channel for its alerts is set: see ", code("TIPO_SLACK__CHANNEL"), "."]
    if alerts == here:
        where = ["Its alerts and the night's report come to this channel."]
    elif is_channel(alerts):
        channel: Part = {"type": "channel", "channel_id": alerts}
        where = ["Its alerts and the night's report go to ", channel, "."]
    return message(
        "Tipo keeps your stores' stock in sync. Type ",
        code("/tipo"),
        " and a product's name to see its stock, or mention @Tipo. ",
        *where,
        blocks=actions(
            "welcome",
            _try("status", "Status"),
            _try("drift", "Open mismatches"),
            _try("help", "Help"),
        ),
    )


def _try(word: str, label: str) -> Block:
    name = clean(word, 40)
    return button(f"{Action.RUN}.{name}", label, name, says=f"Try /tipo {name}")


def no_product(*, words: str, nearest: Sequence[str], close: bool) -> Message:
    """Say that words are no product, and which command may have been meant by them."""
    parts: list[Part] = ["No product matches \u201c", clean(words, 80), "\u201d. "]
    if close:
        return message(*parts, "Did you mean ", *_either(nearest), "?")
    parts += ["Type a handle, a SKU, a barcode or words of the title. The nearest commands are "]
    return message(*parts, *_either(nearest, " and "), "; ", code("/tipo help"), " lists all.")


def _either(nearest: Sequence[str], joined: str = " or ") -> list[Part]:
    """Return the commands that may have been meant."""
    parts: list[Part] = []
    for each in nearest[:2]:
        parts += [joined if parts else "", code(f"/tipo {clean(each, 40)}")]
    return parts[1:]


def trouble(*, sentence: str) -> Message:
    """Say that something did not work; the sentence says why and what to do."""
    return message(clean(sentence, 600), sign="Warning")


def refused(*, sentence: str) -> Message:
    """Say why nothing was done: a slip of the finger, or something that has changed meanwhile."""
    told = clean(sentence, 600)
    return message(f"{told[:1].upper()}{told[1:]}{'' if told.endswith(ENDS) else '.'}")


def said(*, sentence: str, share: str = "") -> Message:
    """Answer in one sentence."""
    return message(clean(sentence, 600), blocks=actions("answer", share_button(share)))


def paused(*, by: str) -> Message:
    """Say that nothing is written until somebody resumes."""
    return message(
        "Writing is paused by ",
        mention_part(by),
        ". Sales are still counted; ",
        code("/tipo resume"),
        " writes all pending changes.",
        sign="Paused",
    )


def resumed(*, by: str) -> Message:
    """Say that what has come together is being written."""
    return message(
        mention_part(by),
        " resumed. All pending changes are being written now.",
        sign="Done",
    )


def buffer_done(*, levels: int, units: int, alias: str | None, product: str | None) -> Message:
    """Say what is kept back from whom."""
    what: list[Part] = [title(product)] if product else ["every product, new ones included,"]
    from_whom = store_name(alias) if alias else "every destination"
    if not units:
        return message(
            "No units of ",
            *what,
            f" are kept back from {from_whom} any more" + _of(levels),
            sign="Done",
        )
    return message(
        f"{counted(units, 'unit')} of ",
        *what,
        f" {'is' if units == 1 else 'are'} kept back from {from_whom}" + _of(levels),
        sign="Done",
    )


def _of(levels: int) -> str:
    """Return how many quantities that concerns."""
    return f" ({counted(levels, 'stock level')})."


def approvers(*, listed: Sequence[str]) -> Message:
    """Say who may approve."""
    if not listed:
        return message(
            "Every member of this channel can approve. To name people instead: ",
            code("/tipo approvers @ann @stock-team"),
            ".",
        )
    return message("Approvers: ", *mention_parts(listed, MAX_APPROVERS_NAMED), ".")


def quiet(*, start: str | None, end: str | None, zone: str, yours: str = "") -> Message:
    """Say when we are silent, by which clock, and by the reader's own if that shows other times."""
    if start is None or end is None:
        return message("No quiet hours are set: alerts come at any time.")
    other = f" For you that is {clean(yours, 100)}." if yours else ""
    return message(
        f"Quiet hours are {clean(start, 10)} to {clean(end, 10)} ({clean(zone, 60)}).{other} "
        "Critical alerts still come at once; the rest comes in one summary afterwards."
    )


def alerts(*, level: str) -> Message:
    """Say how much is told."""
    what = LEVELS.get(level, "as in your settings")
    return message(f"Alerts are set to {clean(level, 20)}: {what}.")
