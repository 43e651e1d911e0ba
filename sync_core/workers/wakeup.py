"""How one worker wakes another: nothing polls for what a wakeup can tell."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from sync_core.ports import WorkKind

WAKEUP_SETTING = "wakeup"  # the setting that other processes change to wake this one

Wake = Callable[[WorkKind], None]


class Listener(Protocol):
    """Notices what other processes leave for this one to do: see db/listener.py."""

    async def run(self, wake: Wake, done: Callable[[], None]) -> None:
        """Wake until cancelled; say whenever it is sure to have missed nothing."""


class Wakeup:
    """Notified by whoever makes work, waited for by whoever does it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Say that there is work; twice is as good as once."""
        self._event.set()

    async def wait(self, seconds: float | None) -> None:
        """Return when it is notified, or after so many seconds; None: not before."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


class WakeupTopic:
    """A wakeup for each subscriber: all are notified at once."""

    def __init__(self) -> None:
        self._subscribers: list[Wakeup] = []

    @contextmanager
    def subscribe(self) -> Iterator[Wakeup]:
        """Give a wakeup of one's own, as long as this is open."""
        wakeup = Wakeup()
        self._subscribers.append(wakeup)
        try:
            yield wakeup
        finally:
            self._subscribers.remove(wakeup)

    def notify(self) -> None:
        """Notify every subscriber."""
        for wakeup in self._subscribers:
            wakeup.notify()
