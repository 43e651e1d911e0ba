"""What the database keeps of people's decisions: reports, proposals, receipts, posts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sync_core.domain.decisions import Effect
from sync_core.domain.proposals import (
    Choice,
    Option,
    Person,
    Proposal,
    ProposalKind,
    Receipt,
    Report,
    ReportKind,
    ReportState,
)
from sync_core.domain.views import Finding, Post


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A proposal before it is kept."""

    kind: ProposalKind
    finding: int | None = None
    subject: str = ""
    title: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    options: tuple[Option, ...] = ()
    recommended: Choice | None = None
    safe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedProposal:
    """A proposal that a person has decided on, and that nobody has carried out yet."""

    proposal: Proposal
    number: int | None  # the one that the person entered
    receipt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """A report that somebody, or the clock, asks for."""

    kind: ReportKind
    token: str
    by: str = ""
    night: str | None = None  # its date; one report a night, whoever asks
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """Who decides, by what right, and where the click was."""

    kind: ProposalKind
    choice: Choice
    by: Person
    rule: str
    origin: str = ""
    undoes: int | None = None


class ReportRepository(Protocol):
    """Comparisons of the stores, from the wish to the result."""

    def request_report(self, wish: ReportRequest, *, now: datetime) -> tuple[int, bool]:
        """Ask for a report; return its id, and whether it is new.

            asked for           while the stores are compared, or wait for it  else
            ------------------  ---------------------------------------------  ----------
            a check, preflight  that comparison                                a new one
            a night             a new one, which runs after it                 a new one
            a night once more   the night's                                    the night's
            what compares none  a new one, at once                             a new one

        One comparison runs at a time.
        """

    def claim_report(self, *, now: datetime, until: datetime) -> Report | None:
        """Take the oldest report that nobody works on and whose turn it is, until then."""

    def next_report(self) -> datetime | None:
        """Return from when on a report may be claimed; None when none waits."""

    def update_report(
        self,
        report: int,
        state: ReportState,
        *,
        progress: Mapping[str, str] | None = None,
        until: datetime,
    ) -> bool:
        """Note how far a report has come, and go on holding it; False if it is over."""

    def postpone_report(self, report: int, *, until: datetime, why: str) -> int:
        """Let a report be claimed again from then on; return how often it was tried."""

    def finish_report(
        self,
        report: int,
        *,
        now: datetime,
        summary: Mapping[str, object] | None = None,
        why_failed: str = "",
    ) -> None:
        """Close a report; with `why_failed` it is one that failed.

        Whatever the order in which reports end, all that is open is held by the newest asked for
        that is done.
        """

    def latest_report(self) -> int | None:
        """Return the report that holds what is open: the newest asked for that is done."""

    def join_report(self, report: int, asker: Mapping[str, str]) -> bool:
        """Have somebody else told of a report's result, too; False if it is over already."""

    def count_new(self, report: int) -> int:
        """Return how many of a report's open proposals are about what it was the first to find."""

    def add_report_facts(self, report: int, facts: Mapping[str, object]) -> None:
        """Add facts to a report."""

    def report(self, report: int) -> Report | None:
        """Return a report."""

    def report_of(self, token: str) -> Report | None:
        """Return the report whose buttons carry that token."""

    def last_report(self, kinds: Iterable[ReportKind]) -> Report | None:
        """Return the newest report of these kinds that is done."""


class ProposalRepository(Protocol):
    """Proposals, and what became of them."""

    def propose(
        self,
        drafts: Sequence[tuple[Draft, str]],
        *,
        report: int | None,
        now: datetime,
        expires_at: datetime,
    ) -> list[int]:
        """Keep proposals with their tokens; what was open about the same findings is outdated.

        A fix is held by the newest report: by the one given, or by one that was asked for later
        and is done. What a report that was asked for later has open already stays as it is. A
        look at what is open (`DRIFT`) holds nothing: its fixes are those of the newest report.
        """

    def outdate(self, findings: Iterable[int]) -> int:
        """Close the open proposals about these findings; return how many."""

    def expire_proposals(self, *, now: datetime) -> int:
        """Close the open proposals whose time is over; return how many."""

    def proposals(
        self, report: int, *, offset: int = 0, limit: int = 50, open_only: bool = False
    ) -> tuple[int, list[Proposal]]:
        """Return how many proposals a report has, and some: safe ones first.

        A look at what is open (`DRIFT`) holds none: it has what was open when it was made.
        """

    def proposal(self, token: str) -> Proposal | None:
        """Return the proposal whose button carries that token."""

    def proposal_by_id(self, number: int) -> Proposal | None:
        """Return a proposal."""

    def proposals_by_id(self, numbers: Iterable[int]) -> list[Proposal]:
        """Return proposals."""

    def open_after(self, report: int, after: int, *, limit: int) -> list[Proposal]:
        """Return open proposals of a report in order, those after that number."""

    def newer_proposal(self, finding: int) -> Proposal | None:
        """Return the open proposal about a finding."""

    def decide(
        self,
        signed: DecisionRecord,
        choices: Mapping[int, tuple[Choice, int | None]],
        *,
        now: datetime,
    ) -> tuple[int | None, int]:
        """Decide open proposals under one receipt; return it, and how many were still open.

        Each is decided by one conditional UPDATE: of two people who click, one wins.
        """

    def approved(self, *, now: datetime, limit: int) -> list[ApprovedProposal]:
        """Return decided proposals that are due to be carried out."""

    def next_approved(self) -> datetime | None:
        """Return when a decided proposal is due; None when none waits."""

    def postpone_proposal(self, number: int, *, until: datetime, why: str, since: datetime) -> None:
        """Try again later to carry a proposal out; keep since when that is tried."""

    def lock_proposal(self, number: int) -> bool:
        """Whether a decided proposal still waits; until the commit nobody else carries it out."""

    def close_proposal(self, number: int, *, result: Mapping[str, object]) -> bool:
        """Note what came of a decided proposal; False if somebody else did."""

    def save_effect(
        self, receipt: int, proposal: int | None, effect: Effect, shared: int, *, now: datetime
    ) -> None:
        """Keep what a decision did to a pool."""

    def effects(self, receipt: int) -> list[Effect]:
        """Return what a decision did."""

    def receipt(self, number: int) -> Receipt | None:
        """Return who decided what, and what came of it."""

    def receipts(self, *, limit: int) -> list[Receipt]:
        """Return the newest receipts."""

    def first_proposal_of(self, receipt: int) -> Proposal | None:
        """Return the first proposal that was decided under a receipt."""

    def unnotified_receipts(self) -> list[int]:
        """Return receipts whose proposals are all carried out and nobody has been told of."""

    def mark_receipt_notified(self, receipt: int) -> bool:
        """Note that people will be told of a receipt; False if that was noted before."""

    def findings_by(
        self, *, kinds: Iterable[str] | None = None, after: int = 0, limit: int = 500
    ) -> list[Finding]:
        """Return open findings in order, those after that number."""

    def findings_on(self, subjects: Iterable[str]) -> list[Finding]:
        """Return open findings about these subjects."""

    def finding(self, number: int) -> Finding | None:
        """Return a finding, open or not."""

    def mute(self, finding: int, *, until: datetime | None) -> None:
        """Have a finding suspended until then."""

    def close_findings(self, numbers: Iterable[int], *, now: datetime) -> int:
        """Close findings that are open no longer, quietly; return how many."""

    def count_findings(self, *, now: datetime) -> dict[str, int]:
        """Return how many findings are open that nobody has muted, by kind."""


class PostRepository(Protocol):
    """Messages of a face in its channels."""

    def cursors(self) -> dict[str, int]:
        """Return how far each stream has been turned into posts."""

    def posts(self, keys: Iterable[str]) -> dict[str, Post]:
        """Return posts by key."""

    def post_at(self, channel: str, ts: str) -> Post | None:
        """Return the post that is that message of a channel."""

    def save_posts(
        self, posts: Sequence[Post], before: Mapping[str, int], after: Mapping[str, int]
    ) -> bool:
        """Keep posts and move the cursors, if both are what the caller believed."""

    def unsent_posts(self, *, now: datetime, limit: int) -> list[Post]:
        """Return due posts whose last version nobody has sent, the oldest first."""

    def sent(self, key: str, version: int, ts: str, channel: str) -> None:
        """Note that a version is out."""

    def not_sent(self, key: str, why: str, *, until: datetime) -> None:
        """Note that a post could not be sent, and when to try again."""

    def forget_posts(self, *, before: datetime) -> int:
        """Delete some posts that were sent and are older than that; return how many."""

    def take_leadership(self, name: str, owner: str, *, now: datetime, until: datetime) -> bool:
        """Take, or keep, a job that one process does at a time."""


class DecisionRepositories(ReportRepository, ProposalRepository, PostRepository, Protocol):
    """All of it."""
