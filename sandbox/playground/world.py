"""What the playground plays with: the demo's environment, and a naive sync on stores of its own."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random

from sqlalchemy.exc import DBAPIError

from sandbox.demo.environment import HOST, DemoEnvironment, free_port, serve, start_environment
from sandbox.playground.naive_sync import NaiveSync
from sandbox.playground.steps import MAX_STEPS, Moment
from sandbox.playground.tally import TallyStart, start_of
from sandbox.sample_shops import build_shops
from sandbox.shop import Shop
from sandbox.slack import SlackUser
from sandbox.slack.interaction import Interaction
from sync_core.clock import Clock, RandomIds, WallClock
from sync_core.db.database import SqlDatabase
from sync_core.domain.leases import LeaseView
from sync_core.errors import NoDatabase
from sync_core.service.service import Service

PRODUCTS = 4
FIRST_SKU = "SFDJ-M"
NAIVE_TICK_SECONDS = 0.05
MAX_KEPT_INTERACTIONS = 40


@dataclass(slots=True, kw_only=True)
class SecondTipo:
    """Another Tipo on the same stores, with a database of its own."""

    service: Service
    closing: AsyncExitStack

    async def known(self) -> list[LeaseView]:
        """Return what it knows of who may write; nothing while its database is being made."""
        try:
            return await self.service.leases()
        except (DBAPIError, NoDatabase):
            return []


@dataclass(slots=True, kw_only=True)
class World:
    """Two stores, Slack and Tipo; the naive lane; and what has been done."""

    seed: int
    demo: DemoEnvironment
    database: SqlDatabase
    service: Service
    naive: NaiveSync
    closing: AsyncExitStack  # closes what was opened later on
    started: TallyStart
    naive_started: TallyStart
    focus: str = FIRST_SKU
    who: str = "ann"
    done: list[Moment] = field(default_factory=list)
    nights: int = 0
    acted_at: datetime | None = None  # when people last did something in a store
    second: SecondTipo | None = None
    interactions: deque[tuple[datetime, Interaction]] = field(
        default_factory=lambda: deque(maxlen=MAX_KEPT_INTERACTIONS)
    )

    @property
    def clock(self) -> Clock:
        """The time."""
        return self.demo.clock

    @property
    def shops(self) -> Mapping[str, Shop]:
        """Tipo's stores, the source first."""
        return self.demo.shops

    @property
    def lanes(self) -> tuple[Mapping[str, Shop], Mapping[str, Shop]]:
        """Tipo's stores, and the naive sync's."""
        return self.demo.shops, self.naive.shops

    @property
    def person(self) -> SlackUser:
        """Who sits in front of Slack."""
        return self.user(self.who)

    def user(self, name: str) -> SlackUser:
        """Return somebody of the team."""
        return {"ann": self.demo.team.ann, "bob": self.demo.team.bob}[name]

    def remember(self, moment: Moment) -> None:
        """Note what was done, for the address; `begin` starts over."""
        if any(each.verb == "begin" for each in moment):
            self.done.clear()
        self.done.append(moment)
        del self.done[:-MAX_STEPS]

    def count_from_now(self) -> None:
        """Begin to count lost and invented units."""
        self.started, self.naive_started = (start_of(each) for each in self.lanes)

    async def start_second(self) -> None:
        """Start another Tipo on the same stores; it has no Slack."""
        if self.second is not None:
            return
        folder = self.demo.folder / f"second-{len(self.done)}-{self.clock.monotonic():.0f}"
        folder.mkdir()
        port = free_port()
        url = f"sqlite:///{folder / 'tipo.db'}"
        given = {
            name: value
            for name, value in self.demo.environment.items()
            if not name.startswith("TIPO_SLACK__")
        }
        given |= {"TIPO_DATABASE_URL": url, "TIPO_PORT": str(port)}
        given["TIPO_PUBLIC_URL"] = f"http://{HOST}:{port}"
        closing = await self.closing.enter_async_context(AsyncExitStack())
        await closing.enter_async_context(serve(folder, given))
        database = SqlDatabase(url)
        closing.callback(database.close)
        service = Service(database, {}, self.clock, RandomIds())
        self.second = SecondTipo(service=service, closing=closing)

    async def stop_second(self) -> None:
        """Stop it, and drop its webhooks."""
        if self.second is None:
            return
        second, self.second = self.second, None
        await second.closing.aclose()
        for shop in self.shops.values():
            subscriptions = shop.webhooks.subscriptions
            for number, each in list(subscriptions.items()):
                if not each.uri.startswith(self.demo.tipo_url):
                    del subscriptions[number]


@asynccontextmanager
async def open_world(folder: Path, seed: int, clock: Clock | None = None) -> AsyncIterator[World]:
    """Start everything, and clear it away at the end.

    Args:
        folder: Where Tipo keeps its files; exists, and is empty.
        seed: Of what stores and customers leave to chance.
        clock: The time; the machine's, if none is given.

    Raises:
        DemoFailed: If Tipo does not start; in a group.
    """
    now = clock or WallClock()
    async with (
        start_environment(folder, now, seed=seed, products=PRODUCTS) as demo,
        AsyncExitStack() as closing,
    ):
        database = SqlDatabase(demo.environment["TIPO_DATABASE_URL"])
        closing.callback(database.close)
        shops = build_shops(now.now, seed=seed, products=PRODUCTS)
        naive = NaiveSync(shops, Random(f"{seed}/naive"))
        world = World(
            seed=seed,
            demo=demo,
            database=database,
            service=Service(database, {}, now, RandomIds()),
            naive=naive,
            closing=closing,
            started=start_of(demo.shops),
            naive_started=start_of(shops),
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(_run_naive(naive, now))
            try:
                yield world
            finally:
                running.cancel()


async def _run_naive(naive: NaiveSync, clock: Clock) -> None:
    """Let the naive sync work until cancelled."""
    while True:
        naive.advance()
        await clock.sleep(NAIVE_TICK_SECONDS)
