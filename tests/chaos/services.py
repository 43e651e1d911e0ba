"""What runs beside Tipo in a chaos run: a balancer, a Slack, and who breaks stores."""

import asyncio
import random
import threading
import time
from collections import Counter
from contextlib import suppress

import httpx
import psycopg

from sandbox.demo.team import Team, create_team

HOST = "127.0.0.1"
BAD_ANSWERS = ("error_before", "error_after", "drop_before", "drop_after", "late", "truncated")
MISFORTUNE = {  # the chance of an answer, while a store has it
    **dict.fromkeys(BAD_ANSWERS, 0.06),
    **dict.fromkeys(("html", "throttled", "concurrent", "spent"), 0.03),
    "slow": 0.02,
}


class Balancer:
    """Hands each connection to one of several ports where somebody listens, as a proxy would."""

    def __init__(self, port: int, targets: list[int]) -> None:
        self.port, self.targets = port, targets

    async def run(self) -> None:
        server = await asyncio.start_server(self._carry, HOST, self.port)
        async with server:
            await server.serve_forever()

    async def _carry(self, reader, writer) -> None:
        for port in random.sample(self.targets, len(self.targets)):
            with suppress(OSError):
                there, back = await asyncio.open_connection(HOST, port)
                await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
                return
        writer.close()


async def _pipe(reader, writer) -> None:
    with suppress(OSError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    writer.close()


class Surroundings(threading.Thread):
    """The balancer and an imitation Slack, in a thread of their own."""

    def __init__(self, balancer: Balancer) -> None:
        super().__init__(daemon=True)
        self.balancer = balancer
        self.team: Team = create_team(time.time)
        self.ready = threading.Event()

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self.team.slack.app.scopes |= {"channels:history"}  # so that nothing has to be said twice
        async with self.team.slack.running():
            self.ready.set()
            await self.balancer.run()


class Gremlin(threading.Thread):
    """Breaks one store after the other, each in another way, and cuts database connections."""

    def __init__(self, stores: str, aliases: tuple[str, ...], database: str, *, seed: int) -> None:
        super().__init__()
        self.over = threading.Event()
        self.struck: Counter[str] = Counter()
        self._stores, self._aliases, self._database = stores, aliases, database
        self._rng = random.Random(seed)
        self._client = httpx.Client(trust_env=False, timeout=10)

    def run(self) -> None:
        while not self.over.wait(self._rng.uniform(0.5, 3)):
            alias = self._rng.choice(self._aliases)
            self._perform(alias, "clear-faults", {})
            if self._rng.random() < 0.8:
                self._perform(alias, "break", self._misfortune())
            if self._rng.random() < 0.15:
                self._cut_connections()
        for alias in self._aliases:
            self._perform(alias, "clear-faults", {})
        self._client.close()

    def stop(self) -> None:
        self.over.set()
        self.join()

    def _misfortune(self) -> dict[str, object]:
        """Return a subset of all faults, as each history of the simulation has one."""
        possible = {
            "answers": {k: v for k, v in MISFORTUNE.items() if self._rng.random() < 0.5},
            "next": self._rng.choices([401, 429, 503, 500], k=3),
            "outage": True,
            "read_lag": 1.0,
            "webhook_lost": 0.3,
            "webhook_doubled": 0.5,
            "webhook_reordered": 0.5,
            "webhook_late": 0.3,
            "search_lag": 2.0,
        }
        chosen = {name: each for name, each in possible.items() if self._rng.random() < 0.4}
        self.struck.update(chosen.keys())
        return {"webhook_late_by": 20.0, "late_by": 3.0, "slow_for": 8.0, **chosen}

    def _perform(self, alias: str, verb: str, given: dict[str, object]) -> None:
        answer = self._client.post(f"{self._stores}/control/{alias}/{verb}", json=given)
        answer.raise_for_status()

    def _cut_connections(self) -> None:
        """End every connection to Tipo's database, as a failover would."""
        self.struck["database connections cut"] += 1
        with psycopg.connect(self._database, autocommit=True) as server:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
