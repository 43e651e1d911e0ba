"""Rate limits: a tier for each method, and about one message a second for each channel."""

import math
from collections import deque
from collections.abc import Callable, Mapping

CALLS_PER_MINUTE: Mapping[int, int] = {1: 1, 2: 20, 3: 50, 4: 100}  # calls a minute
MINUTE = 60.0
MAX_BURST_PER_CHANNEL = 4  # messages at once in one channel, then one a second
MAX_POSTS_PER_MINUTE = 300  # chat.postMessage a minute, over all channels


class RateLimiter:
    """Counts calls; says how long to wait when there were too many."""

    def __init__(self, clock: Callable[[], float], *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._clock = clock
        self._calls: dict[str, deque[float]] = {}
        self._channels: dict[str, float] = {}  # the moment from which on it is at rest

    def wait(self, method: str, tier: int, channel: str | None = None) -> int:
        """Return the whole seconds to wait, or 0 and count the call."""
        if not self.enabled:
            return 0
        now = self._clock()
        most = MAX_POSTS_PER_MINUTE if channel else CALLS_PER_MINUTE[tier]
        past = self._calls.setdefault(method, deque())
        while past and past[0] <= now - MINUTE:
            past.popleft()
        over = past[0] + MINUTE - now if len(past) >= most else 0.0
        if channel:
            rest = max(self._channels.get(channel, now), now)
            over = max(over, rest - now - (MAX_BURST_PER_CHANNEL - 1))
            if over <= 0:
                self._channels[channel] = rest + 1
        if over <= 0:
            past.append(now)
            return 0
        return math.ceil(over)
