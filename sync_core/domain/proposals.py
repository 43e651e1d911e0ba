"""What people decide: proposals, their answers, and receipts for what was done.

    OPEN ──▶ APPROVED ──▶ DONE      a person chose; then it was carried out, or found to have moved
      ├────▶ DISMISSED              a person wants none of it
      ├────▶ OUTDATED               a newer report, or a newer question, has taken its place
      └────▶ EXPIRED                nobody answered in time: silence is neither yes nor no

A proposal is decided once, by one conditional UPDATE, whoever clicks and however often.

The facts of a proposal are what was shown: an open mapping, of which frontends show what they find.
The parts of them that decide what is written are values, one class for each kind of proposal.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sync_core.domain.values import Alias, ItemId, LevelId, Mode, PoolId
from sync_core.errors import IllegalStep

FIX_OPEN_FOR = timedelta(hours=26)  # a fix that no newer report replaces


class ProposalState(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    APPROVED = "approved"
    DONE = "done"
    DISMISSED = "dismissed"
    OUTDATED = "outdated"
    EXPIRED = "expired"


LEADS_TO = {
    ProposalState.OPEN: {
        ProposalState.APPROVED,
        ProposalState.DISMISSED,
        ProposalState.OUTDATED,
        ProposalState.EXPIRED,
    },
    ProposalState.APPROVED: {ProposalState.DONE},
    ProposalState.DONE: set[ProposalState](),
    ProposalState.DISMISSED: set[ProposalState](),
    ProposalState.OUTDATED: set[ProposalState](),
    ProposalState.EXPIRED: set[ProposalState](),
}


class ProposalKind(StrEnum):
    """What a proposal is about."""

    FIX = "fix"  # one finding
    MODE = "mode"  # a change of mode, after its preflight
    UNDO = "undo"  # taking back what a receipt did
    PACK = "pack"  # how many shared units are in one of a store's own
    # The value is part of the daily seals: it stays.
    CIRCUIT_BREAKER = "brake"  # writes that are held until somebody says so


class Choice(StrEnum):
    """What a person may choose."""

    ACCEPT = "accept"  # count what the store did: the others follow
    USE_SOURCE = "use_source"
    USE_DESTINATION = "use_destination"
    USE_LOWER = "use_lower"
    USE_NUMBER = "use_number"  # a number that the person enters
    KEEP = "keep"  # keep the difference, as a buffer
    RETRY = "retry"  # take the level back, and write what is still outstanding
    RESUME = "resume"  # write to a contested level again
    LINK = "link"  # these variants are the same product
    IGNORE_MONTH = "ignore_month"
    IGNORE = "ignore"
    CONFIRM = "confirm"  # do what was shown
    RELEASE = "release"  # write what was held
    # The value is part of the daily seals: it stays.
    INVESTIGATE = "hold"  # hold it, and say who looks into it
    DISCARD = "discard"  # ignore these changes: give the store back what it had
    DISMISS = "dismiss"  # none of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who decides, as their workspace knows them."""

    team: str
    id: str
    name: str  # at the time; people are known by their ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """What would be, or was, written to one level."""

    store: Alias
    before: int | None
    after: int

    @property
    def delta(self) -> int:
        """Return by how many units the level changes; one without a number has none."""
        return self.after - (self.before or 0)

    @property
    def empties(self) -> bool:
        """Whether it takes a level that has stock to 0 or less."""
        return self.after <= 0 < (self.before or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One thing that may be done about a finding."""

    choice: Choice
    words: str  # "Use eu: 45 everywhere"
    target: int | None = None  # what the pool would agree on; None where no quantity moves
    writes: tuple[Write, ...] = ()

    @property
    def units(self) -> int:
        """Return how many units move, up or down."""
        return sum(abs(each.delta) for each in self.writes)

    @property
    def empties(self) -> bool:
        """Whether it takes a store that has stock to 0 or less."""
        return any(each.empties for each in self.writes)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionResult:
    """What came of one proposal that was decided, or what it still waits for."""

    done: bool = False
    why: str = ""  # why nothing, or not all, was done
    moved: int = 0
    pools: int = 0  # products that a safety stop was about
    writes: tuple[Write, ...] = ()
    again: LevelId | None = None  # its numbers moved: a fresh proposal is wanted
    waits: str = ""  # what it waits for
    since: datetime | None = None  # when it was first tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Something that Tipo proposes, and what became of it."""

    id: int
    token: str  # what a button carries; random, and nothing else
    kind: ProposalKind
    state: ProposalState = ProposalState.OPEN
    report: int | None = None
    finding: int | None = None
    subject: str = ""  # the finding's kind; the mode; the receipt
    title: str = ""  # a merchant wrote it: escape it wherever it is shown
    facts: dict[str, object] = field(default_factory=dict)  # what was shown
    options: tuple[Option, ...] = ()
    recommended: Choice | None = None
    safe: bool = False  # may be approved together with others, without a closer look
    opened_at: datetime
    expires_at: datetime
    choice: Choice | None = None
    by: Person | None = None
    decided_at: datetime | None = None
    receipt: int | None = None
    result: DecisionResult | None = None

    def option(self, choice: Choice | None) -> Option | None:
        """Return the option of that choice."""
        return next((each for each in self.options if each.choice is choice), None)

    def step(self, state: ProposalState) -> "Proposal":
        """Return the proposal one step on.

        Raises:
            IllegalStep: If no arrow leads there.
        """
        if state not in LEADS_TO[self.state]:
            raise IllegalStep(f"a proposal that is {self.state} cannot become {state}")
        return replace(self, state=state)


class Answer(StrEnum):
    """What became of a click."""

    TAKEN = "taken"  # this click decided
    ALREADY = "already"  # somebody was faster
    RUNNING = "running"  # decided before, and still being carried out
    OUTDATED = "outdated"  # a newer report has taken its place
    EXPIRED = "expired"
    UNKNOWN = "unknown"  # no such token


@dataclass(frozen=True, slots=True, kw_only=True)
class Clicked:
    """The answer to a click, with what a person needs to understand it."""

    answer: Answer
    taken: int = 0  # how many proposals this click decided
    by: Person | None = None  # who was faster
    at: datetime | None = None
    receipt: int | None = None
    report: int | None = None  # the newer report, if there is one
    proposal: Proposal | None = None  # as it stands now
    late: tuple[Proposal, ...] = ()  # what was to be decided, too, and no longer could be: some


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedChange:
    """What a store did, and nobody told us: the reason for a fix."""

    store: Alias
    delta: int
    order: str = ""  # that explains it, if one does


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptLine:
    """What one decision did to one pool."""

    title: str  # a merchant wrote it
    choice: Choice
    done: bool
    why: str  # why nothing was done; empty if it was
    moved: int  # by how much the pool's shared quantity moved
    pools: int = 0  # how many products it was about, where it was about several
    writes: tuple[Write, ...] = ()
    change: MissedChange | None = None  # that somebody accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Who decided what, and what came of it."""

    id: int
    kind: ProposalKind
    by: Person
    rule: str  # what allowed it: "listed", "member of @stock-team", "member of the channel"
    at: datetime
    running: bool  # some lines are still being carried out
    lines: tuple[ReceiptLine, ...]  # the first of them
    undoes: int | None = None
    undone_by: int | None = None
    total: int = 0  # lines in all, where there are more than those
    done: int = 0  # of all
    units: int = 0  # by how much all of them moved shared quantities

    @property
    def sums(self) -> tuple[int, int, int]:
        """Return how many lines there are, how many are done, and how many units they moved."""
        if self.total > len(self.lines):
            return self.total, self.done, self.units
        done = [each for each in self.lines if each.done]
        return len(self.lines), len(done), sum(abs(each.moved) for each in done)


class ReportKind(StrEnum):
    """Why stores were compared."""

    NIGHT = "night"
    CHECK = "check"  # somebody asked
    PREFLIGHT = "preflight"  # before a change of mode
    BASELINE = "baseline"  # after one: no comparison, what differs is known
    DRIFT = "drift"  # what stands, with fresh buttons: no comparison either


class ReportState(StrEnum):
    """How far a report has come."""

    WANTED = "wanted"
    EXPORTING = "exporting"
    COMPARING = "comparing"
    READING = "reading"  # each difference, again, by id
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """One of the greatest differences."""

    title: str  # a merchant wrote it
    store: Alias
    shows: int | None
    should_show: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Somebody who is told what came of a report."""

    by: str
    reply: str  # where; empty: in person


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFacts:
    """What a report was asked for with, and what is known of it by now."""

    askers: tuple[Asker, ...] = ()  # of a check
    operations: dict[Alias, str] = field(default_factory=dict)  # exports that were begun
    stores: tuple[Alias, ...] = ()  # of an initial comparison
    mode: Mode | None = None  # of a preflight, from here on: the one that somebody wants
    shadow: bool = False  # in shadow
    ends_shadow: bool = False  # shadow mode is on, and ends by it
    source: Alias | None = None
    alias: Alias | None = None  # None: of every destination
    before: dict[Alias, Mode] = field(default_factory=dict)
    person: Person | None = None
    reply: str = ""
    proposal: str | None = None  # the token of its question


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A comparison of the stores, or what stands without one."""

    id: int
    token: str  # for its buttons: approve all, review, dismiss
    kind: ReportKind
    state: ReportState
    by: str  # who asked; empty for a night
    facts: ReportFacts = field(default_factory=ReportFacts)
    progress: dict[str, str] = field(default_factory=dict)  # by store, in words
    summary: dict[str, object] = field(default_factory=dict)  # counts: compared, differing, units …
    worst: tuple[Worst, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)  # open findings by kind
    open: int = 0  # proposals that wait for a decision
    safe: int = 0  # those of them that are safe
    decided: int = 0  # proposals that were approved or dismissed
    wanted_at: datetime
    finished_at: datetime | None = None
    why_failed: str = ""
    newer: int | None = None  # the report that has taken its place


# -- what of its facts a proposal is carried out by
@dataclass(frozen=True, slots=True, kw_only=True)
class LevelFacts:
    """Of a fix on a level: what a person saw."""

    level: LevelId
    saw: dict[LevelId, int | None]
    shared: int | None  # what the pool had agreed on


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFacts:
    """Of a fix that links: variants that are one product."""

    link: dict[Alias, ItemId]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeFacts:
    """Of a change of mode: to what, and what was there before."""

    mode: Mode
    before: dict[Alias, Mode]
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolToRepack:
    """A pool whose pack sizes change: what a person saw of it."""

    pool: PoolId
    shared: int | None
    saw: dict[LevelId, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackFacts:
    """Of a pack size."""

    pack: int
    pools: tuple[PoolToRepack, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoFacts:
    """Of an undo: which receipt is taken back."""

    receipt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectFacts:
    """Of a question about a finding, a safety stop for one: its subject."""

    subject: str = ""
