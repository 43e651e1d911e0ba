"""Ask what to do about what is stopped: what the safety stop withholds, and contested levels.

Each is asked in the commit that stops the writes, and again while nobody is asked: a database may
have been restored, or a question outdated. A question stays open until somebody answers it.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from sync_core.clock import Ids
from sync_core.domain.contests import FINDING_KIND, pool_of
from sync_core.domain.proposals import Choice, Option, ProposalKind
from sync_core.domain.values import Event
from sync_core.domain.views import Finding
from sync_core.ports import Draft, Transaction

FOREVER = timedelta(days=365 * 100)  # what is stopped stays so until somebody says otherwise
BREAKER_QUESTION = Draft(
    kind=ProposalKind.CIRCUIT_BREAKER,
    subject="circuit_breaker",
    options=(
        Option(choice=Choice.RELEASE, words="Apply: write these changes to the other stores"),
        Option(choice=Choice.INVESTIGATE, words="I'm on it"),
        Option(choice=Choice.DISCARD, words="Restore: set all products back to previous numbers"),
    ),
)
CONTEST_QUESTION = Draft(
    kind=ProposalKind.FIX,
    subject=FINDING_KIND,
    options=(Option(choice=Choice.RESUME, words="Resume: update it again"),),
)


def ask_about_breakers(tx: Transaction, ids: Ids, *, now: datetime) -> None:
    """Ask what to do about every circuit breaker that is open and has no open question."""
    drafts = [
        replace(
            BREAKER_QUESTION,
            finding=each.id,
            title=str(each.facts.get("store") or ""),
            facts={"subject": each.subject},
        )
        for each in tx.findings.page(kinds=["circuit_breaker"])
    ]
    _ask(tx, drafts, ids, now=now)


def ask_about_contests(tx: Transaction, ids: Ids, *, now: datetime) -> None:
    """Ask about every contested level that has no open question; end what is none any more."""
    open_findings = tx.findings.page(kinds=[FINDING_KIND])
    if not open_findings:
        return
    still_contested = tx.contests.contested_pools(pool_of(each.subject) for each in open_findings)
    resolved = [each for each in open_findings if pool_of(each.subject) not in still_contested]
    ended: dict[str, str | int | float | bool | None] = {"ended": "started_over"}
    events = [
        Event(kind=FINDING_KIND, subject=each.subject, facts=ended, resolved=True)
        for each in resolved
    ]
    tx.notifications.notify(events, now=now)
    tx.proposals.outdate(each.id for each in resolved)
    remaining = [each for each in open_findings if each not in resolved]
    ask_to_resume(tx, remaining, ids, now=now)


def ask_to_resume(tx: Transaction, findings: Iterable[Finding], ids: Ids, *, now: datetime) -> None:
    """Ask whether to update these contested levels again, where nobody is asked."""
    drafts = [
        replace(
            CONTEST_QUESTION,
            finding=each.id,
            title=str(each.facts.get("title") or ""),
            facts={**each.facts, "subject": each.subject, "since": each.opened_at.isoformat()},
        )
        for each in findings
    ]
    _ask(tx, drafts, ids, now=now)


def _ask(tx: Transaction, drafts: Iterable[Draft], ids: Ids, *, now: datetime) -> None:
    """Keep the questions about findings that have no open one."""
    kept = [
        (each, ids.new())
        for each in drafts
        if each.finding is not None and tx.proposals.open_about(each.finding) is None
    ]
    if kept:
        tx.proposals.propose(kept, report=None, now=now, expires_at=now + FOREVER)
