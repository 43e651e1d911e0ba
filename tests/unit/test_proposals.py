"""A proposal is decided once, and goes one way."""

from datetime import timedelta
from itertools import product

import pytest

from sync_core.domain.proposals import Proposal, ProposalKind, ProposalState
from sync_core.errors import IllegalStep
from tests.unit.builders import NOON

OPEN, APPROVED = ProposalState.OPEN, ProposalState.APPROVED
ARROWS = {
    (OPEN, APPROVED),
    (OPEN, ProposalState.DISMISSED),
    (OPEN, ProposalState.OUTDATED),
    (OPEN, ProposalState.EXPIRED),
    (APPROVED, ProposalState.DONE),
}


@pytest.mark.parametrize(("before", "after"), [*product(ProposalState, ProposalState)])
def test_a_proposal_takes_no_step_but_the_arrows(before, after):
    """Whoever clicks, and however often."""
    proposal = Proposal(
        id=1,
        token="t",  # noqa: S106 - what a button carries
        kind=ProposalKind.FIX,
        state=before,
        opened_at=NOON,
        expires_at=NOON + timedelta(hours=26),
    )
    if (before, after) in ARROWS:
        assert proposal.step(after).state is after
    else:
        with pytest.raises(IllegalStep, match=f"that is {before} cannot become {after}"):
            proposal.step(after)
