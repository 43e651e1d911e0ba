"""What findings and choices are called, and how their facts are told.

Wherever mismatches are listed, a row says the same three things: the product, with a link to its
page in Shopify's admin; what each store shows; the suggested fix.
"""

from collections.abc import Iterable, Mapping

from bot.messages.block_kit import Part, bold_link, link
from bot.text import clean, counted, mrkdwn, number, store_name
from sync_core.domain.admin_pages import ADMIN
from sync_core.domain.proposals import Choice, Proposal, ProposalState, Write
from sync_core.domain.suggestions import UNDECIDED, levels_text, suggested_fix

KINDS = {
    "missed": "missed change",
    "missed_change": "missed change",
    "one_way": "changed in a one-way store",
    "differs": "different in the initial comparison",
    "first_meeting": "different in the initial comparison",
    "unfinished": "unclear whether an update went through",
    "unfinished_write": "unclear whether an update went through",
    "refused": "the store refused an update",
    "edited_while_off": "edited while the connection was off",
    "one_way_changed": "changed in a one-way store",
    "no_partner": "no match",
    "ambiguous": "ambiguous match",
    "untracked": "not tracked",
    "not_stocked": "not stocked at its location",
    "location_closed": "location closed",
    "bundle": "bundle",
    "gift_card": "gift card",
    "renamed": "renamed",
    "oversold": "oversold",
    "presold": "pre-sold",
    "suspended": "not synced",
    "conflict": "matches several products",
    "circuit_breaker": "safety stop",
    "contested": "changed back by another app",
    "books": "unexplained quantity",
}
COUNTED = {  # one of them, and several
    "missed": ("missed change", "missed changes"),
    "missed_change": ("missed change", "missed changes"),
    "one_way": ("change in a one-way store", "changes in a one-way store"),
    "one_way_changed": ("change in a one-way store", "changes in a one-way store"),
    "unfinished": ("unclear update", "unclear updates"),
    "unfinished_write": ("unclear update", "unclear updates"),
    "refused": ("refused update", "refused updates"),
    "no_partner": ("without a match", "without a match"),
    "ambiguous": ("ambiguous match", "ambiguous matches"),
    "bundle": ("bundle", "bundles"),
    "gift_card": ("gift card", "gift cards"),
    "conflict": ("ambiguous product", "ambiguous products"),
    "circuit_breaker": ("safety stop", "safety stops"),
    "books": ("unexplained quantity", "unexplained quantities"),
}
CHOICES = {
    Choice.ACCEPT: "Accept the change",
    Choice.USE_SOURCE: "Use the source",
    Choice.USE_DESTINATION: "Use the destination",
    Choice.USE_LOWER: "Use the lower number",
    Choice.USE_NUMBER: "Enter a number",
    Choice.KEEP: "Keep the difference",
    Choice.RETRY: "Try again",
    Choice.RESUME: "Resume",
    Choice.LINK: "Link them",
    Choice.IGNORE_MONTH: "Ignore for 30 days",
    Choice.IGNORE: "Ignore permanently",
    Choice.CONFIRM: "Confirm",
    Choice.RELEASE: "Apply",
    Choice.INVESTIGATE: "Looking into it",
    Choice.DISCARD: "Restore",
    Choice.DISMISS: "Dismiss",
}
ENDS = {
    ProposalState.APPROVED: "approved, applying now",
    ProposalState.DONE: "done",
    ProposalState.DISMISSED: "dismissed",
    ProposalState.OUTDATED: "outdated: the numbers have changed",
    ProposalState.EXPIRED: "expired: nobody answered in time",
}


def kind_words(kind: str) -> str:
    """Return what a kind of finding is called; an unknown one by its own name."""
    return KINDS.get(kind) or clean(kind.replace("_", " "), 60)


def counted_kind(count: int, kind: str) -> str:
    """Return how many of a kind there are: 1 missed change, 9 missed changes."""
    one, many = COUNTED.get(kind, (kind_words(kind), kind_words(kind)))
    return counted(count, one, many)


def cause(facts: Mapping[str, object]) -> str:
    """Return why it is so, as far as the facts say."""
    for name in ("cause", "evidence", "why", "words"):
        if facts.get(name):
            return clean(facts[name], 200)
    return ""


def why_line(facts: Mapping[str, object]) -> str:
    """Return why it is so as small print, beginning like a sentence."""
    why = cause(facts)
    return mrkdwn(f"{why[:1].upper()}{why[1:]}", 200) if why else ""


def numbers(facts: Mapping[str, object]) -> str:
    """Return what a store shows and should show, if the facts say so."""
    shows, should = facts.get("shows"), facts.get("should_show")
    if not isinstance(shows, int) and not isinstance(should, int):
        return ""
    store = f"{store_name(facts['store'])} " if facts.get("store") else ""
    return f"{store}shows {_known(shows)}, expected {_known(should)}"


def _known(value: object) -> str:
    return number(value) if isinstance(value, int) else "no number"


def about(proposal: Proposal) -> list[Part]:
    """Return a finding in one line: its product, what is wrong, why."""
    known = numbers(proposal.facts)
    kind = f"{kind_words(proposal.subject)}{f' ({known})' if known else ''}"
    return [product(proposal), f": {cause(proposal.facts) or kind}"]


def product(proposal: Proposal) -> Part:
    """Return a finding's product, with a link to its page in Shopify's admin."""
    return bold_link(clean(proposal.title or "Nameless", 120), _page(proposal))


def row(proposal: Proposal) -> tuple[object, ...]:
    """Return a finding as a row: its product, what each store shows, the suggested fix."""
    name = link(clean(proposal.title or "Nameless", 120), _page(proposal))
    return (name, levels(proposal) or None, recommended(proposal))


def row_line(proposal: Proposal) -> list[Part]:
    """Return a row as one line, where there is no table."""
    shown = levels(proposal)
    told = f": {shown}. " if shown else ": "
    return [product(proposal), f"{told}{_suggestion(recommended(proposal))}"]


def suggestion_line(proposal: Proposal) -> str:
    """Return what we suggest as small print; what needs a decision says so itself."""
    return _suggestion(mrkdwn(recommended(proposal), 120))


def _suggestion(said: str) -> str:
    return said if said.startswith(UNDECIDED) else f"Suggested fix: {said}"


def levels(proposal: Proposal) -> str:
    """Return what each store shows: EU 45 \u00b7 US 47."""
    shown = levels_text(proposal.facts)
    return clean(shown, 120) if shown else ""


def _page(proposal: Proposal) -> str:
    page = str(proposal.facts.get("page") or "")
    return page if page.startswith(f"{ADMIN}/") else ""


def written(writes: Iterable[Write], most: int = 4) -> str:
    """Return what is written where: eu 47 → 50."""
    lines = [
        f"{store_name(each.store)} {_known(each.before)} \u2192 {number(each.after)}"
        for each in writes
    ]
    left = len(lines) - most
    return ", ".join(lines[:most]) + (f" and {left} more" if left > 0 else "")


def recommended(proposal: Proposal) -> str:
    """Return what we suggest, in a few words."""
    return clean(suggested_fix(proposal), 120)
