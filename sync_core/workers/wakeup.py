"""How one worker wakes another: nothing polls for what a bell can tell."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

WAKEUP_SETTING = "bell"  # the setting that other processes change to wake this one


class Wakeup:
    """Rung by whoever makes work, waited for by whoever does it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Say that there is work; ringing twice is ringing once."""
        self._event.set()

    async def wait(self, seconds: float | None) -> None:
        """Return when it rings, or after so many seconds. None: only when it rings."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


class WakeupTopic:
    """One bell for each who listens: a ring is heard by all, and by each only once."""

    def __init__(self) -> None:
        self._subscribers: list[Wakeup] = []

    @contextmanager
    def subscribe(self) -> Iterator[Wakeup]:
        """Give a bell of one's own, for as long as one listens."""
        wakeup = Wakeup()
        self._subscribers.append(wakeup)
        try:
            yield wakeup
        finally:
            self._subscribers.remove(wakeup)

    def notify(self) -> None:
        """Ring every bell."""
        for wakeup in self._subscribers:
            wakeup.notify()
