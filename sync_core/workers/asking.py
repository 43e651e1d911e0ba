"""The safety stop's question: asked in the commit that stops the writes, and while it lasts."""

from dataclasses import replace
from datetime import datetime, timedelta

from sync_core.clock import Ids
from sync_core.domain.proposals import Choice, Option, ProposalKind
from sync_core.papers import Draft
from sync_core.ports import Ledger

FOR_EVER = timedelta(days=365 * 100)  # the brake holds until somebody says so
BRAKE = Draft(
    kind=ProposalKind.BRAKE,
    subject="brake",
    options=(
        Option(choice=Choice.RELEASE, words="Apply: write these changes to the other stores"),
        Option(choice=Choice.HOLD, words="I'm looking into it"),
        Option(choice=Choice.DISCARD, words="Restore: set all products back to previous numbers"),
    ),
)


def ask_about_brakes(ledger: Ledger, ids: Ids, *, now: datetime) -> None:
    """Ask what to do about every brake that holds and has no open question."""
    for finding in ledger.findings_by(kinds=["brake"]):
        if ledger.newer_proposal(finding.id) is None:
            store = str(finding.facts.get("store") or "")
            facts = {"subject": finding.subject}
            draft = replace(BRAKE, finding=finding.id, title=store, facts=facts)
            kept = [(draft, ids.new())]
            ledger.propose(kept, report=None, now=now, expires_at=now + FOR_EVER)
