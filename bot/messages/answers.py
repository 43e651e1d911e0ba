"""Short answers to commands: help, what was unclear, what did not work, what was set."""

from collections.abc import Sequence

from bot.messages.block_kit import (
    Message,
    Part,
    TableColumn,
    actions,
    code,
    mention_part,
    message,
    sentence,
    share_button,
    table,
    title,
)
from bot.text import clean, counted

LEVELS = {
    "all": "every group of movements as it happens, and every problem",
    "digest": "one summary a day, and every problem as it happens",
    "problems": "problems only",
}


def help_message(*, commands: Sequence[tuple[str, str]], nearest: Sequence[str] = ()) -> Message:
    """Say what there is; `commands` are pairs of how to type it and what it does."""
    parts: list[Part] = ["I keep the stock of your stores equal. This is what you can ask me:"]
    if nearest:
        parts = ["Did you mean ", *_either(nearest), "? This is what you can ask me:"]
    columns = (TableColumn("Type", wrapped=True), TableColumn("It does", wrapped=True))
    blocks, _ = table(columns, commands)
    tip = sentence("Commands do not work inside threads; buttons do.")
    return message(*parts, blocks=[*blocks, tip])


def unclear(*, words: str, nearest: Sequence[str]) -> Message:
    """Say that a command was not understood, and what may have been meant."""
    parts: list[Part] = ["I do not know \u201c", clean(words, 80), "\u201d. "]
    if nearest:
        parts += ["Did you mean ", *_either(nearest), "?"]
    else:
        parts += [code("/tipo help"), " shows what you can ask me."]
    return message(*parts)


def _either(nearest: Sequence[str]) -> list[Part]:
    """Return the commands that may have been meant."""
    parts: list[Part] = []
    for each in nearest[:2]:
        parts += [" or " if parts else "", code(f"/tipo {clean(each, 40)}")]
    return parts[1:]


def trouble(*, sentence: str) -> Message:
    """Say that something did not work; the sentence says why and what to do."""
    return message(clean(sentence, 600), sign="Warning")


def said(*, sentence: str, share: str = "") -> Message:
    """Answer in one sentence."""
    return message(clean(sentence, 600), blocks=actions("answer", share_button(share)))


def paused(*, by: str) -> Message:
    """Say that nothing is written until somebody resumes."""
    return message(
        "Writing is paused by ",
        mention_part(by),
        ". Sales go on being counted; ",
        code("/tipo resume"),
        " writes the sum.",
        sign="Paused",
    )


def resumed(*, by: str) -> Message:
    """Say that what has come together is being written."""
    return message(
        mention_part(by),
        " resumed. What has come together meanwhile is being written now.",
        sign="Done",
    )


def buffer_done(*, levels: int, units: int, alias: str | None, product: str | None) -> Message:
    """Say what is kept back from whom."""
    what: list[Part] = [title(product)] if product else ["every product, also those to come"]
    from_whom = clean(alias, 40) if alias else "every destination"
    if not units:
        return message(
            "Nothing is kept back any more from ",
            from_whom,
            " of ",
            *what,
            _of(levels),
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
    return f" ({counted(levels, 'quantity', 'quantities')})."


def approvers(*, listed: Sequence[str]) -> Message:
    """Say who may approve."""
    if not listed:
        return message("Every member of this channel may approve. Name people to change that.")
    parts: list[Part] = []
    for each in listed[:50]:
        parts += [", " if parts else "", mention_part(each)]
    left = f" and {len(listed) - 50} more" if len(listed) > 50 else ""  # noqa: PLR2004
    return message("These may approve: ", *parts[1:], f"{left}.")


def quiet(*, start: str | None, end: str | None, zone: str) -> Message:
    """Say when we are silent."""
    if start is None or end is None:
        return message("There are no quiet hours: alerts come at any time.")
    return message(
        f"Quiet hours are {clean(start, 10)} to {clean(end, 10)} ({clean(zone, 60)}). "
        "What is critical comes all the same; the rest comes as one summary afterwards."
    )


def alerts(*, level: str) -> Message:
    """Say how much is told."""
    what = LEVELS.get(level, "what your settings say")
    return message(f"Alerts are set to {clean(level, 20)}: {what}.")
