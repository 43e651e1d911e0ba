"""What a person is asked when Tipo is set up: for `tipo init`, and for what announces its own."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One setting that a person gives.

    Args:
        setting: Its name: `slack.bot_token` is TIPO_SLACK__BOT_TOKEN.
        asks: What is asked for, with the name that it has on the screen where it is found.
        reads: Makes a value of what was typed; raises ValueError with what is expected instead.
        blank: What an empty answer means; nothing: an answer is needed.
        unless: Another setting; where that is given, this one is not needed.
        needed: Whether the step is open as long as this has no value.
    """

    setting: str
    asks: str
    reads: Callable[[str], str | list[str]] = str.strip
    blank: str = ""
    unless: str = ""
    needed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Questions that are checked together.

    Args:
        name: For whoever checks it.
        title: Its heading.
        says: What to do before one can answer, a line each.
        questions: In the order in which they are asked.
        afterwards: What is left to do when `tipo serve` runs; may be empty.
    """

    name: str
    title: str
    says: tuple[str, ...]
    questions: tuple[Question, ...]
    afterwards: str = ""
