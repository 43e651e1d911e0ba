"""What goes wrong on purpose: exactly once, by chance, or for a while."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

ANY = "*"


class SlackFault(StrEnum):
    """Ways to answer a request badly."""

    RATE_LIMITED = "rate_limited"  # 429 with Retry-After, nothing done
    ERROR_BEFORE = "error_before"  # 500, nothing done
    ERROR_AFTER = "error_after"  # 500, done
    DROP_BEFORE = "drop_before"  # connection lost, nothing done
    DROP_AFTER = "drop_after"  # connection lost, done: the message exists
    HTML = "html"  # 503 and a page, nothing done
    SLOW = "slow"  # done at once, answered after `slow_for` seconds


@dataclass(slots=True, kw_only=True)
class SlackFaults:
    """Switches and probabilities. By default nothing goes wrong.

    Keys are method names (`chat.postMessage`, `response_url`, `upload`), or `*` for all.
    """

    next: dict[str, list[SlackFault]] = field(default_factory=dict)  # one a call, until it is empty
    chances: dict[SlackFault, float] = field(default_factory=dict)  # of any call
    always: dict[str, SlackFault] = field(default_factory=dict)
    refuse: dict[str, str] = field(default_factory=dict)  # Slack's own error word
    blocks: str = ""  # the word with which it refuses whatever has blocks; "": it takes them
    unknown_blocks: set[str] = field(default_factory=set)  # kinds that this workspace has not got
    outage: bool = False  # every connection breaks before anything is done
    down_until: float = 0.0  # the same, until the clock says so
    retry_after: int = 1
    slow_for: float = 1.0
    silent_sockets: bool = False  # they stay open, answer pings, and deliver nothing

    def render_blocks(self, method: str, now: float, rng: Random) -> SlackFault | None:
        """Return what goes wrong with this call, if anything."""
        if self.outage or now < self.down_until:
            return SlackFault.DROP_BEFORE
        for key in (method, ANY):
            if self.next.get(key):
                return self.next[key].pop(0)
            if key in self.always:
                return self.always[key]
        rest = rng.random()
        for answer, chance in self.chances.items():
            rest -= chance
            if rest < 0:
                return answer
        return None

    def refusal(self, method: str, given: Mapping[str, Any]) -> str | None:
        """Return the error word with which Slack refuses this call."""
        named = self.refuse.get(method) or self.refuse.get(ANY)
        if any(kind in f"{given.get('blocks')}" for kind in self.unknown_blocks):
            return named or "invalid_blocks"
        return named or (self.blocks if given.get("blocks") else None) or None

    def once(self, method: str, *answers: SlackFault) -> None:
        """Let the next calls of a method (or `*`) go wrong like this."""
        self.next.setdefault(method, []).extend(answers)

    def down_for(self, seconds: float, clock: Callable[[], float]) -> None:
        """Let Slack be down for some seconds of the clock."""
        self.down_until = clock() + seconds
