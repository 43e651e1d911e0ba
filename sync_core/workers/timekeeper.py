"""Keep the time, whatever is done to the machine's clock.

    the clock that we go by                     then
    ------------------------------------------  -------------------------------------------------
    is up to 30 s off                           we go nearer to it, half a second at a time
    was set by more, while we work; or that of  the process starts over, in place: no value that
    this machine was, by which libraries go     anybody holds in memory is of another time
    was set by more, when a process begins      what is stored is moved by as much, once, whoever
                                                comes first; people are told
    was set forward by more than a day          nothing is deleted for a day because of its age
    has not been set for an hour                people are told that it is over

Several processes on one PostgreSQL go by its clock, not by their own.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sync_core.clock import SteadyClock, boot_id
from sync_core.domain.clock_steps import (
    CLOCK_STEADY,
    MAX_IGNORED_STEP,
    NO_STEP,
    Moment,
    step_between,
    step_news,
)
from sync_core.errors import NoDatabase
from sync_core.ports import LONG_TRANSACTION_SECONDS, Database, Transaction
from sync_core.stored import from_json, to_json

log = logging.getLogger(__name__)

CHECK_SECONDS = 5.0  # between looks at the clock
SAVE_SECONDS = 60.0  # between notes of the time, for the next start
SLOW_SECONDS = 2.0  # an answer that took longer says little about what time it is
MAX_CORRECTION_PER_CHECK = timedelta(seconds=0.5)
TOLD_SECONDS = 3600.0
DOUBTED_SECONDS = 86_400.0  # a jump forward may be a mistake that somebody puts right
CLOCK_SETTING = "clock"

TimeOf = Callable[[Transaction], datetime]


class Timekeeper:
    """Keeps one process's clock right."""

    def __init__(
        self,
        database: Database,
        clock: SteadyClock,
        *,
        on_clock_step: Callable[[], None],
        time_of: TimeOf | None = None,  # the database's clock; None: we go by the machine's
    ) -> None:
        self._database = database
        self._clock = clock
        self._on_clock_step = on_clock_step  # called once: start over
        self._time_of = time_of
        self._saved_at = self._began = clock.monotonic()
        self._machine_is_off = clock.machine_time() - clock.now()  # where we go by another clock
        self._jump = NO_STEP  # by which the clock was set before this process began

    def may_delete_old(self) -> bool:
        """Whether what is old may be deleted: not within a day of a jump that made it old."""
        is_new = self._clock.monotonic() - self._began < DOUBTED_SECONDS
        return not (is_new and self._jump > timedelta(days=1))

    def health(self) -> dict[str, object]:
        """Say what is to be said of the clock."""
        is_new = self._clock.monotonic() - self._began < TOLD_SECONDS
        return {"was_set_by_seconds": round(self._jump.total_seconds()) if is_new else 0}

    async def begin(self) -> None:
        """Move what is stored, if the clock was set since somebody last looked. Before all else."""
        work = partial(self._begin, self._moment())
        self._jump = await self._database.transaction(work, limit=LONG_TRANSACTION_SECONDS)

    def _begin(self, now: Moment, tx: Transaction) -> timedelta:
        kept = tx.settings.get(CLOCK_SETTING)
        before = None if kept is None else from_json(kept, Moment)
        step = step_between(before, now)
        if before is not None and step:
            known = before.boot == now.boot
            tx.stored_times.shift(step, now=now.at, key_age_known=known)
            events = step_news(step, of_database=self._time_of is not None)
            tx.notifications.notify([events], now=now.at)
            log.warning(
                "the clock was set by %.0f s; stored times are moved with it",
                step.total_seconds(),
                extra={"event": "clock_stepped", "seconds": step.total_seconds()},
            )
        elif pulled := tx.stored_times.clamp(now=now.at):
            log.warning(
                "%d stored times lay too far ahead", pulled, extra={"event": "clock_stepped"}
            )
        tx.settings.set(CLOCK_SETTING, to_json(now))
        return step

    async def run(self, done: Callable[[], None]) -> None:
        """Look at the clock until cancelled."""
        while True:
            await self._clock.sleep(CHECK_SECONDS)
            await self.check()
            done()

    async def check(self) -> None:
        """Look at the clock: go nearer to it, or have the process start over."""
        at = await self._right_time()
        if at is None:
            return
        now = self._clock.now()
        off = at - now
        machine = self._clock.machine_time() - now - self._machine_is_off
        if max(abs(off), abs(machine)) > MAX_IGNORED_STEP:
            log.warning(
                "the clock was set by %.0f s, that of this machine by %.0f s; starting over",
                off.total_seconds(),
                machine.total_seconds(),
                extra={"event": "clock_stepped", "seconds": off.total_seconds()},
            )
            self._on_clock_step()
            return
        self._clock.approach(at, MAX_CORRECTION_PER_CHECK)
        passed = self._clock.monotonic() - self._saved_at
        if passed >= SAVE_SECONDS:
            self._saved_at += passed
            await self._database.transaction(partial(self._save, self._moment()))

    def _save(self, now: Moment, tx: Transaction) -> None:
        """Note what time it is; tell people when it has been right for long enough."""
        tx.settings.set(CLOCK_SETTING, to_json(now))
        if now.steady - self._began >= TOLD_SECONDS:
            tx.notifications.notify([CLOCK_STEADY], now=now.at)

    async def _right_time(self) -> datetime | None:
        """Return what the clock that we go by says; None if nobody can say just now."""
        if self._time_of is None:
            return self._clock.machine_time()
        asked = self._clock.monotonic()
        try:
            at = await self._database.transaction(self._time_of)
        except NoDatabase:
            return None
        took = self._clock.monotonic() - asked
        return None if took > SLOW_SECONDS else at + timedelta(seconds=took / 2)

    def _moment(self) -> Moment:
        return Moment(at=self._clock.now(), boot=boot_id(), steady=self._clock.monotonic())
