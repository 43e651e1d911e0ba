"""The safety stop's question: asked in the commit that stops the writes, and while it lasts."""

from dataclasses import replace
from datetime import datetime, timedelta

from sync_core.clock import Ids
from sync_core.domain.proposals import Choice, Option, ProposalKind
from sync_core.ports import Transaction
from sync_core.proposals import Draft

FOREVER = timedelta(days=365 * 100)  # the brake holds until somebody says so
BREAKER_QUESTION = Draft(
    kind=ProposalKind.CIRCUIT_BREAKER,
    subject="circuit_breaker",
    options=(
        Option(choice=Choice.RELEASE, words="Apply: write these changes to the other stores"),
        Option(choice=Choice.INVESTIGATE, words="I'm looking into it"),
        Option(choice=Choice.DISCARD, words="Restore: set all products back to previous numbers"),
    ),
)


def ask_about_breakers(tx: Transaction, ids: Ids, *, now: datetime) -> None:
    """Ask what to do about every brake that holds and has no open question."""
    for finding in tx.findings_by(kinds=["circuit_breaker"]):
        if tx.newer_proposal(finding.id) is None:
            store = str(finding.facts.get("store") or "")
            facts = {"subject": finding.subject}
            draft = replace(BREAKER_QUESTION, finding=finding.id, title=store, facts=facts)
            kept = [(draft, ids.new())]
            tx.propose(kept, report=None, now=now, expires_at=now + FOREVER)
