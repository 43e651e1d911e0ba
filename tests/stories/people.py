"""Customers and staff of a store, who know only what its HTTP API answers them."""

import random
import threading

import httpx

from sync_core.shopify.http_client import trusted_authorities
from tests.judge import Change

PAUSE = 0.03  # seconds between acts
MOVES = {"sell": -1, "pos": -1, "restock": 1}  # what moves stock by a quantity, and which way


class People(threading.Thread):
    """They buy and restock at random until it is over; `changes` is all that they saw."""

    def __init__(self, url: str, alias: str, items, *, seed: int, pause=PAUSE, timeouts=(10.0,)):
        super().__init__()
        self.alias, self.items, self.pause = alias, items, pause
        self.timeouts = timeouts  # seconds that they wait for an answer, drawn for each act
        self.changes: list[Change] = []
        self.over = threading.Event()
        self._url = f"{url}/control/{alias}"
        self._rng = random.Random(seed)

    def run(self):
        with httpx.Client(trust_env=False, verify=trusted_authorities()) as client:
            while not self.over.wait(self.pause):
                self._act(client)

    def stop(self):
        self.over.set()
        self.join()

    def _act(self, client):
        item, quantity = self._rng.choice(self.items), self._rng.randint(1, 3)
        verb = self._rng.choice(["sell", "restock"])
        change = ask(
            client,
            f"{self._url}/{verb}",
            self.alias,
            {"item": item, "quantity": quantity},
            timeout=self._rng.choice(self.timeouts),
        )
        if change is not None:
            self.changes.append(change)


def ask(client, url, alias, given, *, timeout=10.0):
    """Ask for one change; return what is known of it, None if it was certainly not done."""
    delta = MOVES[url.rpartition("/")[2]] * given["quantity"]
    try:
        answer = client.post(url, json=given, timeout=timeout)
    except httpx.ConnectError:
        return None
    except httpx.HTTPError:
        return Change(alias, given["item"], delta, is_sure=False)
    if answer.is_client_error:  # 409: sold out
        return None
    return Change(alias, given["item"], delta, is_sure=answer.is_success)
