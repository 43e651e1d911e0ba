"""What findings and choices are called, and how their facts are told."""

from collections.abc import Iterable, Mapping

from bot.messages.block_kit import Part, title
from bot.text import clean, number, store_name
from sync_core.domain.proposals import Choice, Proposal, ProposalState, Write

KINDS = {
    "missed": "missed change",
    "missed_change": "missed change",
    "one_way": "changed in a one-way destination",
    "differs": "differs since the first meeting",
    "first_meeting": "differs since the first meeting",
    "unfinished": "a write may or may not have happened",
    "unfinished_write": "a write may or may not have happened",
    "refused": "the store refused our write",
    "edited_while_off": "edited while the connection was off",
    "one_way_changed": "changed in a one-way destination",
    "no_partner": "no partner",
    "ambiguous": "ambiguous match",
    "untracked": "not tracked",
    "not_stocked": "not stocked at its place",
    "location_closed": "location closed",
    "bundle": "bundle",
    "gift_card": "gift card",
    "renamed": "renamed",
    "oversold": "oversold",
    "presold": "pre-sold",
    "suspended": "left alone",
    "conflict": "in several pools",
    "circuit_breaker": "safety stop",
    "contested": "changed back by another app",
    "books": "unexplained quantity",
}
CHOICES = {
    Choice.ACCEPT: "Count the change",
    Choice.USE_SOURCE: "Use the source",
    Choice.USE_DESTINATION: "Use the destination",
    Choice.USE_LOWER: "Use the lower",
    Choice.USE_NUMBER: "Enter a number",
    Choice.KEEP: "Keep the difference",
    Choice.RETRY: "Try again",
    Choice.RESUME: "Resume",
    Choice.LINK: "Link them",
    Choice.IGNORE_MONTH: "Ignore for 30 days",
    Choice.IGNORE: "Ignore for ever",
    Choice.CONFIRM: "Confirm",
    Choice.RELEASE: "Apply",
    Choice.INVESTIGATE: "Looking into it",
    Choice.DISCARD: "Restore",
    Choice.DISMISS: "Dismiss",
}
ENDS = {
    ProposalState.APPROVED: "approved, and being carried out",
    ProposalState.DONE: "done",
    ProposalState.DISMISSED: "dismissed",
    ProposalState.OUTDATED: "replaced by newer numbers",
    ProposalState.EXPIRED: "expired: nobody answered in time",
}


def kind_words(kind: str) -> str:
    """Return what a kind of finding is called; an unknown one by its own name."""
    return KINDS.get(kind) or clean(kind.replace("_", " "), 60)


def cause(facts: Mapping[str, object]) -> str:
    """Return why it is so, as far as the facts say."""
    for name in ("cause", "evidence", "why", "words"):
        if facts.get(name):
            return clean(facts[name], 200)
    return ""


def numbers(facts: Mapping[str, object]) -> str:
    """Return what a store shows and should show, if the facts say so."""
    shows, should = facts.get("shows"), facts.get("should_show")
    if not isinstance(shows, int) and not isinstance(should, int):
        return ""
    store = f"{clean(facts['store'], 40)} " if facts.get("store") else ""
    return f"{store}shows {_known(shows)} instead of {_known(should)}"


def _known(value: object) -> str:
    return number(value) if isinstance(value, int) else "nothing"


def about(proposal: Proposal) -> list[Part]:
    """Return a finding in one line: its product, what is wrong, why."""
    told = cause(proposal.facts) or numbers(proposal.facts)
    tail = f" ({told})" if told else ""
    return [title(proposal.title or "Nameless"), f": {kind_words(proposal.subject)}{tail}"]


def written(writes: Iterable[Write], most: int = 4) -> str:
    """Return what is written where: eu 47 → 50."""
    lines = [
        f"{store_name(each.store)} {_known(each.before)} \u2192 {number(each.after)}"
        for each in writes
    ]
    left = len(lines) - most
    return ", ".join(lines[:most]) + (f" and {left} more" if left > 0 else "")


def recommended(proposal: Proposal) -> str:
    """Return what we would do, in words."""
    for each in proposal.options:
        if each.choice is proposal.recommended:
            return clean(each.words, 75)
    return "your decision"
