"""The long mode: many histories on all cores, and what they came across. `make simulate`.

Histories are played in portions, each with a seed of its own that follows from the seed
of the run: a portion that fails is played again by `--only`, the shrunk history by `--blob`; a
run that was cut short goes on with the same seed and `--after` what it had played.
Exit code 1 if a history fails, if time was up before the last, or if a long run has never seen
one of the rare states of coverage.py or one of the faults of fault_mix.py.
"""

import argparse
import os
import random
import sys
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context

from tests.say import say
from tests.simulation.coverage import CHANGES, HISTORIES_PLAYED, RARE
from tests.simulation.fault_mix import KINDS as KINDS_OF_FAULTS
from tests.simulation.shards import HISTORIES_PER_SHARD, KINDS, ShardResult, play, shards
from tests.simulation.test_simulation import replay_line

LONG_RUN_HISTORIES = 2000  # histories in which even the rarest state is seen some eight times


def play_all(
    seed: str, histories: int, jobs: int, until: float, *, after: int = 0
) -> tuple[Counter[str], str]:
    """Play portions until all are played, one fails or time is up; return what is to be told."""
    seen: Counter[str] = Counter()
    left = shards(histories, after=after)
    began = told = time.monotonic()
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        running: set[Future[ShardResult]] = {
            pool.submit(play, seed, *p) for p in islice(left, jobs)
        }
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                name, number, came_across, failed = each.result()
                seen += came_across
                if failed is not None:
                    pool.shutdown(wait=False, cancel_futures=True)
                    again = replay_line(seed, name, number, HISTORIES_PER_SHARD)
                    return seen, f"{failed}\n{again}"
            now = time.monotonic()
            if now - told >= 30:
                told = now
                say(progress(seen[HISTORIES_PLAYED], histories - after, now - began))
            if now < until:
                more = islice(left, jobs - len(running))
                running |= {pool.submit(play, seed, *each) for each in more}
    short = next(left, None) is not None
    return seen, f"time was up after {seen[HISTORIES_PLAYED]:,} histories" if short else ""


def progress(played: int, histories: int, seconds: float) -> str:
    """Return how far it has come, and how long it will take."""
    left = seconds / max(1, played) * max(0, histories - played)
    passed = f"{seconds / 60:.1f} minutes, {left / 60:.0f} to go"
    return f"{played:8,} of {histories:,} histories after {passed}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--histories", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--minutes", type=float, default=180, help="after which it stops")
    parser.add_argument("--seed", default=f"{random.SystemRandom().randrange(10**8):08}")
    parser.add_argument("--after", type=int, default=0, help="leave out that many histories")
    parser.add_argument("--only", choices=KINDS, help="play one portion of this kind, here")
    parser.add_argument("--portion", type=int, default=0)
    parser.add_argument("--each", type=int, default=HISTORIES_PER_SHARD, help="histories in it")
    parser.add_argument("--blob", help="play the one history that a failure has printed")
    options = parser.parse_args()
    say(f"seed {options.seed}")
    began = time.monotonic()
    if options.only:
        _, _, seen, failed = play(
            options.seed, options.only, options.portion, options.blob, options.each
        )
        wrong = failed or ""
    else:
        until = began + 60 * options.minutes
        try:
            seen, wrong = play_all(
                options.seed, options.histories, options.jobs, until, after=options.after
            )
        except BrokenProcessPool:
            seen, wrong = Counter(), "a portion came to a halt or its process died: see above"
    for name in (*RARE, "", *KINDS_OF_FAULTS, "", CHANGES):
        say(f"{seen[name]:8,}  {name}" if name else "")
    minutes = (time.monotonic() - began) / 60
    say(f"{seen[HISTORIES_PLAYED]:8,}  histories in {minutes:.1f} minutes, seed {options.seed}")
    never = [name for name in (*RARE, *KINDS_OF_FAULTS) if not seen[name]]
    if never and not wrong and not options.only and seen[HISTORIES_PLAYED] >= LONG_RUN_HISTORIES:
        wrong = f"never seen: {'; '.join(never)}"
    if wrong:
        say(wrong)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
