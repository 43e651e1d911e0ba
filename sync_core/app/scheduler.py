"""What happens by the clock: a table of jobs, and APScheduler, which runs them.

    job          runs              does                             a missed run means
    -----------  ----------------  -------------------------------  ------------------------------
    heartbeat    every 5 s         leaves a sign of life            three: people read that nobody
                                                                    keeps the stores in sync
    alerts       every 5 s         tells people who is down         they learn it later
    roles        every minute      looks for roles that nobody has  they learn it later
    auditor      every minute      audits what is due of the books  the books are audited later
    sealer       every minute      draws or closes a day's seal     the day is sealed later
    stock_count  every 5 minutes   counts the stock                 `tipo status` has an older one
    cleanup      every hour        deletes what is too old          it is kept for longer
    night        every minute      asks for the report of a night   the next run asks for it, up
                                   that has begun, if nobody has    to 12 hours late

The first three are every process's own, the others of those that have the role `scheduler`.
A job never runs twice at a time, and what was missed is done once: a machine that slept for a day
tidies up once. One that fails is tried again by the supervisor, as a worker is. Of several
processes on one database each has its jobs; what only one may do, the database lets only one do.

APScheduler goes by the machine's clock. When somebody sets that by more than 30 s, the process
starts over (workers/timekeeper.py), and so do its jobs. The timekeeper goes by a clock that nobody
sets: it is no job. What waits for work, not for a time, is a worker: workers/engine.py.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.executors.base import BaseExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from sync_core.app.parts import Parts
from sync_core.app.role_watch import RoleWatch
from sync_core.clock import Clock
from sync_core.db.database import SqlDatabase
from sync_core.db.retention import RETENTION_PERIODS
from sync_core.db.transaction import SqlTransaction
from sync_core.domain.process_roles import ProcessRole
from sync_core.workers.auditor import RUN_EVERY_SECONDS, Auditor
from sync_core.workers.sealer import Sealer
from sync_core.workers.supervisor import Supervisor, Work

ALERTS_SECONDS = 5
FIRST_RUN_SECONDS = 5  # after the start: by then the supervisor knows every worker
SLICE_PAUSE_SECONDS = 0.1  # between two slices of what is deleted: others have to write, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One line of the table."""

    name: str
    every: float  # seconds
    work: Work
    is_own: bool = False  # of every process, whatever its roles
    spread: int | None = None  # seconds by which chance moves it: processes are not to meet


class EveryTrigger(BaseTrigger):  # type: ignore[misc]
    """Fires at whole multiples of so many seconds: a minute's job as a minute begins.

    What was missed is passed over. APScheduler's own triggers go through each time that was missed,
    and a machine that begins in 1970 until somebody sets its clock has missed millions.
    """

    def __init__(self, job: Job) -> None:
        self._job = job

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> Any:
        """Return when it is time next."""
        due = (now.timestamp() // self._job.every + 1) * self._job.every
        return self._apply_jitter(datetime.fromtimestamp(due, UTC), self._job.spread, now)


def jobs(
    parts: Parts, supervisor: Supervisor, watch: RoleWatch, *, may_delete_old: Callable[[], bool]
) -> tuple[Job, ...]:
    """Return the jobs of a process that serves, by its roles."""
    database, clock, service = parts.database, parts.clock, parts.service
    nightly = parts.settings.nightly
    zone = ZoneInfo(nightly.timezone)

    async def leave_sign_of_life(_: object) -> None:
        if supervisor.is_well():
            await service.heartbeat(watch.roles)

    async def count_stock(_: object) -> None:
        now = clock.now()
        await database.transaction(lambda tx: tx.views.count_stock(now=now))

    async def delete_old(_: object) -> None:
        if may_delete_old():
            await _delete_old(database, clock)

    sealer = Sealer(database, clock)
    table = (
        Job(name="heartbeat", every=5, work=leave_sign_of_life, is_own=True),
        Job(name="alerts", every=ALERTS_SECONDS, work=lambda _: supervisor.notify(), is_own=True),
        Job(name="roles", every=60, work=lambda _: watch.check(), is_own=True),
        Job(name="auditor", every=RUN_EVERY_SECONDS, work=Auditor(database, clock).run),
        Job(name="sealer", every=60, work=lambda _: sealer.run()),
        Job(name="stock_count", every=300, work=count_stock, spread=30),
        Job(name="cleanup", every=3600, work=delete_old, spread=300),
        # Each minute: people may set the hour at any time.
        Job(
            name="night",
            every=60,
            work=lambda _: service.request_nightly_report(nightly.at, zone),
        ),
    )
    is_scheduler = ProcessRole.SCHEDULER in watch.roles
    return tuple(each for each in table if each.is_own or is_scheduler)


async def _delete_old(database: SqlDatabase, clock: Clock) -> None:
    """Delete what is too old to be kept, a slice at a time, so that nobody waits for it."""
    now = clock.now()
    for keep, forget in RETENTION_PERIODS:
        while await database.transaction(partial(_forget, forget, now - keep)):
            await clock.sleep(SLICE_PAUSE_SECONDS)


def _forget(forget: Callable[..., int], before: datetime, tx: SqlTransaction) -> int:
    return forget(tx.retention, before=before)


async def run_jobs(
    wanted: Iterable[Job], supervisor: Supervisor, machine_time: Callable[[], datetime]
) -> None:
    """Run jobs when they are due, until cancelled; what is under way ends with that."""
    async with asyncio.TaskGroup() as group:
        scheduler = AsyncIOScheduler(
            timezone="UTC",
            executors={"default": GroupExecutor(group)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        first = machine_time() + timedelta(seconds=FIRST_RUN_SECONDS)
        for each in wanted:
            run = supervisor.job(each.name, each.work, every=each.every)
            scheduler.add_job(run, EveryTrigger(each), id=each.name, next_run_time=first)
        scheduler.start()
        try:
            await asyncio.Event().wait()
        finally:
            scheduler.pause()  # at once: the rest of its end takes a turn of the loop
            scheduler.shutdown(wait=False)


class GroupExecutor(BaseExecutor):  # type: ignore[misc]
    """Runs jobs as tasks of a group: none outlives it."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        super().__init__()
        self._group = group

    def _do_submit_job(self, job: Any, _run_times: Sequence[datetime]) -> None:
        self._group.create_task(self._run(job), name=job.id)

    async def _run(self, job: Any) -> None:
        await job.func()
        self._run_job_success(job.id, ())
