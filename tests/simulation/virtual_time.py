"""Time that passes only when nothing is left to do, and a process that can be killed anywhere."""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import UTC, datetime, timedelta

import httpx
from apscheduler.schedulers import base as scheduler_base

from tests.simulation.coverage import COVERAGE, DIED_UNHEARD

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting, lets the loop's time pass."""

    loop: "VirtualLoop"

    def select(self, timeout=None):
        # The loop's own pipe is always there; nobody writes to it, since there are no threads.
        ready = super().select(0) if len(self.get_map()) > 1 else []
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("everybody waits for somebody else")
        self.loop.passed += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which an hour takes a moment."""

    def __init__(self):
        self.passed = 0.0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self):
        return self.passed

    def run_in_executor(self, executor, func, *args):
        """Do at once what would go to a thread: virtual time would not wait for it."""
        done = self.create_future()
        if executor is not None:
            # As asyncio would, but for the byte in a pipe by which a thread wakes a loop.
            source = executor.submit(func, *args)
            if source.done():
                self.call_soon(_pass_on, source, done)
            return done
        try:
            done.set_result(func(*args))
        except Exception as exc:  # noqa: BLE001 - the one who waits for it gets it
            done.set_exception(exc)
        return done


def _pass_on(source: Future, done: asyncio.Future) -> None:
    """Give the one who waits what the work came to."""
    if done.done():
        return
    error = source.exception()
    if error is None:
        done.set_result(source.result())
    else:
        done.set_exception(error)


class LoopDatetime(datetime):
    """What APScheduler takes for the machine's clock: in a virtual loop, the time that passed."""

    @classmethod
    def now(cls, tz=None):
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualLoop):
            return (START + timedelta(seconds=loop.passed)).astimezone(tz)
        return datetime.now(tz)


scheduler_base.datetime = LoopDatetime


class VirtualClock:
    """The clock of a virtual loop; `skew` is how wrong it goes."""

    def __init__(self, loop: VirtualLoop, skew: timedelta = timedelta(0)) -> None:
        self._loop = loop
        self.skew = skew

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.passed) + self.skew

    def monotonic(self) -> float:
        return self._loop.passed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class CountingIds:
    """Names that never come twice."""

    def __init__(self) -> None:
        self.count = 0

    def new(self) -> str:
        self.count += 1
        return f"{self.count:032x}"


class Fuse:
    """Counts the points at which a process can be killed, and kills it at one of them.

    There is one before and one after each commit and each request. A killed process never gets
    an answer: its tasks hang until they are thrown away, as nothing of it would ever run again.
    """

    def __init__(self) -> None:
        self.left: int | None = None  # points to go
        self.after_write = False  # whether the next answer to a write is the last point
        self.blown = False
        self.points = 0  # passed so far

    @property
    def is_lit(self) -> bool:
        """Whether the process is to die."""
        return self.left is not None or self.after_write

    def put_out(self) -> None:
        """Let the process live."""
        self.left, self.after_write = None, False

    def passes(self) -> bool:
        """Return whether the process lives on after this point."""
        self.points += 1
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.blown = True
        return not self.blown


class InlineExecutor(Executor):
    """Runs database steps at once, in the thread of the loop."""

    def __init__(self, fuse: Fuse) -> None:
        self._fuse = fuse

    def submit(self, fn: Callable, /, *args, **kwargs) -> Future:
        future: Future = Future()
        if not self._fuse.passes():
            return future
        try:
            result = fn(*args, **kwargs)
        except BaseException as exc:  # noqa: BLE001 - the caller gets it
            future.set_exception(exc)
            return future
        if self._fuse.passes():
            future.set_result(result)
        return future


class KillableTransport(httpx.AsyncBaseTransport):
    """Carries requests for a process that can be killed."""

    def __init__(
        self, inner: httpx.AsyncBaseTransport, fuse: Fuse, latency: Callable[[], float]
    ) -> None:
        self._inner = inner
        self._fuse = fuse
        self._latency = latency

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self._fuse.passes():
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(self._latency())
        if self._fuse.blown:
            await asyncio.get_running_loop().create_future()
        response = await self._inner.handle_async_request(request)
        await asyncio.sleep(self._latency())
        is_write = b"inventoryAdjustQuantities" in request.content
        if is_write and self._fuse.after_write:
            self._fuse.left = 0
        if not self._fuse.passes():
            COVERAGE[DIED_UNHEARD] += is_write
            await asyncio.get_running_loop().create_future()
        return response
