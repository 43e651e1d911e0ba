"""Time and luck, as things that are handed in.

This module alone may ask the machine what time it is.
"""

import asyncio
import secrets
import time
from datetime import UTC, datetime
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


class RandomIds:
    """Names from the machine's source of randomness."""

    def new(self) -> str:
        """Return an unguessable name of 32 hex digits."""
        return secrets.token_hex(16)
