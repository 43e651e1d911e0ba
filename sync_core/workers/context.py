"""What every worker is given, and how one wakes another: nobody polls for what that can tell."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

from sync_core.clock import Clock, Ids
from sync_core.domain.circuit_breaker import BREAKER_LIMITS, BreakerLimits, Traffic
from sync_core.domain.leases import WritePermits
from sync_core.domain.matching import MatchBy
from sync_core.domain.suspension import READ_LAG, ReadLag
from sync_core.domain.values import NEVER, Alias, LevelId
from sync_core.ports import Comparer, Database, Store, StoreWork, WebhookParser, WorkKind
from sync_core.workers.supervisor import StoreAvailability

WAKEUP_SETTING = "wakeup"  # the setting that other processes change to wake this one

Wake = Callable[[WorkKind], None]


class Listener(Protocol):
    """Notices what other processes leave for this one to do: see db/listener.py."""

    async def run(self, wake: Wake, done: Callable[[], None]) -> None:
        """Wake until cancelled; say whenever it is sure to have missed nothing."""


class Wakeup:
    """Notified by whoever makes work, waited for by whoever does it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Say that there is work; twice is as good as once."""
        self._event.set()

    async def wait(self, seconds: float | None) -> None:
        """Return when it is notified, or after so many seconds; None: not before."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


class WakeupTopic:
    """A wakeup for each subscriber: all are notified at once, or those whom it concerns."""

    def __init__(self) -> None:
        self._subscribers: list[tuple[Wakeup, StoreWork | None]] = []

    @contextmanager
    def subscribe(self, work: StoreWork | None = None) -> Iterator[Wakeup]:
        """Give a wakeup of one's own, as long as this is open; for some work, or for any."""
        subscriber = Wakeup(), work
        self._subscribers.append(subscriber)
        try:
            yield subscriber[0]
        finally:
            self._subscribers.remove(subscriber)

    def notify(self, of: Collection[StoreWork] | None = None) -> None:
        """Notify every subscriber, or only those of some work."""
        for wakeup, work in self._subscribers:
            if of is None or work in of:
                wakeup.notify()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """How often and how much; seconds, and rows at a time."""

    read_lag: ReadLag = READ_LAG
    catch_up_every: float = 600.0  # between looks for missed changes; 0 is off
    catch_up_overlap: timedelta = timedelta(minutes=10)  # a store's list of changes may lag behind
    poll_every: float | None = None  # without webhooks, stores are asked so often
    recheck_every: float = 15.0  # between looks for deliveries that nobody has announced
    deliveries_per_round: int = 1000
    levels_per_round: int = 100
    # Without a book, from which an export reads them: a full bucket of the smallest plan reads
    # some 400 by id at once, and then 20 a second; an export takes seconds, and 15 points.
    levels_for_export: int = 300
    batch_lease: timedelta = timedelta(seconds=60)  # longer than any request may take
    breaker: BreakerLimits = BREAKER_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoApproval:
    """What a night may do without a person: nothing, unless the settings say so."""

    kinds: frozenset[str] = frozenset()  # of findings
    units: int = 0  # that one fix may move

    def allows(self, kind: str, safe: bool, units: int) -> bool:  # noqa: FBT001
        """Whether a fix needs nobody's approval."""
        return safe and kind in self.kinds and units <= self.units


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The world as the workers see it."""

    database: Database
    stores: Mapping[Alias, Store]
    source: Alias
    clock: Clock
    ids: Ids
    rng: Random
    parse_webhook: WebhookParser
    match_by: MatchBy
    public_url: str | None  # where stores reach us
    topics: Callable[[Iterable[str]], Sequence[str]]  # what to subscribe to, by our scopes
    availability: StoreAvailability
    config: EngineConfig = field(default_factory=EngineConfig)
    permits: WritePermits = field(default_factory=WritePermits)  # who may write now
    identified: set[Alias] = field(default_factory=set)  # stores that have said who they are
    sending: set[Alias] = field(default_factory=set)  # stores that an update is under way to
    # When the breaker found what explained, and how much: not to check it each time; and units.
    breaker_checks: dict[Alias, tuple[datetime, Traffic]] = field(default_factory=dict)
    units_in_store: dict[Alias, tuple[datetime, int]] = field(default_factory=dict)
    contest_checks: dict[LevelId, datetime] = field(default_factory=dict)  # when last
    inbox: Wakeup = field(default_factory=Wakeup)  # deliveries wait
    store_work: WakeupTopic = field(default_factory=WakeupTopic)  # stores have batches or looks
    catalogues: WakeupTopic = field(default_factory=WakeupTopic)  # catalogues have to be read
    exports: WakeupTopic = field(default_factory=WakeupTopic)  # a store has finished an export
    first_reads: WakeupTopic = field(default_factory=WakeupTopic)  # many levels have no book yet
    # When each store's last export began by which levels got their books: what it left is read by
    # id. A new process begins with an export of its own.
    exported_at: dict[Alias, datetime] = field(default_factory=lambda: defaultdict(lambda: NEVER))
    requests: WakeupTopic = field(default_factory=WakeupTopic)  # reports, decisions
    comparer: Comparer | None = None  # None: this process cannot compare stores
    auto: AutoApproval = field(default_factory=AutoApproval)

    def may_write(self, store: Alias) -> bool:
        """Whether a request that writes may leave: the store has said who it is, and is ours."""
        return store in self.identified and self.permits.may_write(store, self.clock.monotonic())
