"""Notice what fails, a worker or a store, and tell people of what goes on failing.

    a worker                                        then
    ----------------------------------------------  ------------------------------------------------
    fails                                           it alone is restarted, after 1, 2, 4 … 30 s
    fails for the third time in a row               it is down: health says so, people are told
                                                    which worker and why
    gets something done                             it is up
    is up, and has not failed for 2 minutes         the alert closes; its next failure is the first
    fails only while the database is silent         nobody is told: news waits in that database,
                                                    and would come when it is over

A vital worker is one that all stores need. Where one of them is down, the process is not well. A
job (app/scheduler.py) is a worker that ends once it has succeeded, until its next time.

    a store, for two minutes                        people are told
    ----------------------------------------------  ------------------------------------------------
    has not answered at all                         unreachable
    has not taken what we write; it may be read     updates_failing
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import inf
from random import Random

from sync_core import tracing
from sync_core.backoff import Backoff
from sync_core.clock import Clock
from sync_core.domain.values import NEVER, Alias, Event, Severity
from sync_core.errors import StoreError, TipoError, cut, reason
from sync_core.ports import Database, Transaction

log = logging.getLogger(__name__)

STEADY_AFTER = timedelta(
    minutes=2
)  # longer than a claim on a batch: its next failure is still in a row
# Soon: a worker that fails by chance must not be missed. It is down when people are told.
RESTART = Backoff(first=1, longest=30, notify_after=3)
KIND = "dead_worker"
NOTIFY_AFTER_SECONDS = 120.0  # seconds
# Short at first: most silences are one lost answer. A minute is what an outage may add to a delay.
SILENT_STORE = Backoff(first=0.5, longest=60)
LOG_WORDS = {"unreachable": "%s does not answer", "updates_failing": "%s takes no updates"}

Work = Callable[[Callable[[], None]], Awaitable[object]]
"""What a worker does until it is cancelled, a job until it is done: it calls what it is given
whenever it got something done, or found that there was nothing to do."""


@dataclass(slots=True)
class Worker:
    """How one worker is."""

    name: str
    vital: bool
    began_at: datetime
    done_at: datetime = NEVER  # it got something done
    failed_at: datetime = NEVER
    tried_at: datetime = NEVER  # when the attempt began that failed last
    failures: int = 0  # in a row
    why: str = ""
    error: Exception | None = None  # the last one
    told: str | None = None  # what people were told of it, as long as they are to know
    may_be_told: bool = True  # by us, or by a process before us

    def is_up(self) -> bool:
        """Whether it has worked since it failed."""
        return self.done_at > self.failed_at

    def is_down(self) -> bool:
        """Whether it fails again and again."""
        return RESTART.should_notify(self.failures) and not self.is_up()

    def has_recovered(self, now: datetime) -> bool:
        """Whether it has worked long enough to say that it works."""
        return self.is_up() and now - self.failed_at >= STEADY_AFTER

    def fail(self, exc: Exception, now: datetime) -> float:
        """Note a failure; return the seconds until it is tried again."""
        self.failures = 1 if self.has_recovered(now) else self.failures + 1
        self.failed_at, self.tried_at = now, self.began_at
        self.error, self.why = exc, reason(exc)
        return RESTART.delay(self.failures)


class Supervisor:
    """Runs workers side by side, none at the cost of another."""

    def __init__(self, database: Database, clock: Clock, *, has_all_workers: bool = True) -> None:
        self._database = database
        self._clock = clock
        self._has_all_workers = has_all_workers  # else some are in other processes
        self._workers: dict[str, Worker] = {}
        self._silent = False  # the database did not answer when we wanted to tell something
        self._answers_since = NEVER  # since then it has, as far as we know
        self._met = False  # what an earlier process has told has been looked at

    # -- how they are
    @property
    def workers(self) -> Sequence[Worker]:
        """How each is."""
        return tuple(self._workers.values())

    def down(self) -> dict[str, str]:
        """Return the workers that are down, and why."""
        return {each.name: each.why for each in self.workers if each.is_down()}

    def is_well(self) -> bool:
        """Whether all that every store needs is at work."""
        return not any(each.vital and each.is_down() for each in self.workers)

    # -- keeping them at work
    async def supervise(self, name: str, work: Work, *, vital: bool = False) -> None:
        """Have a worker work until cancelled; begin it again, alone, whenever it fails.

        All that it must know is in the database, so a beginning is as good as a going on.
        """
        worker = self._workers[name] = Worker(name, vital, self._clock.now())

        async def work_on(done: Callable[[], None]) -> None:
            await work(done)
            raise RuntimeError("it ended by itself")

        while True:
            await self._succeeds(worker, work_on)

    def job(self, name: str, work: Work, *, every: float) -> Callable[[], Awaitable[None]]:
        """Return one run of what is done every so many seconds: it ends once it has succeeded."""
        worker = self._workers[name] = Worker(name, False, self._clock.now())  # noqa: FBT003

        async def run() -> None:
            while not await self._succeeds(worker, work, retry_within=every):
                pass

        return run

    async def _succeeds(self, worker: Worker, work: Work, *, retry_within: float = inf) -> bool:
        """Have a worker work; where it fails, return when it is to be tried again."""
        worker.began_at = self._clock.now()
        try:
            with tracing.bound(worker=worker.name):
                await work(partial(self._done, worker))
        except Exception as exc:  # noqa: BLE001 - whatever it is, the others go on
            pause = min(worker.fail(exc, self._clock.now()), retry_within)
            _log(worker, exc, pause)
        else:
            self._done(worker)
            return True
        await self._clock.sleep(pause)
        return False

    def _done(self, worker: Worker) -> None:
        worker.done_at = self._clock.now()

    # -- telling people
    async def notify(self) -> None:
        """Tell people what has changed; where the database does not let us, next time."""
        now = self._clock.now()
        down = {
            each.name: each.told or each.why
            for each in self.workers
            # Only a try that began when the database answered says anything about the worker.
            if each.is_down()
            and (each.told or (not self._silent and each.tried_at >= self._answers_since))
        }
        resolved = [
            each.name for each in self.workers if each.may_be_told and each.has_recovered(now)
        ]
        known = None if self._met or not self._has_all_workers else frozenset(self._workers)
        try:
            await self._database.transaction(partial(_notify, down, resolved, known, now))
        except Exception as exc:  # noqa: BLE001 - it may be the very thing that does not work
            self._silent = True
            log.warning(
                "nobody can be told: %s", reason(exc), extra={"event": "notification_failed"}
            )
            return
        self._met = True
        if self._silent:
            self._silent, self._answers_since = False, self._clock.now()
        for each in self.workers:
            if each.name in down:
                each.told, each.may_be_told = down[each.name], True
            elif each.name in resolved:
                each.told, each.may_be_told = None, False


def _log(worker: Worker, exc: Exception, pause: float) -> None:
    """Log a failure; what Tipo says on purpose needs no traceback."""
    log.error(
        "%s has failed, and is restarted in %.0f s: %s",
        worker.name,
        pause,
        worker.why,
        exc_info=None if isinstance(exc, TipoError) else exc,
        extra={"event": "worker_failed", "worker": worker.name, "failures": worker.failures},
    )


def _notify(
    down: Mapping[str, str],
    resolved: Sequence[str],
    known: frozenset[str] | None,
    now: datetime,
    tx: Transaction,
) -> None:
    """Tell of workers that are down or work again; at first, end what is told of no one here."""
    ended = {f"worker:{name}" for name in resolved}
    known_down = {each.subject for each in tx.findings.page(kinds=[KIND])}
    if known is not None:
        ended |= known_down - {f"worker:{name}" for name in known}
    tx.notifications.notify(
        [
            *(_down(name, why) for name, why in down.items()),
            *(Event(kind=KIND, subject=each, resolved=True) for each in sorted(ended & known_down)),
        ],
        now=now,
    )


def _down(name: str, why: str) -> Event:
    return Event(
        kind=KIND,
        subject=f"worker:{name}",
        severity=Severity.CRITICAL,
        facts={"worker": name, "why": why},
    )


# -- stores
class StoreAvailability:
    """Remembers since when each store has failed us."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        rng: Random,
        *,
        kind: str = "unreachable",
        severity: Severity = Severity.CRITICAL,
    ) -> None:
        self._kind = kind
        self._severity = severity
        self._database = database
        self._clock = clock
        self._rng = rng
        self._failing_since: dict[Alias, datetime] = {}
        self._reported: set[Alias] = set()
        self._perhaps_reported: set[Alias] = set()  # perhaps told by another process

    async def failed(self, alias: Alias, exc: StoreError, *, level: int = logging.WARNING) -> float:
        """Note that a store did not answer; return the seconds to leave it alone.

        Args:
            alias: The store.
            exc: What came instead.
            level: Of the line in the log: one attempt that two of us note is one warning.
        """
        now = self._clock.now()
        since = self._failing_since.setdefault(alias, now)
        lasted = (now - since).total_seconds()
        why = cut(str(exc))
        extra = {"event": "no_answer", "store": alias, "why": why}
        log.log(level, LOG_WORDS[self._kind], alias, extra=extra)
        if lasted >= NOTIFY_AFTER_SECONDS and alias not in self._reported:
            self._reported.add(alias)
            facts: dict[str, str | int | float | bool | None] = {
                "store": alias,
                "since": since.isoformat(),
                "why": why,
            }
            events = Event(
                kind=self._kind, subject=f"store:{alias}", severity=self._severity, facts=facts
            )
            await self._notify(events, now)
        return SILENT_STORE.delay_after(lasted, self._rng)

    async def succeeded(self, alias: Alias) -> None:
        """Note that a store answers."""
        self._failing_since.pop(alias, None)
        if alias in self._reported | self._perhaps_reported:
            self._reported.discard(alias)
            self._perhaps_reported.discard(alias)
            resolved = Event(kind=self._kind, subject=f"store:{alias}", resolved=True)
            await self._notify(resolved, self._clock.now())

    def may_have_been_reported(self, alias: Alias) -> None:
        """Take over what another process may have told: the next answer says that it is over."""
        self._perhaps_reported.add(alias)

    async def identified(self, alias: Alias) -> None:
        """Note the first answer of a process."""
        self.may_have_been_reported(alias)
        await self.succeeded(alias)

    async def _notify(self, events: Event, now: datetime) -> None:
        await self._database.transaction(lambda tx: tx.notifications.notify([events], now=now))
