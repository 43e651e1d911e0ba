"""What every worker is given."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from sync_core.clock import Clock, Ids
from sync_core.domain.brake import LIMITS, Limits, Traffic
from sync_core.domain.match import MatchBy
from sync_core.domain.suspend import PATIENCE, Patience
from sync_core.domain.values import Alias, LevelId
from sync_core.ports import Comparer, Reader, Records, Store
from sync_core.workers.bell import Bell, Bells
from sync_core.workers.permits import Permits
from sync_core.workers.reach import Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often and how much; seconds, and rows at a time."""

    patience: Patience = PATIENCE
    catch_up: float = 600.0  # between looks for missed changes; 0 is off
    overlap: timedelta = timedelta(minutes=10)  # a store's list of changes may lag behind
    poll: float | None = None  # without webhooks, stores are asked so often
    listen: float = 0.5  # between looks for what other processes have changed
    fold: int = 1000
    look: int = 100
    claim: timedelta = timedelta(seconds=60)  # longer than any request may take
    brake: Limits = LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Auto:
    """What a night may do without a person: nothing, unless the settings say so."""

    kinds: frozenset[str] = frozenset()  # of findings
    units: int = 0  # that one fix may move

    def allows(self, kind: str, safe: bool, units: int) -> bool:  # noqa: FBT001
        """Whether a fix needs nobody's approval."""
        return safe and kind in self.kinds and units <= self.units


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The world as the workers see it."""

    records: Records
    stores: Mapping[Alias, Store]
    source: Alias
    clock: Clock
    ids: Ids
    luck: Random
    read: Reader
    match_by: MatchBy
    public_url: str | None  # where stores reach us
    topics: Callable[[Iterable[str]], Sequence[str]]  # what to subscribe to, by our scopes
    reach: Reach
    pace: Pace = field(default_factory=Pace)
    permits: Permits = field(default_factory=Permits)  # which stores may be written to now
    known: set[Alias] = field(default_factory=set)  # stores that have said who they are
    # What the brake found explained, when, and how much it was: not to go through it each time.
    weighed: dict[Alias, tuple[datetime, Traffic]] = field(default_factory=dict)
    stock: dict[Alias, tuple[datetime, int]] = field(default_factory=dict)  # units, and when
    contests: dict[LevelId, datetime] = field(default_factory=dict)  # last looked into, and when
    inbox: Bell = field(default_factory=Bell)  # deliveries wait
    work: Bells = field(default_factory=Bells)  # stores have batches or looks
    products: Bells = field(default_factory=Bells)  # catalogues have to be read
    exports: Bells = field(default_factory=Bells)  # a store has finished an export
    papers: Bells = field(default_factory=Bells)  # reports are wanted, or decisions made
    comparer: Comparer | None = None  # None: this process cannot compare stores
    auto: Auto = field(default_factory=Auto)
