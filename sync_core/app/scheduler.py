"""What happens by the clock: signs of life, tidying up, and the nightly comparison."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from sync_core.app.parts import Parts
from sync_core.db.retention import RETENTION_PERIODS
from sync_core.db.transaction import SqlTransaction

HEARTBEAT_SECONDS = 5  # seconds between signs of life
COUNT_MINUTES = 5  # minutes between counts of all pools and levels
MISFIRE_GRACE_SECONDS = 3600  # the night itself says when it is too late


class Scheduler:
    """The scheduler and its jobs."""

    def __init__(
        self,
        parts: Parts,
        *,
        is_working: Callable[[], bool],
        may_delete_old: Callable[[], bool] = lambda: True,
    ) -> None:
        self._parts = parts
        self._is_working = is_working
        self._may_delete_old = may_delete_old
        self._scheduler = AsyncIOScheduler(
            timezone="UTC",
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                "misfire_grace_time": MISFIRE_GRACE_SECONDS,
            },
        )

    async def start(self) -> None:
        """Begin, with the night that was missed while nobody served."""
        await self._parts.service.remember_first_start()
        await self._request_nightly_report()
        self._scheduler.add_job(self._heartbeat, "interval", seconds=HEARTBEAT_SECONDS)
        self._scheduler.add_job(self._delete_old, "interval", hours=1)
        self._scheduler.add_job(self._count, "interval", minutes=COUNT_MINUTES)
        # Each minute: people may set the hour at any time, and a machine that slept through it, or
        # a database that was away, misses no night.
        self._scheduler.add_job(self._request_nightly_report, "cron", second=0)
        self._scheduler.start()

    def stop(self) -> None:
        """End at once; what was begun is in the database."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def _heartbeat(self) -> None:
        """Leave a sign of life while what all stores need is at work."""
        if self._is_working():
            await self._parts.service.heartbeat()

    async def _request_nightly_report(self) -> None:
        """Ask for the report of the night that has begun, if nobody has."""
        nightly = self._parts.settings.nightly
        await self._parts.service.request_nightly_report(nightly.at, ZoneInfo(nightly.timezone))

    async def _delete_old(self) -> None:
        """Delete what is too old to be kept, a slice at a time, so that nobody waits for it."""
        if not self._may_delete_old():
            return
        now = self._parts.clock.now()
        for keep, forget in RETENTION_PERIODS:
            slice_ = partial(_forget, forget, now - keep)
            while await self._parts.database.transaction(slice_):
                await self._parts.clock.sleep(0.1)

    async def _count(self) -> None:
        """Count the stock again, so that nobody who asks at a glance has to wait for it."""
        now = self._parts.clock.now()
        await self._parts.database.transaction(lambda tx: tx.views.count_stock(now=now))


def _forget(forget: Callable[..., int], before: datetime, tx: SqlTransaction) -> int:
    return forget(tx.retention, before=before)
