"""A process may be killed at any line: nothing is lost, and nothing is written twice.

While customers buy and staff restock in both stores, `tipo serve` is killed twenty times with
SIGKILL at moments that nobody chose. Once all is quiet, a judge who knows only what people were
answered must find both stores right, to the unit.
"""

import random
import time

from tests.stories.people import People

KILL_COUNT = 20
ITEMS = ("SFDJ-S", "SFDJ-M", "SFDJ-L")


def test_nothing_is_lost_or_doubled_by_twenty_kills(harness):
    """Rule 2: written down before it is sent, and sent again under the same key."""
    harness.open_stores(products=2)
    harness.serve()
    harness.until(harness.is_up, "tipo serve is up")
    assert harness.tipo("mode", "two-way", "--yes").returncode == 0, harness.log()

    luck = random.Random(20)
    people = [
        People(harness.stores, alias, ITEMS, seed=seed) for seed, alias in enumerate(("eu", "us"))
    ]
    for each in people:
        each.start()
    try:
        for _ in range(KILL_COUNT):
            time.sleep(luck.uniform(0, 1.0))
            harness.kill()
            harness.serve()
            harness.until(harness.is_up, "tipo serve is up again")
    finally:
        for each in people:
            each.stop()
            harness.changes += each.changes

    assert min(len(each.changes) for each in people) > 100, "there was hardly any load"
    harness.until(lambda: not harness.complaints(), "both stores are right", seconds=60)
    time.sleep(5)  # longer than a look waits: nobody may change their mind
    assert harness.complaints() == []
