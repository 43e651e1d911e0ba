"""Three `tipo serve` on one PostgreSQL, every fault, and kills. `make chaos MINUTES=10`.

While people buy and restock everywhere, stores fail in every way that they know, connections to
the database are cut, and every three seconds one of the three processes is killed by SIGKILL. Then
all heals. In the end

- a judge that knows only what people were answered finds every store right, to the unit;
- no adjustment was made twice: what the stores have on record is what Tipo has settled, row by row;
- nothing waits for a person, and no message came to Slack twice.

`TIPO_TEST_POSTGRES_URL` names the PostgreSQL. Exit code 1 if anything of it does not hold.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg

from tests.chaos.services import HOST, Balancer, Gremlin, Surroundings
from tests.judge import complaints
from tests.postgres import new_database
from tests.say import say
from tests.stories.conftest import Harness, free_port
from tests.stories.people import People

ALIASES = ("eu", "us", "uk")
PROCESSES = 3
HEALS_WITHIN = 1500  # seconds: two catch-ups
STAYS_FOR = 20  # seconds for which all must stay right
TIMEOUTS = (10.0, 10.0, 10.0, 0.004)  # some people do not wait for an answer
SETTLED = """
SELECT b.store, b.key, l.item, a.delta FROM adjustment a JOIN batch b ON b.id = a.batch_id
JOIN level l ON l.id = a.level_id WHERE a.state = 'settled'
"""
OPEN = "SELECT kind, subject FROM finding WHERE closed_at IS NULL ORDER BY kind, subject"


class Chaos:
    """One run."""

    def __init__(self, folder: Path, url: str, seed: int) -> None:
        self.url, self.seed = url, seed
        self.rng = random.Random(seed)
        self.kills = self.seen_up = 0
        self.stores = Harness(folder)
        self.stores.open_stores(aliases=",".join(ALIASES))
        self.tipos = [self._tipo(folder / f"tipo-{n}") for n in range(PROCESSES)]
        balancer = Balancer(free_port(), [each.port for each in self.tipos])
        self.around = Surroundings(balancer)
        self.around.start()
        self.around.ready.wait(20)
        for each in self.tipos:
            each.environment |= self.around.team.settings() | {
                "TIPO_DATABASE_URL": url,
                "TIPO_PUBLIC_URL": f"http://{HOST}:{balancer.port}",
            }

    def _tipo(self, folder: Path) -> Harness:
        folder.mkdir()
        made = Harness(folder)
        made.environment = {**self.stores.environment, "TIPO_PORT": str(made.port)}
        self.stores.others.append(made)
        return made

    def begin(self) -> None:
        first, *others = self.tipos
        first.serve()
        first.until(first.is_up, "the first tipo serve is up", 120)
        for each in others:
            each.serve()
        for each in others:
            each.until(each.is_up, "all of them are up", 120)
        done = first.tipo("mode", "two-way", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr + first.log()

    def rage(self, minutes: float) -> None:
        """Let everything go wrong at once."""
        items = [each for each in self.stores.start if not each.startswith("-")]
        people = [
            People(self.stores.stores, alias, items, seed=n, pause=0.2, timeouts=TIMEOUTS)
            for n, alias in enumerate(ALIASES, self.seed)
        ]
        gremlin = Gremlin(self.stores.stores, ALIASES, self.url, seed=self.seed)
        for each in (*people, gremlin):
            each.start()
        try:
            until = time.monotonic() + 60 * minutes
            while time.monotonic() < until:
                time.sleep(3)
                victim = self.rng.choice(self.tipos)
                self.seen_up += sum(each.is_up() for each in self.tipos)
                victim.kill()
                victim.serve()
                self.kills += 1
        finally:
            for each in (*people, gremlin):
                each.stop()
        self.stores.changes += [change for each in people for change in each.changes]
        say(f"{self.kills} kills; {self.seen_up / max(1, self.kills):.1f} processes up at each")
        say(f"faults set: {dict(gremlin.struck)}")
        sure = sum(each.is_sure for each in self.stores.changes)
        say(f"{sure:,} changes by people, {len(self.stores.changes) - sure} of unknown outcome")

    # -- judgement
    def complaints(self) -> list[str]:
        final = {alias: self.stores.stock(alias) for alias in ALIASES}
        return complaints(self.stores.start, self.stores.changes, final)

    def heal(self) -> float:
        """Wait until the judge is content, and stays so; return the seconds that it took."""
        began = time.monotonic()
        for item, quantity in self.stores.stock("eu").items():
            if quantity < 3 * len(ALIASES):  # it may be sold out: somebody orders more
                self.stores.perform("eu", "restock", item=item, quantity=50)
        while time.monotonic() - began < HEALS_WITHIN:
            if not self.complaints():
                took = time.monotonic() - began
                time.sleep(STAYS_FOR)
                if not self.complaints():
                    return took
            time.sleep(1)
        return time.monotonic() - began

    def verdicts(self) -> Iterator[str]:
        """Yield all that does not hold."""
        yield from self.complaints()
        with psycopg.connect(self.url) as connection:
            settled = Counter(connection.execute(SETTLED).fetchall())
            for kind, subject in connection.execute(OPEN).fetchall():
                yield f"still open: {kind} of {subject}"
        made = Counter(
            (alias, each["key"], each["item"], each["delta"])
            for alias in ALIASES
            for each in self._log(alias)
            if each["key"] is not None and each["delta"]
        )
        say(f"{settled.total():,} adjustments")
        yield from (f"made and not settled: {each}" for each in (made - settled).elements())
        yield from (f"settled and not made: {each}" for each in (settled - made).elements())
        yield from self._posted_twice()

    def _log(self, alias: str) -> list[dict]:
        return self.stores.client.get(f"{self.stores.stores}/control/{alias}/log").json()

    def _posted_twice(self) -> Iterator[str]:
        """Yield the alerts of which Slack has more than one message."""
        slack, channel = self.around.team.slack, self.around.team.stock
        posted = Counter()
        for each in slack.messages(channel):
            first = each.versions[0].metadata
            key = first and first.get("event_payload", {}).get("key")
            posted[key or each.text] += 1
        say(f"{posted.total()} messages in Slack")
        yield from (f"posted {n} times: {key}" for key, n in posted.items() if n > 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    server = os.environ.get("TIPO_TEST_POSTGRES_URL")
    if server is None:
        sys.exit(
            "say where a PostgreSQL is: TIPO_TEST_POSTGRES_URL=postgresql://user@host/postgres"
        )
    say(f"seed {options.seed}")
    with new_database(server) as url, tempfile.TemporaryDirectory() as folder:
        chaos = Chaos(Path(folder), url, options.seed)
        try:
            chaos.begin()
            chaos.rage(options.minutes)
            say(f"all is right {chaos.heal():.0f} s after the last fault")
            wrong = list(chaos.verdicts())
            transcript = Path("build/chaos.txt")
            transcript.parent.mkdir(exist_ok=True)
            transcript.write_text(chaos.around.team.transcript())
            say(f"what the team has read: {transcript}")
        finally:
            chaos.stores.close()
    for each in wrong:
        say(each)
    say("nothing is lost, nothing is doubled" if not wrong else f"{len(wrong)} things are wrong")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
