"""What goes wrong on purpose: by chance (with the shop's own seed), or exactly once."""

from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from random import Random


class ShopFault(StrEnum):
    """Ways to answer a request badly."""

    ERROR_BEFORE = "error_before"  # 500, nothing done
    ERROR_AFTER = "error_after"  # 500, done
    DROP_BEFORE = "drop_before"  # connection lost, nothing done
    DROP_AFTER = "drop_after"  # connection lost, done
    LATE = "late"  # connection lost, done `late_by` seconds later
    TRUNCATED = "truncated"  # done, half the body
    HTML = "html"  # 200 and a page, nothing done
    SLOW = "slow"  # done, answered after `slow_for` seconds
    THROTTLED = "throttled"  # the GraphQL error, nothing done
    CONCURRENT = "concurrent"  # IDEMPOTENCY_CONCURRENT_REQUEST, nothing done
    SPENT = "spent"  # IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED, nothing done


@dataclass(slots=True, kw_only=True)
class ShopFaults:
    """Probabilities from 0 to 1, and switches. By default nothing goes wrong."""

    # Answers. `next` comes first: one bad answer (or HTTP status) a request, until it is empty.
    next: list[ShopFault | int] = field(default_factory=list)
    answers: dict[ShopFault, float] = field(default_factory=dict)
    mutations_only: bool = False
    outage: bool = False  # nothing answers at all
    late_by: float = 5.0
    slow_for: float = 10.0

    # Reads
    # What ends in a top-level error of that code: a global id, "variants", or a webhook's topic.
    field_errors: dict[str, str] = field(default_factory=dict)
    read_lag: float = 0.0  # seconds that quantities lag behind; drawn for each request
    read_lag_at_least: float | None = None  # with it: drawn between this and `read_lag`
    search_lag: float = 0.0  # seconds until a change can be found by a search
    replay_says_now: bool = False  # a replayed answer's createdAt is the present

    refuses_equal_sets: bool = False  # a set that changes nothing is an error

    # Webhooks
    webhook_lost: float = 0.0
    webhook_doubled: float = 0.0
    webhook_late: float = 0.0
    webhook_late_by: float = 3600.0  # at most
    webhook_reordered: float = 0.0  # delayed by up to five seconds

    no_metafields: bool = False  # the app may not keep anything on its installation

    bulk_fails: str | None = None  # the errorCode of every export from now on

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        defaults = type(self)()
        for each in fields(self):
            setattr(self, each.name, getattr(defaults, each.name))

    def draw(self, rng: Random, *, mutation: bool) -> ShopFault | int | None:
        """Return what goes wrong with this request, if anything."""
        if self.outage:
            return ShopFault.DROP_BEFORE
        if self.mutations_only and not mutation:
            return None
        if self.next:
            return self.next.pop(0)
        if not self.answers:
            return None
        rest = rng.random()
        for answer, chance in self.answers.items():
            rest -= chance
            if rest < 0:
                return answer
        return None

    def lag(self, rng: Random) -> timedelta:
        """Return how far this request's reads lag behind."""
        if not self.read_lag:
            return timedelta(0)
        least = self.read_lag if self.read_lag_at_least is None else self.read_lag_at_least
        return timedelta(seconds=rng.uniform(least, self.read_lag))

    def delivery_delays(self, rng: Random) -> list[float]:
        """Return the seconds that each copy of a webhook takes; none if it is lost."""
        if self.webhook_lost and rng.random() < self.webhook_lost:
            return []
        copies = 2 if self.webhook_doubled and rng.random() < self.webhook_doubled else 1
        return [self._journey(rng) for _ in range(copies)]

    def _journey(self, rng: Random) -> float:
        if self.webhook_late and rng.random() < self.webhook_late:
            return rng.uniform(0, self.webhook_late_by)
        if self.webhook_reordered and rng.random() < self.webhook_reordered:
            return rng.uniform(0, 5)
        return 0.0
