"""What people are asked, and what they decided."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sync_core.domain.proposals import (
    Choice,
    DecisionResult,
    Option,
    Person,
    Proposal,
    ProposalKind,
)


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
class DecisionRecord:
    """Who decides, by what right, and where the click was."""

    kind: ProposalKind
    choice: Choice
    by: Person
    rule: str
    origin: str = ""
    undoes: int | None = None


class ProposalRepository(Protocol):
    """What people are asked, and what they decided."""

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
        view of what is open (`DRIFT`) holds nothing: its fixes are those of the newest report.
        """

    def outdate(self, findings: Iterable[int]) -> int:
        """Close the open proposals about these findings; return how many."""

    def expire(self, *, now: datetime) -> int:
        """Close the open proposals whose time is over; return how many."""

    def of_report(
        self, report: int, *, offset: int = 0, limit: int = 50, open_only: bool = False
    ) -> tuple[int, list[Proposal]]:
        """Return how many proposals a report has, and some: open ones first, safe ones of them.

        A view of what is open (`DRIFT`) holds none: it has what was open when it was made.
        """

    def by_token(self, token: str) -> Proposal | None:
        """Return the proposal whose button carries that token."""

    def get(self, number: int) -> Proposal | None:
        """Return a proposal."""

    def some(self, numbers: Iterable[int]) -> list[Proposal]:
        """Return proposals."""

    def decided_elsewhere(
        self, numbers: Iterable[int], receipt: int | None, *, limit: int
    ) -> list[Proposal]:
        """Return some of these proposals that are not decided under that receipt."""

    def open_after(self, report: int, after: int, *, limit: int) -> list[Proposal]:
        """Return open proposals of a report in order, those after that number."""

    def open_about(self, finding: int) -> Proposal | None:
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

    def postpone(self, number: int, *, until: datetime, why: str, since: datetime) -> None:
        """Try again later to carry a proposal out; keep since when that is tried."""

    def lock(self, number: int) -> bool:
        """Whether a decided proposal still waits; until the commit nobody else carries it out."""

    def close(self, number: int, *, result: DecisionResult) -> bool:
        """Note what came of a decided proposal; False if somebody else did."""
