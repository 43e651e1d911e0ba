"""Two weeks of operation in virtual time, from an upgrade on: `make fortnight`.

    day                what happens
    -----------------  ---------------------------------------------------------------------------
    first              the database of an earlier version is upgraded, with open work in it
    each, 9 to 21      people sell and restock; every few minutes something fails for a while
    each, at night     all faults end, the stores are compared
    each, at 8         somebody answers what is asked; then every store shows what people made of it
    the ninth, at 9    yesterday's backup is restored, and somebody takes over

What must hold: no unit is lost or invented, by our books (hourly) and by a judge that does not know
them (each morning); nothing is decided but that a store was right; no alert stays open; nobody is
asked after what nobody changed; memory and tables do not grow by the day. The alerts are written to
`build/fortnight.txt`, for people to read. A failure is played again by `--seed`.
"""

import argparse
import gc
import json
import logging
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from bot.messages.block_kit import message
from bot.messages.incident_texts import INCIDENT_TEXTS
from bot.messages.incidents import headline_of
from sync_core.db.database import SqlDatabase
from sync_core.db.migrate import migrate
from sync_core.domain.leases import takeover_questions
from sync_core.domain.proposals import Choice, Person
from tests.db.earlier import WRITTEN, write_earlier
from tests.judge import Change, complaints
from tests.say import say
from tests.simulation import harness as surroundings
from tests.simulation.coverage import COVERAGE
from tests.simulation.fault_mix import ANSWERS, CLOCK, DEATH, KINDS, FaultMix
from tests.simulation.harness import Harness, assert_conserved

ANN = Person(team="T1", id="U1", name="ann")
DAYS = 14
CHANGES_A_DAY = 300
RESTORED_ON = 9  # the day
JOBS = {"heartbeat", "alerts", "roles", "auditor", "sealer", "stock_count", "cleanup", "night"}
LOG = Path("build/fortnight.txt")
DATE = re.compile(r"<!date\^[^|>]*\|([^>]*)>")  # as Slack shows it to a reader
# What somebody says who believes the stores, to each question: the first that is offered.
BELIEVES_THE_STORE = (Choice.ACCEPT, Choice.RELEASE, Choice.RESUME)
QUESTIONS = "SELECT token, subject, options FROM proposal WHERE state = 'open' ORDER BY id"
OPEN_ALERTS = """
SELECT kind, subject FROM notification n WHERE NOT resolved AND severity <> 'info' AND NOT EXISTS
  (SELECT 1 FROM notification l WHERE l.kind = n.kind AND l.subject = n.subject AND l.id > n.id)
"""
# What must be gone some days after it has served, and how many; see retention.py.
KEPT_DAYS = {
    "handled webhooks": (  # what was quarantined waits for a person
        """
        SELECT min(received_at) FROM delivery
        WHERE handled_at IS NOT NULL AND quarantined_at IS NULL
        """,
        9,
    ),
    "bytes of closed batches": (
        "SELECT min(closed_at) FROM batch WHERE state <> 'open' AND length(body) > 0",
        9,
    ),
}
LIVE_OBJECTS_GROWTH = 1.5  # of our own classes, from the first week to the second


class Operation(Harness):
    """Two stores and a Tipo that was upgraded a moment ago, with all its jobs."""

    deletes_old = True

    def __init__(self, seed: int) -> None:
        self.alerts_told = 0
        super().__init__(items=len(WRITTEN["shows"]["eu"]), seed=seed, orders=True)
        self.kill()
        self.loop.passed = WRITTEN["passed"]
        for alias, quantities in WRITTEN["shows"].items():
            shop = self.shops[alias]
            for sku, quantity in quantities.items():
                shop.edit(sku, to=quantity)
            shop.outbox.clear()  # these have been told
            shop.metafields.clear()
        earlier = self.folder / "earlier.db"
        write_earlier(f"sqlite:///{earlier}")
        with closing(SqlDatabase(f"sqlite:///{earlier}")) as database:
            migrate(database.engine)
        self.ids.count += 1_000  # the version before has used the first
        self.restore(earlier)

    def start(self) -> None:
        super().start()
        self.do(self.process.service.remember_first_start())


class Fortnight:
    """What happens in these days, all of it from a seed."""

    def __init__(self, seed: str, *, changes: int = CHANGES_A_DAY) -> None:
        self.rng = random.Random(seed)
        self.changes = changes
        self.harness = Operation(self.rng.getrandbits(32))
        self.decided: Counter[str] = Counter()
        self.live_objects: list[int] = []
        self.log: list[str] = []
        self.told = 0

    def begin(self) -> None:
        """Answer what the version before had asked, so that all stores are equal."""
        self.harness.advance(60)
        self.answer()
        self.harness.advance(900)  # a fix that the version before proposed ends by itself
        first = {sku: self.harness.shows("eu", sku) for sku in self.harness.skus}
        self.first, self.harness.outside = first, []
        self.judge()
        self.decided.clear()

    def play(self, days: int) -> None:
        """Live through so many days, and look each morning and each hour."""
        self.begin()
        for day in range(1, days + 1):
            self.wait_until(9)
            if day == RESTORED_ON:
                self.restore()
            self.backup = self.harness.backup(self.harness.folder / "yesterday.db")
            self.work()
            self.wait_until(8)
            self.answer()
            self.harness.rest(900)
            self.look(day)

    # -- a day
    def work(self, until: int = 21) -> None:
        """Sell and restock until nine in the evening, in bursts, with faults."""
        mix = FaultMix(self.rng.getrandbits(32))
        evening = self.now.replace(hour=until, minute=0, second=0)
        for gap in self.gaps():
            if self.now >= evening:
                break
            self.change()
            if self.rng.random() < 0.08:
                self.fail(mix)
            self.harness.advance(gap) if gap < 60 else self.pass_time(gap)
            assert_conserved(self.harness)
        self.end_faults()

    def gaps(self) -> Iterator[float]:
        """Yield the seconds between two changes: some at once, most minutes apart."""
        mean = 12 * 3600 / self.changes
        while True:
            yield self.rng.choice([0.0, 0.3, 1.0, 5.0, 10 * mean * self.rng.random()])

    def pass_time(self, seconds: float) -> None:
        """Let a minute pass at the usual pace, and the rest at that of quiet hours."""
        self.harness.advance(60)
        self.harness.rest(seconds - 60)

    def change(self) -> None:
        """Sell, or restock what runs out: more at a time than is usual in a shop's day."""
        alias = self.rng.choice(list(self.harness.shops))
        sku = self.rng.choice(self.harness.skus)
        if self.expected(sku) < 15:
            self.harness.change_stock(alias, sku, self.rng.randint(10, 40))
        else:
            quantity = self.rng.choice([1, 1, 1, 2, 3])
            self.harness.change_stock(alias, sku, -quantity, till=self.rng.random() < 0.2)

    def fail(self, mix: FaultMix) -> None:
        """Let something go wrong in a store or in Tipo; the faults of before end."""
        self.end_faults()
        shop = self.harness.shops[self.rng.choice(list(self.harness.shops))]
        faults = shop.faults
        match self.rng.randrange(7):
            case 0 if mix.has(*ANSWERS):
                faults.next = [mix.answer(self.rng.getrandbits(16)) for _ in range(4)]
                faults.mutations_only = self.rng.random() < 0.5
            case 1:
                faults.webhook_lost = self.rng.choice([0.3, 1.0])
            case 2:
                faults.webhook_doubled, faults.webhook_reordered, faults.webhook_late = (
                    0.5,
                    0.5,
                    0.3,
                )
                faults.webhook_late_by = 900.0
            case 3:
                faults.outage = True
            case 4:
                faults.read_lag = 1.5
            case 5 if mix.has(DEATH):
                self.harness.process.fuse.left = self.rng.randrange(12)
                COVERAGE[DEATH] += 1
            case _:
                COVERAGE[CLOCK] += 1
                self.harness.wall.skew = timedelta(hours=self.rng.choice([-1, 0, 1]))

    def end_faults(self) -> None:
        for shop in self.harness.shops.values():
            faults = shop.faults
            faults.webhook_lost = faults.webhook_doubled = faults.webhook_reordered = 0.0
            faults.webhook_late = faults.read_lag = 0.0
            faults.next.clear()
            faults.outage = faults.mutations_only = False
        if self.harness.process is not None:
            self.harness.process.fuse.put_out()

    def wait_until(self, hour: int) -> None:
        """Let quiet hours pass."""
        then = self.now.replace(hour=hour, minute=0, second=0, microsecond=0)
        then += timedelta(days=then <= self.now)
        while self.now < then:
            self.harness.rest(min(3600.0, (then - self.now).total_seconds()))
            assert_conserved(self.harness)

    # -- people
    def answer(self) -> None:
        """Answer every question as one who believes the stores; another answer is counted."""
        for row in self.harness.rows(QUESTIONS):
            options = [Choice(each["choice"]) for each in json.loads(row["options"])]
            choice = next((each for each in BELIEVES_THE_STORE if each in options), options[0])
            self.decided[f"{row['subject']}: {choice}"] += 1
            token = row["token"]
            self.harness.ask(lambda service, t=token, c=choice: service.decide(t, c, ANN, "listed"))
            self.harness.advance(10)

    def restore(self) -> None:
        """Restore yesterday's backup, and take the stores' numbers as they are."""
        self.harness.wall.skew = timedelta(0)
        self.harness.rest(900)
        self.tell()
        self.harness.restore(self.backup, by_tipo=True)
        self.told = self.harness.rows("SELECT max(id) AS id FROM notification")[0]["id"] or 0
        self.harness.advance(60)

        async def take_over(service):
            questions = takeover_questions(await service.leases())
            return await service.take_over([each.token for each in questions], ANN)

        [asked] = self.harness.ask(take_over)
        assert set(asked.result().stores) == set(self.harness.shops)
        self.harness.advance(300)

    # -- promises
    def look(self, day: int) -> None:
        """Say what the day has come to; raise for what may not be."""
        self.tell()
        self.judge()
        assert all(each.endswith(BELIEVES_THE_STORE) for each in self.decided), self.decided
        assert [dict(each) for each in self.harness.rows(OPEN_ALERTS)] == []
        for name, (oldest, days) in KEPT_DAYS.items():
            [(at,)] = self.harness.rows(oldest)
            assert at is None or self.now - moment(at) < timedelta(days=days), (name, at)
        gc.collect()
        ours = sum(f"{type(each).__module__}".startswith("sync_core") for each in gc.get_objects())
        self.live_objects.append(ours)
        nights = self.harness.rows("SELECT state FROM report WHERE kind = 'night'")
        assert len(nights) >= day - 1  # a restored backup does not know its last night
        assert all(each["state"] == "done" for each in nights)
        size = self.harness.path.stat().st_size / 1024
        moved = self.harness.rows("SELECT count(*) AS n FROM movement")[0]["n"]
        say(
            f"day {day:2}: {len(self.harness.outside):6,} changes, {moved:6,} movements, "
            f"{self.harness.deaths:4} deaths, {len(self.log):5,} alerts, {size:8,.0f} KiB, "
            f"{ours:6,} objects, decided {dict(self.decided) or 'nothing'}"
        )

    def judge(self) -> None:
        """Compare what every store shows with what people did, and with nothing else."""
        shown = {
            alias: {sku: self.harness.shows(alias, sku) for sku in self.harness.skus}
            for alias in self.harness.shops
        }
        assert complaints(self.first, [Change(*each) for each in self.harness.outside], shown) == []

    def assert_bounded(self) -> None:
        """The second week needs no more memory than the first."""
        half = len(self.live_objects) // 2
        first, second = self.live_objects[:half], self.live_objects[half:]
        if first:
            assert max(second) <= LIVE_OBJECTS_GROWTH * max(first), self.live_objects

    def tell(self) -> None:
        """Note the alerts since the last look as people read them."""
        rows = self.harness.rows(
            "SELECT * FROM notification WHERE id > ? ORDER BY id", (self.told,)
        )
        for row in rows:
            self.told = row["id"]
            if row["kind"] in INCIDENT_TEXTS:
                body = {**dict(row), "facts": json.loads(row["facts"])}
                words = DATE.sub(r"\1", message(*headline_of(body)).text)
                sign = "over" if row["resolved"] else row["severity"]
                self.log.append(f"{moment(row['at']):%a %d %H:%M:%S}  {sign:8}  {words}")

    # --
    @property
    def now(self) -> datetime:
        return self.harness.clock.now()

    def expected(self, sku: str) -> int:
        return self.first[sku] + sum(by for _, each, by in self.harness.outside if each == sku)

    def close(self) -> None:
        self.harness.close()


def moment(text: str) -> datetime:
    """Return a moment as SQLite has it."""
    return datetime.fromisoformat(f"{text}+00:00")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--changes", type=int, default=CHANGES_A_DAY, help="a day")
    parser.add_argument("--seed", default=f"{random.SystemRandom().randrange(10**8):08}")
    options = parser.parse_args()
    say(f"seed {options.seed}")
    began = time.process_time()
    surroundings.JOBS |= JOBS
    logging.disable()  # what went wrong on purpose
    fortnight = Fortnight(options.seed, changes=options.changes)
    try:
        fortnight.play(options.days)
        fortnight.assert_bounded()
    finally:
        LOG.parent.mkdir(exist_ok=True)
        LOG.write_text("\n".join(fortnight.log) + "\n")
        fortnight.close()
    for name in KINDS:
        say(f"{COVERAGE[name]:8,}  {name}")
    say(f"{options.days} days in {(time.process_time() - began) / 60:.1f} minutes of CPU: exact")
    return 0


if __name__ == "__main__":
    sys.exit(main())
