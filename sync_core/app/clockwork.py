"""What happens by the clock: signs of life, tidying up, and the nightly comparison."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from sync_core.app.parts import Parts
from sync_core.db.retention import KEPT
from sync_core.domain.nights import next_night
from sync_core.settings import NightlySettings

BEAT = 5  # seconds between signs of life
ASK_AGAIN = 10  # minutes between questions whether a night has begun that nobody has asked for
COUNT = 5  # minutes between counts of all pools and levels
GRACE = 3600  # seconds that a job may be late: the night itself says when it is too late


class Nightly(BaseTrigger):  # type: ignore[misc]
    """Fires when a night begins; right over both changes of the clocks."""

    def __init__(self, settings: NightlySettings) -> None:
        self._at = settings.at
        self._zone = ZoneInfo(settings.timezone)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """Return the next night after the one before, or after now."""
        return next_night((previous or now).astimezone(UTC), self._at, self._zone)


class Clockwork:
    """The scheduler and its jobs."""

    def __init__(
        self,
        parts: Parts,
        *,
        is_working: Callable[[], bool],
        may_forget: Callable[[], bool] = lambda: True,
    ) -> None:
        self._parts = parts
        self._is_working = is_working
        self._may_forget = may_forget
        self._scheduler = AsyncIOScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": GRACE},
        )

    async def start(self) -> None:
        """Begin, with the night that was missed while nobody served."""
        nightly = self._parts.settings.nightly
        await self._parts.service.begin_nights()
        await self._night()
        self._scheduler.add_job(self._beat, "interval", seconds=BEAT)
        self._scheduler.add_job(self._forget, "interval", hours=1)
        self._scheduler.add_job(self._count, "interval", minutes=COUNT)
        self._scheduler.add_job(self._night, Nightly(nightly))
        # A machine that slept through the hour, or a database that was away, misses no night.
        self._scheduler.add_job(self._night, "interval", minutes=ASK_AGAIN)
        self._scheduler.start()

    def stop(self) -> None:
        """End at once; what was begun is in the database."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def _beat(self) -> None:
        """Leave a sign of life while what all stores need is at work."""
        if self._is_working():
            await self._parts.service.beat()

    async def _night(self) -> None:
        """Ask for the report of the night that has begun, if nobody has."""
        nightly = self._parts.settings.nightly
        await self._parts.service.night(nightly.at, ZoneInfo(nightly.timezone))

    async def _forget(self) -> None:
        """Delete what is too old to be kept, a slice at a time, so that nobody waits for it."""
        if not self._may_forget():
            return
        now = self._parts.clock.now()
        for keep, forget in KEPT:
            slice_ = partial(forget, before=now - keep)
            while await self._parts.database.step(slice_):
                await self._parts.clock.sleep(0.1)

    async def _count(self) -> None:
        """Count the stock anew, so that nobody who asks at a glance has to wait for it."""
        now = self._parts.clock.now()
        await self._parts.database.step(lambda ledger: ledger.count_stock(now=now))
