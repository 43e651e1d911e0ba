"""Which faults a history has, drawn from its seed; and how often each of them struck.

A history that has every fault a little shows less than many that each have a few of them a lot: so
each has a subset of its own, with weights (swarm testing).
"""

from collections.abc import Mapping
from datetime import timedelta
from random import Random

from sandbox.faults import ShopFault, ShopFaults
from tests.simulation.coverage import COVERAGE

Answer = ShopFault | int
ANSWERS: Mapping[str, Answer] = {
    "an error, nothing done": ShopFault.ERROR_BEFORE,
    "an error, done": ShopFault.ERROR_AFTER,
    "a connection lost, nothing done": ShopFault.DROP_BEFORE,
    "a connection lost, done": ShopFault.DROP_AFTER,
    "a connection lost, done later": ShopFault.LATE,
    "half an answer": ShopFault.TRUNCATED,
    "a page instead of an answer": ShopFault.HTML,
    "throttled": ShopFault.THROTTLED,
    "a key still at work": ShopFault.CONCURRENT,
    "401": 401,
    "429": 429,
    "503": 503,
}
NAMES = {answer: name for name, answer in ANSWERS.items()}
WEBHOOKS = ("a webhook lost", "a webhook doubled", "a webhook reordered", "a webhook late")
LOST, DOUBLED, REORDERED, LATE = WEBHOOKS
DELAYED_BODY = "a webhook written late"
OUTAGE = "no answer at all"
STALE = "a stale read"
DEATH = "a death"
CLOCK = "a clock that was set"
KINDS = (*ANSWERS, *WEBHOOKS, DELAYED_BODY, OUTAGE, STALE, DEATH, CLOCK)
WEIGHTS = (1, 2, 4, 8)


class FaultMix:
    """The faults of one history."""

    def __init__(self, seed: int | None = None) -> None:
        """Draw two thirds of all kinds, each with a weight; without a seed, all of them alike."""
        rng = Random(f"{seed}/faults")
        drawn = {kind: rng.choice(WEIGHTS) for kind in KINDS if rng.random() < 0.65}
        self.weights = dict.fromkeys(KINDS, 1) if seed is None else drawn
        self._answers = [
            answer for kind, answer in ANSWERS.items() for _ in range(self.weights.get(kind, 0))
        ]

    def has(self, *kinds: str) -> bool:
        """Whether any of these may happen."""
        return any(kind in self.weights for kind in kinds)

    def answer(self, number: int) -> Answer:
        """Return a bad answer for a number: the heavier, the more numbers lead to it."""
        return self._answers[number % len(self._answers)]


class CountedFaults(ShopFaults):
    """A shop's faults; each that strikes is counted by its kind."""

    def draw(self, rng: Random, *, mutation: bool) -> Answer | None:
        drawn = super().draw(rng, mutation=mutation)
        if drawn is not None:
            COVERAGE[OUTAGE if self.outage else NAMES.get(drawn, str(drawn))] += 1
        return drawn

    def lag(self, rng: Random) -> timedelta:
        lag = super().lag(rng)
        COVERAGE[STALE] += lag > timedelta(0)
        return lag

    def delivery_delays(self, rng: Random) -> list[float]:
        delays = super().delivery_delays(rng)
        COVERAGE[LOST] += not delays
        COVERAGE[DOUBLED] += len(delays) > 1
        COVERAGE[REORDERED] += any(0 < each <= 5 for each in delays)
        COVERAGE[LATE] += any(each > 5 for each in delays)
        return delays
