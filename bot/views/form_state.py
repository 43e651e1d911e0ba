"""What a form must remember from page to page: it travels in `private_metadata`, which holds 3,000.

Whoever sees the form can read it. It holds tokens and choices, never trust.
"""

import json
from dataclasses import dataclass, field

from sync_core.domain.bulk_decisions import BulkChoice
from sync_core.domain.proposals import Choice

MAX_METADATA_CHARS = 2_900  # characters, a little below Slack's 3,000
Decided = dict[int, tuple[Choice, int | None]]
PoolDecision = dict[
    int, tuple[Choice | None, int | None]
]  # None: it stays open, whatever the rest does


@dataclass(frozen=True, slots=True, kw_only=True)
class FormState:
    """What somebody has chosen so far about a report, or a proposal."""

    token: str
    chosen: PoolDecision = field(default_factory=dict)
    rest: Choice | None = None  # for all that is not chosen above
    upto: int | None = None  # the newest proposal that a preview has shown

    def decided(self) -> Decided:
        """Return what was decided one by one."""
        return {key: (each, n) for key, (each, n) in self.chosen.items() if each is not None}

    def for_all(self, *, zeros: bool = False) -> BulkChoice | None:
        """Return what was chosen for all others, if anything was."""
        if self.rest is None:
            return None
        without = frozenset(self.chosen)
        return BulkChoice(choice=self.rest, without=without, zeros=zeros, upto=self.upto)


def dump_form(form: FormState) -> str:
    """Return a form as text."""
    kept = {
        "t": form.token,
        "c": [[key, each, n] for key, (each, n) in form.chosen.items()],
        "r": form.rest,
        "u": form.upto,
    }
    return json.dumps({k: v for k, v in kept.items() if v}, separators=(",", ":"))


def load_form(metadata: str) -> FormState:
    """Return it again; what cannot be read is nothing: the token then opens nothing."""
    try:
        found = json.loads(metadata)
        chosen = {
            int(key): (None if each is None else Choice(each), n)
            for key, each, n in found.get("c", [])
        }
        rest = Choice(found["r"]) if found.get("r") else None
        upto = None if found.get("u") is None else int(found["u"])
        return FormState(token=str(found["t"]), chosen=chosen, rest=rest, upto=upto)
    except (ValueError, TypeError, KeyError, AttributeError):
        return FormState(token="")
