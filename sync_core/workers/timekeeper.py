"""Keep the time, whatever is done to the machine's clock.

    the clock that we go by                     then
    ------------------------------------------  -------------------------------------------------
    is up to 30 s off                           we go nearer to it, half a second at a time
    was set by more, while we work; or that of  the process begins anew, in place: no value that
    this machine was, by which libraries go     anybody holds in memory is of another time
    was set by more, when a process begins      what is stored is moved by as much, once, whoever
                                                comes first; people are told
    was set forward by more than a day          nothing is deleted for a day because of its age
    has not been set for an hour                people are told that it is over

Several processes on one PostgreSQL go by its clock, not by their own.
"""

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sync_core.clock import SteadyClock, boot_id
from sync_core.domain.clock_steps import (
    NOTHING,
    SMALL,
    STEADY_AGAIN,
    Moment,
    step_between,
    step_news,
)
from sync_core.errors import NoDatabase
from sync_core.ports import LONG_STEP_SECONDS, Ledger, Records

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0  # between looks at the clock
KEEP_SECONDS = 60.0  # between notes of the time, for the next start
SLOW_SECONDS = 2.0  # an answer that took longer says little about what time it is
MOST_AT_ONCE = timedelta(seconds=0.5)
TOLD_SECONDS = 3600.0
DOUBTED_SECONDS = 86_400.0  # a jump forward may be a mistake that somebody puts right
SETTING = "clock"

TimeOf = Callable[[Ledger], datetime]


class Timekeeper:
    """Keeps one process's clock right."""

    def __init__(
        self,
        records: Records,
        clock: SteadyClock,
        *,
        stepped: Callable[[], None],
        time_of: TimeOf | None = None,  # the database's clock; None: we go by the machine's
    ) -> None:
        self._records = records
        self._clock = clock
        self._stepped = stepped  # called once: begin anew
        self._time_of = time_of
        self._kept_at = self._began = clock.monotonic()
        self._machine_is_off = clock.machine_time() - clock.now()  # where we go by another clock
        self._jump = NOTHING  # by which the clock was set before this process began

    def may_forget(self) -> bool:
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
        self._jump = await self._records.step(work, limit=LONG_STEP_SECONDS)

    def _begin(self, now: Moment, ledger: Ledger) -> timedelta:
        kept = ledger.setting(SETTING)
        before = None if kept is None else _moment_in(kept)
        step = step_between(before, now)
        if before is not None and step:
            known = before.boot == now.boot
            ledger.move_times(step, now=now.at, key_age_known=known)
            news = step_news(step, of_database=self._time_of is not None)
            ledger.tell([news], now=now.at)
            log.warning(
                "the clock was set by %.0f s; stored times are moved with it",
                step.total_seconds(),
                extra={"act": "clock_step", "seconds": step.total_seconds()},
            )
        elif pulled := ledger.pull_back(now=now.at):
            log.warning("%d stored times lay too far ahead", pulled, extra={"act": "clock_step"})
        ledger.set(SETTING, _kept(now))
        return step

    async def run(self, done: Callable[[], None]) -> None:
        """Look at the clock until cancelled."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            await self.look()
            done()

    async def look(self) -> None:
        """Look at the clock: go nearer to it, or have the process begin anew."""
        at = await self._right_time()
        if at is None:
            return
        now = self._clock.now()
        off = at - now
        machine = self._clock.machine_time() - now - self._machine_is_off
        if max(abs(off), abs(machine)) > SMALL:
            log.warning(
                "the clock was set by %.0f s, that of this machine by %.0f s; beginning anew",
                off.total_seconds(),
                machine.total_seconds(),
                extra={"act": "clock_step", "seconds": off.total_seconds()},
            )
            self._stepped()
            return
        self._clock.approach(at, MOST_AT_ONCE)
        passed = self._clock.monotonic() - self._kept_at
        if passed >= KEEP_SECONDS:
            self._kept_at += passed
            await self._records.step(partial(self._keep, self._moment()))

    def _keep(self, now: Moment, ledger: Ledger) -> None:
        """Note what time it is; tell people when it has been right for long enough."""
        ledger.set(SETTING, _kept(now))
        if now.steady - self._began >= TOLD_SECONDS:
            ledger.tell([STEADY_AGAIN], now=now.at)

    async def _right_time(self) -> datetime | None:
        """Return what the clock that we go by says; None if nobody can say just now."""
        if self._time_of is None:
            return self._clock.machine_time()
        asked = self._clock.monotonic()
        try:
            at = await self._records.step(self._time_of)
        except NoDatabase:
            return None
        took = self._clock.monotonic() - asked
        return None if took > SLOW_SECONDS else at + timedelta(seconds=took / 2)

    def _moment(self) -> Moment:
        return Moment(at=self._clock.now(), boot=boot_id(), steady=self._clock.monotonic())


def _kept(now: Moment) -> str:
    return json.dumps({"at": now.at.isoformat(), "boot": now.boot, "steady": now.steady})


def _moment_in(kept: str) -> Moment:
    found = json.loads(kept)
    return Moment(
        at=datetime.fromisoformat(found["at"]), boot=found["boot"], steady=found["steady"]
    )
