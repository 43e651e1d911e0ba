"""One choice for many proposals: what it would write, and which of them it takes.

    proposal                                      then
    --------------------------------------------  ---------------------------------------------
    no longer open, or newer than what was shown  not taken
    left out, or decided on its own               not taken by this choice
    has no such option                            not taken, and counted: it stays open
    would take a store from above 0 to 0 or less  taken only if the person said so as well
    anything else                                 taken

The choice may also be what Tipo suggests for each: that takes the safe fixes, and nothing else.

A preview shows what is taken; the decision takes nothing that was not in the preview. Each is read
again before it is written, as ever: where a number has moved, nothing is written and it is asked
again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sync_core.domain.proposals import Choice, Option, Proposal, ProposalKind
from sync_core.domain.values import Alias

FOR_ALL = (Choice.USE_SOURCE, Choice.USE_DESTINATION, Choice.USE_LOWER)
MAX_NAMED_PRODUCTS = 20  # products that a preview names


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkChoice:
    """What somebody chooses for all that a report proposes."""

    choice: Choice | None  # None: what is suggested for each, where that is safe
    without: frozenset[int] = frozenset()  # proposals left out, or decided on their own
    zeros: bool = False  # those, too, that take a store to 0
    upto: int | None = None  # the newest proposal that was shown; None: whatever is open

    def takes(self, proposal: Proposal) -> Option | None:
        """Return the option by which it decides a proposal; None if it leaves it alone."""
        option = self.option(proposal)
        if option is None or (option.empties and not self.zeros):
            return None
        return option

    def option(self, proposal: Proposal) -> Option | None:
        """Return the option that it means, whether or not it would take a store to 0."""
        is_new = self.upto is not None and proposal.id > self.upto
        if proposal.kind is not ProposalKind.FIX or is_new or proposal.id in self.without:
            return None
        return proposal.option(self.choice or default_of(proposal))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTotals:
    """What would be written to one store: how many products go up or down, by how many units."""

    ups: int = 0
    up: int = 0
    downs: int = 0
    down: int = 0

    def plus(self, delta: int) -> "ChangeTotals":
        """Return it with one product more."""
        if delta > 0:
            return replace(self, ups=self.ups + 1, up=self.up + delta)
        return replace(self, downs=self.downs + 1, down=self.down - delta)


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPreview:
    """What a choice for all would do, before anybody confirms it."""

    choice: Choice | None
    taken: int = 0  # proposals that it decides, those among them that take a store to 0
    cannot: int = 0  # open ones that have no such option: they stay open
    without: int = 0  # left out, or decided on their own
    zeros: int = 0  # of those taken, how many take a store to 0
    empty: tuple[str, ...] = ()  # their titles, the first of them; a merchant wrote them
    upto: int = 0  # the newest proposal that it has seen
    stores: frozenset[str] = frozenset()  # those about whose levels the taken ones are
    changes: dict[Alias, ChangeTotals] = field(default_factory=dict)  # of those that leave stock
    emptied: dict[Alias, ChangeTotals] = field(default_factory=dict)  # of those that do not

    def plus(self, proposals: Iterable[Proposal], chosen: BulkChoice) -> "BulkPreview":
        """Return it with some proposals more."""
        found = self
        for each in proposals:
            found = _with(found, each, chosen)
        return found


def _with(found: BulkPreview, proposal: Proposal, chosen: BulkChoice) -> BulkPreview:
    """Return a preview with one proposal more."""
    found = replace(found, upto=max(found.upto, proposal.id))
    if proposal.id in chosen.without:
        return replace(found, without=found.without + 1)
    option = chosen.option(proposal)
    if option is None:
        return replace(found, cannot=found.cannot + 1)
    found = replace(found, stores=found.stores | {str(proposal.facts.get("store") or "")})
    if not option.empties:
        changes = _written(found.changes, option)
        return replace(found, taken=found.taken + 1, changes=changes)
    return replace(
        found,
        taken=found.taken + 1,
        zeros=found.zeros + 1,
        empty=(*found.empty, proposal.title)[:MAX_NAMED_PRODUCTS],
        emptied=_written(found.emptied, option),
    )


def _written(changes: dict[Alias, ChangeTotals], option: Option) -> dict[Alias, ChangeTotals]:
    """Return changes with the writes of one option more."""
    more = dict(changes)
    for each in option.writes:
        if each.delta:
            more[each.store] = more.get(each.store, ChangeTotals()).plus(each.delta)
    return more


def default_of(proposal: Proposal) -> Choice | None:
    """Return what is chosen for a proposal before anybody does: what is suggested, if safe."""
    return proposal.recommended if proposal.safe else None


def taken(proposals: Iterable[Proposal], chosen: BulkChoice) -> dict[int, Choice]:
    """Return the proposals that a choice for all decides, and what it decides about each."""
    found = {each.id: chosen.takes(each) for each in proposals}
    return {key: option.choice for key, option in found.items() if option is not None}
