"""Idempotency keys: 24 hours of memory of what was asked for, and how it went."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

KEY_LIFETIME = timedelta(hours=24)
Payload = Mapping[str, object]


class KeyState(Enum):
    """What is known of a key."""

    FRESH = "fresh"
    RUNNING = "IDEMPOTENCY_CONCURRENT_REQUEST"
    MISMATCH = "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
    FAILED = "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"
    DONE = "done"


MESSAGES = {
    KeyState.RUNNING: "This request is currently in progress, please try again.",
    KeyState.MISMATCH: (
        "The same idempotency key cannot be used with different operation parameters."
    ),
    KeyState.FAILED: (
        "A previous request with this idempotency key failed. Retry with a new idempotency key."
    ),
}


@dataclass(slots=True)
class KeyRecord:
    """A key's first request and its outcome."""

    fingerprint: str
    since: datetime
    state: KeyState
    payload: Payload | None = None


class IdempotencyKeys:
    """The keys of one app in one shop."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._known: dict[str, KeyRecord] = {}
        self.errors_use_up = True  # whether a request refused by user errors uses up its key

    def look_up(self, key: str, fingerprint: str) -> tuple[KeyState, Payload | None]:
        """Return what is known of a key, for these parameters."""
        known = self._known.get(key)
        if known is None or self._now() - known.since >= KEY_LIFETIME:
            return KeyState.FRESH, None
        if known.fingerprint != fingerprint:
            return KeyState.MISMATCH, None
        return known.state, known.payload

    def start(self, key: str, fingerprint: str) -> None:
        """Remember that a request with this key runs."""
        self._known[key] = KeyRecord(fingerprint, self._now(), KeyState.RUNNING)

    def finish(self, key: str, payload: Payload, *, failed: bool) -> None:
        """Remember how it went."""
        if failed and not self.errors_use_up:
            del self._known[key]
            return
        known = self._known[key]
        known.state = KeyState.FAILED if failed else KeyState.DONE
        known.payload = payload


def fingerprint(operation: str, arguments: Mapping[str, object]) -> str:
    """Return what makes two requests the same."""
    return operation + json.dumps(arguments, sort_keys=True)
