"""How long to wait before something is tried again, and how often: one rule for all of Tipo.

    after                      wait
    -------------------------  ---------------------------------------------------------------
    the first failure          `first` seconds
    each further one in a row  `factor` times as long, at most `longest`
    any, with jitter           chance takes off up to that share: many must not come at once
    the last of `attempts`     not at all: the caller gets the error
    `notify_after` failures    as before, and people are told

Each place that tries again declares a `Backoff`, and says why it waits so long.
docs/how-it-works.md lists them all, each with its limit or with how people learn of it.

stamina does the same for functions, but sleeps by the machine's clock and counts in memory. We wait
by the clock that is handed in, so a test lives through an hour in a moment; and what must survive
the process (a level that cannot be read, a product) is counted in the database, where the next
attempt may be another process's.

A batch without an answer is another matter: see workers/sender.py.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import TypeVar

from sync_core.clock import Clock
from sync_core.errors import Throttled, reason

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_EXPONENT = 60  # far beyond any `longest`, and no number overflows


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait after how many failures in a row, in seconds."""

    first: float
    longest: float
    factor: float = 2.0
    jitter: float = 0.0  # 0: exactly so long; 1: anything between nothing and that
    attempts: int | None = None  # altogether; None: until it works
    notify_after: int | None = None  # failures; None: people are told otherwise, or have the error

    def delay(self, failures: int, rng: Random | None = None) -> float:
        """Return the seconds to wait after so many failures in a row."""
        whole = self.first * self.factor ** min(max(failures, 1) - 1, MAX_EXPONENT)
        whole = min(self.longest, whole)
        return whole if rng is None else rng.uniform(whole * (1 - self.jitter), whole)

    def delay_after(self, lasted: float, rng: Random) -> float:
        """Return the seconds to wait where it has failed for so long, for all who ask.

        Where several ask one silent store, their failures together say nothing; the time does.
        """
        return rng.uniform(self.first, max(2 * self.first, min(self.longest, lasted / 2)))

    def is_over(self, failures: int) -> bool:
        """Whether there was the last attempt."""
        return self.attempts is not None and failures >= self.attempts

    def should_notify(self, failures: int) -> bool:
        """Whether people should know by now."""
        return self.notify_after is not None and failures >= self.notify_after


async def retry(  # each says when not to go on
    work: Callable[[], Awaitable[T]],
    backoff: Backoff,
    clock: Clock,
    *,
    may_help: Callable[[Exception], bool],
    within: timedelta | None = None,
    rng: Random | None = None,
) -> T:
    """Do work again and again until it succeeds; what another attempt cannot help is raised.

    Args:
        work: What is done.
        backoff: How long to wait in between; at least as long as a store asks for.
        clock: Ours.
        may_help: Whether another attempt may help, after such an error.
        within: How long, altogether; None: as many attempts as `backoff` has.
        rng: For the jitter.
    """
    until = None if within is None else clock.now() + within
    failures = 0
    while True:
        try:
            return await work()
        except Exception as exc:
            failures += 1
            asked = exc.wait if isinstance(exc, Throttled) else 0.0
            pause = max(backoff.delay(failures, rng), asked)
            is_late = until is not None and clock.now() + timedelta(seconds=pause) > until
            if is_late or backoff.is_over(failures) or not may_help(exc):
                raise
            log.info("again in %.2f s: %s", pause, reason(exc), extra={"event": "retry"})
        await clock.sleep(pause)
