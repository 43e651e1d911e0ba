"""A process may be killed at any line: nothing is lost, and nothing is written twice.

While customers buy and staff restock in both stores, `tipo serve` is killed twenty times with
SIGKILL at moments that nobody chose. Once all is quiet, every item of both stores must have what
it began with plus what people did, to the unit.
"""

import random
import threading
import time

import httpx

KILL_COUNT = 20
INITIAL_QUANTITY = 50
ITEMS = ("SFDJ-S", "SFDJ-M", "SFDJ-L")
PAUSE = 0.03  # seconds between acts


class Crowd(threading.Thread):
    """Customers and staff of one store."""

    def __init__(self, harness, alias, seed):
        super().__init__()
        self.url = f"{harness.stores}/control/{alias}"
        self.rng = random.Random(seed)
        self.moved = dict.fromkeys(ITEMS, 0)
        self.acts = 0
        self.over = threading.Event()

    def run(self):
        with httpx.Client(timeout=10, trust_env=False) as client:
            while not self.over.is_set():
                self._act(client)
                time.sleep(PAUSE)

    def _act(self, client):
        item, quantity = self.rng.choice(ITEMS), self.rng.randint(1, 3)
        verb, delta = self.rng.choice([("sell", -quantity), ("restock", quantity)])
        answer = client.post(f"{self.url}/{verb}", json={"item": item, "quantity": quantity})
        if answer.is_success:  # 409: sold out
            self.moved[item] += delta
            self.acts += 1


def test_nothing_is_lost_or_doubled_by_twenty_kills(harness):
    """Rule 2: written down before it is sent, and sent again under the same key."""
    harness.open_stores(products=2)
    harness.serve()
    harness.until(harness.is_up, "tipo serve is up")
    assert harness.tipo("mode", "two-way", "--yes").returncode == 0, harness.log()

    luck = random.Random(20)
    crowds = [Crowd(harness, alias, seed) for seed, alias in enumerate(("eu", "us"))]
    for crowd in crowds:
        crowd.start()
    try:
        for _ in range(KILL_COUNT):
            time.sleep(luck.uniform(0, 1.0))
            harness.kill()
            harness.serve()
            harness.until(harness.is_up, "tipo serve is up again")
    finally:
        for crowd in crowds:
            crowd.over.set()
            crowd.join()

    assert min(crowd.acts for crowd in crowds) > 100, "there was hardly any load"
    expected = {
        item: INITIAL_QUANTITY + sum(crowd.moved[item] for crowd in crowds) for item in ITEMS
    }

    def is_quiet():
        stores = [harness.stock(alias) for alias in ("eu", "us")]
        return all({item: each[item] for item in ITEMS} == expected for each in stores)

    harness.until(is_quiet, f"both stores have {expected}", seconds=60)
    time.sleep(5)  # longer than a look waits: nobody may change their mind
    assert is_quiet(), f"{expected} was left again"
