"""How one worker wakes another: nothing polls for what a bell can tell."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Bell:
    """Rung by whoever makes work, waited for by whoever does it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
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


class Bells:
    """One bell for each who listens: a ring is heard by all, and by each only once."""

    def __init__(self) -> None:
        self._bells: list[Bell] = []

    @contextmanager
    def listening(self) -> Iterator[Bell]:
        """Give a bell of one's own, for as long as one listens."""
        bell = Bell()
        self._bells.append(bell)
        try:
            yield bell
        finally:
            self._bells.remove(bell)

    def ring(self) -> None:
        """Ring every bell."""
        for bell in self._bells:
            bell.ring()
