"""Say who may write to a store: the one whose mark the store itself holds.

Every store keeps one small mark of ours, written by compare-and-set. What we find there, against
what our own database says:

    the mark in the store                              verdict
    -------------------------------------------------  ------------------------------------------
    none                                               TAKE: nobody has ever written to this store
    our instance, a renewal that our database knows    RENEW: we go on
    our instance, a renewal that it does not know      OLDER: our database is older than what Tipo
                                                       has done, or a copy of it runs elsewhere
    another instance                                   FOREIGN: another Tipo, or a new database

OLDER and FOREIGN write nothing until a person has decided. They answer one question, that of the
store or of the database as it stood when they were asked. What they decide:

    the verdict    the person says: take over
    -------------  ---------------------------------------------------------------------------
    FOREIGN        a new baseline of that store; where it is the source, of its pools as a whole,
                   and every other store that another Tipo has is taken over with it
    OLDER          a new baseline of everything: nothing that the database remembers holds

It is a lease, not a flag: it ends by itself. A process writes to a store only within
`WRITE_LEASE_SECONDS` of its last renewal there, by a clock that nobody sets; whoever takes over
waits `TAKEOVER_WAIT_SECONDS` after its
compare-and-set, longer than that and one request together. So two never write at a time, also
where one of them is cut off from the store, or from the other.

The source's lease is the leave to write at all: every pool has a level there. Of two that have some
of the stores each, whoever has the source writes, and only to what it has; the other one writes
nothing. Else each would take for sales what the other one writes, and pass it on.

A stop gives nothing back. The same database goes on at once after it, since the mark names a
renewal that it knows. And whoever comes with another database has to ask also where the last one
has stopped: what that one did is not in its books.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sync_core.domain.values import Alias, Event, Severity

RENEW_EVERY_SECONDS = 30.0  # seconds
WRITE_LEASE_SECONDS = 45.0  # seconds after a renewal was asked for; one request takes up to 10 more
WHOLE_DATABASE = "*"  # what a question is about that is about every store
INSTANCE_CHARS = 8  # characters of an instance that people are shown
TAKEOVER_WAIT_SECONDS = 60.0  # seconds from taking over to the first write
FIRST_MARK_WITHIN_SECONDS = 15.0  # from a start until every store should have shown its mark


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseMark:
    """What a store holds of whoever may write to it."""

    instance: str  # random, made with the database
    renewal: str  # random, and in its database before it was in the store
    at: datetime  # when it was written, by the writer's clock: for people only


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedLease:
    """What our own database says of itself and of one store."""

    instance: str  # empty before the first start
    renewals: frozenset[str]  # those that the store may hold: the last that it took, and later ones


class LeaseClaim(StrEnum):
    """What a mark means to us."""

    TAKE = "take"
    RENEW = "renew"
    OLDER = "older"
    FOREIGN = "foreign"

    @property
    def may_write(self) -> bool:
        """Whether we may put our mark there and write, without asking anybody."""
        return self in {LeaseClaim.TAKE, LeaseClaim.RENEW}


class LeaseState(StrEnum):
    """How things stand between us and a store's mark."""

    UNKNOWN = "unknown"  # not asked yet, or the store has never answered
    OURS = "ours"
    OLDER = "older"
    FOREIGN = "foreign"
    TAKING_OVER = "taking_over"  # a person has said so; nothing is written until the new baseline

    @property
    def asks(self) -> bool:
        """Whether a person has to decide before anything is written."""
        return self in {LeaseState.OLDER, LeaseState.FOREIGN}


def claim_of(found: LeaseMark | None, recorded: RecordedLease) -> LeaseClaim:
    """Return what the mark that was found means, read before our own database was."""
    if found is None:
        return LeaseClaim.TAKE
    if not found.instance or found.instance != recorded.instance:
        return LeaseClaim.FOREIGN  # also one that we cannot read
    return LeaseClaim.RENEW if found.renewal in recorded.renewals else LeaseClaim.OLDER


def waits_until(found: LeaseMark | None, taken_at: float) -> float:
    """Return when whoever has taken over may write, by the clock that `taken_at` is from.

    Whoever put a mark there may still be at it.
    """
    return taken_at if found is None else taken_at + TAKEOVER_WAIT_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseView:
    """Who may write to a store, as far as our database knows."""

    store: Alias
    state: LeaseState
    since: datetime | None = None
    reason: LeaseState | None = None  # taking over: what it was before
    by: str = ""  # taking over: who said so
    weak: bool = False  # the store does not let us keep a mark
    found: LeaseMark | None = None  # the mark that is in our way

    def stands(self, verdict: LeaseState) -> bool:
        """Whether that is, or was until somebody took over, why nothing is written."""
        return verdict in {self.state, self.reason}

    @property
    def is_in_the_way(self) -> bool:
        """Whether nothing is written to the store before a takeover is done."""
        return self.state.asks or self.state is LeaseState.TAKING_OVER

    @property
    def holder(self) -> str:
        """Return the short name of the other Tipo, if the store tells one."""
        return self.found.instance[-INSTANCE_CHARS:] if self.found else ""

    @property
    def writer(self) -> str:
        """Return who writes to the store, in a few words."""
        match self.state:
            case LeaseState.OURS:
                return "this Tipo"
            case LeaseState.FOREIGN:
                return f"another Tipo ({self.holder})" if self.holder else "another Tipo"
            case LeaseState.OLDER:
                return "nobody: this database is older"
            case LeaseState.TAKING_OVER:
                return f"nobody yet: {self.by} is taking over"
            case LeaseState.UNKNOWN:
                return "not known yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeoverQuestion:
    """What a person answers who takes over: that question, as things stood, and no other."""

    reason: LeaseState  # FOREIGN: of one store; OLDER: of all stores that say so
    stores: tuple[Alias, ...]
    since: datetime
    holder: str = ""  # the short name of the other Tipo

    @property
    def token(self) -> str:
        """Return what a button carries of it."""
        about = self.stores[0] if self.reason is LeaseState.FOREIGN else WHOLE_DATABASE
        return f"{about} {self.since.isoformat()}"


class TakeoverAnswer(StrEnum):
    """What came of somebody's word."""

    STARTED = "started"
    RUNNING = "running"  # somebody else was faster
    OVER = "over"  # this Tipo writes there already
    CHANGED = "changed"  # things stand otherwise than when they were asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """What came of somebody's word, for which stores, and who gave it first."""

    answer: TakeoverAnswer
    stores: tuple[Alias, ...] = ()
    by: str = ""


def takeover_questions(leases: Iterable[LeaseView]) -> list[TakeoverQuestion]:
    """Return what people are asked now: of each store that another Tipo has, of our database."""
    leases = sorted(leases, key=lambda each: each.store)
    asked = [
        TakeoverQuestion(
            reason=LeaseState.FOREIGN,
            stores=(each.store,),
            since=each.since,
            holder=each.holder,
        )
        for each in leases
        if each.state is LeaseState.FOREIGN and each.since
    ]
    older = [each for each in leases if each.state is LeaseState.OLDER]
    since = [each.since for each in older if each.since]
    if since:
        stores = tuple(each.store for each in older)
        asked.append(TakeoverQuestion(reason=LeaseState.OLDER, stores=stores, since=min(since)))
    return asked


def late_answer(tokens: Iterable[str], leases: Iterable[LeaseView]) -> Takeover:
    """Return how things stand for somebody whose question is open no more."""
    about = {token.partition(" ")[0] for token in tokens}
    mine = [
        each
        for each in sorted(leases, key=lambda each: each.store)
        if each.store in about
        or (WHOLE_DATABASE in about and each.reason is not LeaseState.FOREIGN)
    ]
    running = [each for each in mine if each.state is LeaseState.TAKING_OVER]
    if running:
        stores = tuple(each.store for each in running)
        return Takeover(answer=TakeoverAnswer.RUNNING, stores=stores, by=running[0].by)
    if mine and all(each.state is LeaseState.OURS for each in mine):
        stores = tuple(each.store for each in mine)
        return Takeover(answer=TakeoverAnswer.OVER, stores=stores)
    return Takeover(answer=TakeoverAnswer.CHANGED)


def lease_news(leases: Iterable[LeaseView]) -> list[Event]:
    """Return what people must know of all leases, and of what is over."""
    leases = sorted(leases, key=lambda each: each.store)
    asked = {each.token.partition(" ")[0]: each.token for each in takeover_questions(leases)}
    events = [
        each
        for lease in leases
        for each in (_foreign(lease, asked.get(lease.store, "")), _subscription_mark(lease))
    ]
    older = [each for each in leases if each.stands(LeaseState.OLDER)]
    return [*events, _older(older, asked.get(WHOLE_DATABASE, ""))]


def _foreign(lease: LeaseView, asked: str) -> Event:
    found = lease.found
    return Event(
        kind="lease",
        subject=f"store:{lease.store}",
        severity=Severity.CRITICAL,
        facts={
            "store": lease.store,
            "holder": lease.holder,
            "seen": found.at.isoformat() if found else None,
            "taking_over": lease.by,
            "asks": asked,
        },
        resolved=not lease.stands(LeaseState.FOREIGN),
    )


def _older(leases: Sequence[LeaseView], asked: str) -> Event:
    return Event(
        kind="older_database",
        subject="database",
        severity=Severity.CRITICAL,
        facts={
            "stores": ", ".join(each.store for each in leases),
            "taking_over": next((each.by for each in leases if each.by), ""),
            "asks": asked,
        },
        resolved=not leases,
    )


def _subscription_mark(lease: LeaseView) -> Event:
    return Event(
        kind="weak_mark",
        subject=f"store:{lease.store}",
        severity=Severity.WARNING,
        facts={"store": lease.store},
        resolved=not lease.weak,
    )


@dataclass(slots=True)
class Lease:
    """One process's leave to write to one store. Times by a clock that nobody sets."""

    until: float = float("-inf")

    def renew(self, asked_at: float) -> None:
        """Note a renewal that succeeded, from when it was asked for."""
        self.until = max(self.until, asked_at + WRITE_LEASE_SECONDS)

    def end(self) -> None:
        """Write no more."""
        self.until = float("-inf")

    def may_write(self, now: float) -> bool:
        """Whether a request that writes may leave now."""
        return now < self.until


class WritePermits:
    """Which stores this process may write to now. In memory only: it ends with the process.

    what the stores' marks say                          a store is written to while its lease
                                                        lasts
    --------------------------------------------------  -----------------------------------
    every mark is ours                                  yes
    one store is another Tipo's, or not yet ours again  if that of the source lasts, too
    one says that this database is older                no
    not all have been asked yet                         no, for `FIRST_MARK_WITHIN_SECONDS`
    anything, and the process is about to end           no
    """

    def __init__(self) -> None:
        self._leases: dict[Alias, Lease] = {}
        self._source: Alias | None = None
        self._unseen: set[Alias] = set()
        self._older: set[Alias] = set()
        self._elsewhere: set[Alias] = set()
        self._began = 0.0
        self._is_closed = False

    def begin(self, stores: Iterable[Alias], now: float, *, source: Alias) -> None:
        """Start with no leave at all."""
        self._leases = {alias: Lease() for alias in stores}
        self._source = source
        self._unseen = set(self._leases)
        self._older.clear()
        self._elsewhere.clear()
        self._began = now

    def remember(self, noted: LeaseView) -> None:
        """Begin with what an earlier process has noted: the store may not answer for a while."""
        if noted.stands(LeaseState.OLDER):
            self._older.add(noted.store)
        if noted.is_in_the_way:
            self._elsewhere.add(noted.store)

    def note_mark(self, alias: Alias, *, older: bool, elsewhere: bool) -> None:
        """Note what a store's mark says: that our database is older, that it is not ours (yet)."""
        self._unseen.discard(alias)
        _note(alias, older, self._older)
        _note(alias, elsewhere, self._elsewhere)
        if older:
            self._leases[alias].end()

    def renew(self, alias: Alias, asked_at: float) -> None:
        """Note that a store's mark was ours, at a renewal that was asked for then."""
        self._older.discard(alias)
        self._elsewhere.discard(alias)
        self._leases[alias].renew(asked_at)

    def end(self, alias: Alias) -> None:
        """Write no more to a store."""
        self._leases[alias].end()

    def close(self) -> None:
        """Begin no other write, whatever marks say: the process is about to end."""
        self._is_closed = True

    def may_write(self, alias: Alias, now: float) -> bool:
        """Whether a request that writes to a store may leave now."""
        if self._older or (self._unseen and now < self._began + FIRST_MARK_WITHIN_SECONDS):
            return False
        if self._is_closed:
            return False
        return self._lasts(alias, now) and (not self._elsewhere or self._lasts(self._source, now))

    def _lasts(self, alias: Alias | None, now: float) -> bool:
        lease = None if alias is None else self._leases.get(alias)
        return lease is not None and lease.may_write(now)


def _note(alias: Alias, is_so: bool, where: set[Alias]) -> None:  # noqa: FBT001
    if is_so:
        where.add(alias)
    else:
        where.discard(alias)
