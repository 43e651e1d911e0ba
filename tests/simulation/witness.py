"""What the stores themselves can tell of who writes to them: nothing of it asks an engine.

    a write by the API, carried out when                       is
    ---------------------------------------------------------  ---------------------------------
    the store's mark is its sender's, and that since 60 s      right
    … or the sender was the first who put one there            right
    another has put his mark there, less than 60 s ago         right: it was on its way, or its
                                                               sender could not know yet
    anything else                                              wrong: two write to one store
    its key was sent before from another history of records    wrong: it may count twice

A history is that of one database; one that was restored from a copy goes on as another.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from sandbox.shop import Shop
from sync_core.domain.leases import TAKEOVER_WAIT_SECONDS
from sync_core.domain.values import Alias

KEY = re.compile(rb"gid://tipo/Batch/(\w+)")
STRANGER = "a stranger"
RENEWAL = re.compile(rb'\\"renewal\\":\\"(\w+)\\"')


@dataclass(frozen=True)
class Holding:
    """Since when a history of records has its mark in a store."""

    history: str
    since: float
    is_first: bool  # there was none before


class Witness:
    """Watches the requests that reach stores."""

    def __init__(self, shops: Mapping[Alias, Shop]) -> None:
        self._shops = shops
        self._senders: dict[str, str] = {}  # whose a key or a renewal is
        self._read = dict.fromkeys(shops, 0)  # lines of each store's log
        self.renewals: dict[Alias, str] = {}
        self.holdings: dict[Alias, list[Holding]] = {}
        self.writes: Counter[tuple[str, Alias]] = Counter()  # by history and store
        self.wrong: list[str] = []

    def note_asked(self, history: str, content: bytes) -> None:
        """Note whose the names are that a request carries."""
        for name in [*KEY.findall(content), *RENEWAL.findall(content)]:
            first = self._senders.setdefault(name.decode(), history)
            if first != history:
                self.wrong.append(f"{history} sends what {first} has sent: {name.decode()}")

    def look(self) -> None:
        """Look at what stores have written since the last look, and at their marks."""
        for alias, shop in self._shops.items():
            fresh, self._read[alias] = shop.log[self._read.get(alias, 0) :], len(shop.log)
            for entry in fresh:
                if entry.key is not None:
                    self._judge(alias, self._senders.get(entry.key, STRANGER), entry.at.timestamp())
            self._look_at_mark(alias, shop)

    def _look_at_mark(self, alias: Alias, shop: Shop) -> None:
        kept = next(iter(shop.metafields.values()), None)
        if kept is None:
            self.holdings.pop(alias, None)
            self.renewals.pop(alias, None)
            return
        renewal = json.loads(kept.value).get("renewal", "")
        if self.renewals.get(alias) == renewal:
            return
        self.renewals[alias] = renewal
        history = self._senders.get(renewal, STRANGER)
        before = self.holdings.setdefault(alias, [])
        if not before or before[-1].history != history:
            now = shop.now().timestamp()
            before.append(Holding(history, now, is_first=not before))

    def _judge(self, alias: Alias, history: str, at: float) -> None:
        self.writes[history, alias] += 1
        holdings = self.holdings.get(alias, [])
        theirs = [n for n, each in enumerate(holdings) if each.history == history]
        if not theirs:
            self.wrong.append(f"{history} has written to {alias}, and never had its mark there")
            return
        mine = holdings[theirs[-1]]
        if not mine.is_first and at < mine.since + TAKEOVER_WAIT_SECONDS:
            seconds = at - mine.since
            self.wrong.append(f"{history} has written to {alias} {seconds:.1f} s after its mark")
        after = holdings[theirs[-1] + 1 :]
        if after and at >= after[0].since + TAKEOVER_WAIT_SECONDS:
            seconds = at - after[0].since
            self.wrong.append(
                f"{history} has written to {alias} {seconds:.1f} s after {after[0].history} took it"
            )


class Watched(httpx.AsyncBaseTransport):
    """Carries requests to stores, under the eyes of a witness."""

    def __init__(self, inner: httpx.AsyncBaseTransport, witness: Witness, history: str) -> None:
        self._inner = inner
        self._witness = witness
        self._history = history

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._witness.note_asked(self._history, request.content)
        try:
            return await self._inner.handle_async_request(request)
        finally:
            self._witness.look()
