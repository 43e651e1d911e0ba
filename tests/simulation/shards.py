"""A portion of the long mode: some histories of one kind, with a seed of their own."""

import faulthandler
import logging
import random
import traceback
from collections import Counter
from collections.abc import Iterator

from tests.simulation import (
    test_circuit_breaker,
    test_contests,
    test_decisions,
    test_engines,
    test_packs,
    test_simulation,
)
from tests.simulation.coverage import COVERAGE

# Each kind and its share of all histories, in parts of equal size.
KINDS = {
    **{name: (machine, 2 * share) for name, (machine, share) in test_simulation.KINDS.items()},
    **test_decisions.KINDS,
    **test_engines.KINDS,
    **test_circuit_breaker.KINDS,
    **test_packs.KINDS,
    **test_contests.KINDS,
}
HISTORIES_PER_SHARD = 25  # histories
STUCK_AFTER_SECONDS = 1800  # seconds after which a portion has certainly come to a halt
ShardResult = tuple[str, int, Counter[str], str | None]


def shards(histories: int, *, after: int = 0) -> Iterator[tuple[str, int]]:
    """Yield kinds, each as often as its share: so that a run cut short has played of all.

    `after`: histories that an earlier run of the same seed has played; they are left out.
    """
    turn = [name for name, (_, share) in KINDS.items() for _ in range(share)]
    random.Random(0).shuffle(turn)
    count: Counter[str] = Counter()
    for place in range(-(-histories // HISTORIES_PER_SHARD)):
        name = turn[place % len(turn)]
        if place >= after // HISTORIES_PER_SHARD:
            yield name, count[name]
        count[name] += 1


def play(
    seed: str,
    name: str,
    number: int,
    blob: str | None = None,
    histories: int = HISTORIES_PER_SHARD,
) -> ShardResult:
    """Play one portion; return what it came across, and how it failed."""
    logging.disable()
    faulthandler.dump_traceback_later(STUCK_AFTER_SECONDS, exit=True)
    COVERAGE.clear()
    failed = None
    try:
        machine = KINDS[name][0]
        test_simulation.run_seeded(machine, f"{seed}/{name}/{number}", histories, blob)
    except Exception:  # noqa: BLE001 - whatever it is, the run has failed
        failed = traceback.format_exc()
    faulthandler.cancel_dump_traceback_later()
    return name, number, Counter(COVERAGE), failed
