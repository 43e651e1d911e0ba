"""Time and randomness, as things that are handed in.

This module alone may ask the machine what time it is.
"""

import asyncio
import secrets
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """What time it is, and how to wait."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow, whatever is done to the time of day."""

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""


class Ids(Protocol):
    """Where names come from that must never come twice."""

    def new(self) -> str:
        """Return an unguessable name of 32 hex digits."""


# Where there is one, the clock that also counts the time for which the machine was suspended: a
# lease goes on to run out meanwhile.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class WallClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only ever grow, also while the machine is suspended."""
        return time.clock_gettime(_STEADY)

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        await asyncio.sleep(seconds)


class SteadyClock:
    """A time of day that goes on as steadily as `monotonic`, whatever is done to the machine's.

    Within one process no interval is ever wrong. The timekeeper (workers/timekeeper.py) brings it
    nearer to the right time little by little; where that is far away, the process starts over.
    """

    def __init__(self, machine: Clock, at: datetime | None = None) -> None:
        self._machine = machine
        self._at = at or machine.now()
        self._from = machine.monotonic()

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        return self._at + timedelta(seconds=self._machine.monotonic() - self._from)

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return self._machine.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        await self._machine.sleep(seconds)

    def machine_time(self) -> datetime:
        """Return the time of day as the machine says."""
        return self._machine.now()

    def approach(self, at: datetime, most: timedelta) -> None:
        """Go nearer to what the time is, but not by more than that."""
        self._at += max(-most, min(most, at - self.now()))


def boot_id() -> str:
    """Return what `monotonic` counts from: the last start of this machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # not Linux: then of this process
        return _PROCESS


_PROCESS = secrets.token_hex(16)


class RandomIds:
    """Names from the machine's source of randomness."""

    def new(self) -> str:
        """Return an unguessable name of 32 hex digits."""
        return secrets.token_hex(16)
