"""What a form must remember from page to page: it travels in `private_metadata`, which holds 3,000.

People who see the form can read it. It holds tokens and choices, never trust. Nothing of it is kept
in a process: a form that is open during a restart goes on, and one that an older version drew is
read as that version meant it.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from bot.messages.review import LEAVE, SUGGESTED, Picked, PoolDecision
from bot.text import number_in
from sync_core.domain.bulk_decisions import BulkChoice
from sync_core.domain.proposals import Choice

MAX_METADATA_CHARS = 2_900  # characters, a little below Slack's 3,000
Decided = dict[int, tuple[Choice, int | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormState:
    """What somebody has chosen so far about a report, or a proposal."""

    token: str
    chosen: PoolDecision = field(default_factory=dict)
    rest: str = LEAVE  # for all that is not chosen above
    upto: int | None = None  # the newest proposal that was open when people began to choose
    offset: int = 0  # of the page of a review
    page: tuple[int, ...] = ()  # the proposals on it

    def decided(self) -> Decided:
        """Return what was decided one by one."""
        return {
            key: (each.choice, each.number)
            for key, each in self.chosen.items()
            if each.choice is not None
        }

    def for_all(self, *, zeros: bool = False) -> BulkChoice | None:
        """Return what was chosen for all others, if anything was."""
        if self.rest == LEAVE:
            return None
        choice = None if self.rest == SUGGESTED else Choice(self.rest)
        return BulkChoice(
            choice=choice, without=frozenset(self.chosen), zeros=zeros, upto=self.upto
        )

    def without(self, gone: frozenset[int]) -> "FormState":
        """Return it without the choices about some proposals."""
        kept = {key: each for key, each in self.chosen.items() if key not in gone}
        return replace(self, chosen=kept)

    @property
    def is_too_long(self) -> bool:
        """Whether it is more than a form can remember."""
        return len(dump_form(self)) > MAX_METADATA_CHARS


def dump_form(form: FormState) -> str:
    """Return a form as text."""
    chosen = sorted(form.chosen.items())
    kept = {
        "t": form.token,
        "c": [[key, each.choice, each.number, int(each.is_safe)] for key, each in chosen],
        "r": "" if form.rest == LEAVE else form.rest,
        "u": form.upto,
        "o": form.offset,
        "p": form.page,
    }
    return json.dumps({k: v for k, v in kept.items() if v}, separators=(",", ":"))


def load_form(metadata: str) -> FormState:
    """Return it again; what cannot be read is nothing: the token then opens nothing."""
    try:
        found = json.loads(metadata)
        return FormState(
            token=str(found["t"]),
            chosen=dict(_picked(*each) for each in found.get("c", [])),
            rest=_rest(found.get("r")),
            upto=None if found.get("u") is None else _number(found["u"]),
            offset=_number(found.get("o", 0)),
            page=tuple(_number(each) for each in found.get("p", [])),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return FormState(token="")


def _picked(
    key: int, choice: str | None, entered: int | None, is_safe: int = 0
) -> tuple[int, Picked]:
    """Return a choice from its text; older versions did not keep whether a suggestion is safe."""
    picked = None if choice is None else Choice(choice)
    number = None if entered is None else _number(entered)
    return _number(key), Picked(picked, number, bool(is_safe))


def _number(kept: int) -> int:
    found = number_in(f"{kept}")
    if found is None:
        raise ValueError("no number of ours")
    return found


def _rest(kept: Any) -> str:
    if not kept:
        return LEAVE
    return SUGGESTED if kept == SUGGESTED else Choice(kept).value
