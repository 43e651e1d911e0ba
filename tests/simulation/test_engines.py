"""Random histories of two engines on the same stores, of restored databases and of any clock.

A second Tipo is started with a database of its own, or with a copy of the first one's; either may
take stores over, die, be stopped, and be given an older copy of its database; another app may set
stock beside them; a machine's clock may be set by a month. Whatever happens:

- the stores themselves see no write by an engine that does not hold the lease (witness.py);
- the books of each database add up, over the present baseline;
- every unit that an engine has written was moved by people in another store, or decided, once.

In the end one engine is let win, and a person answers all that it asks. Then the stores are equal,
no alert is open, and the history of every product tells each gap. If numbers were not taken anew
meanwhile, and no update was given up in doubt, the stores show what people made of them, to the
unit.
"""

import sqlite3
from contextlib import closing
from datetime import timedelta
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from sandbox.faults import ShopFault
from sync_core.domain.leases import LeaseState, TakeoverAnswer, takeover_questions
from sync_core.domain.proposals import Choice, Person
from sync_core.domain.values import Mode, PoolId
from sync_core.errors import NotAllowed
from sync_core.workers.proposer import Proposer
from tests.simulation.coverage import (
    AMONG_TWO,
    AT_RESTORE,
    COPIED,
    COVERAGE,
    DIED_TAKING_OVER,
    FENCED_OUT,
    MONTH_BACK,
    MONTH_FORWARD,
    RESTORED,
    RESTORED_BY_HAND,
    TAKEN_BACK,
    TAKEN_IN_FLIGHT,
    TAKEN_OVER,
    TAKEN_PARTLY,
    existence_query,
)
from tests.simulation.fault_mix import CLOCK, DEATH, FaultMix
from tests.simulation.harness import INITIAL_QUANTITY, Harness, RivalTipo, assert_conserved
from tests.simulation.rival_apps import SetsTotals
from tests.simulation.test_simulation import CALM, HOUR, STEPS, History, may, play

ANN = Person(team="T1", id="U1", name="ann")
MONTH = timedelta(days=30)
ENGINE = st.integers(0, 1)
ROUNDS = 12  # of questions, after which there is certainly no end of them
COPIES = 4  # that are kept
IN_FLIGHT = "SELECT 1 FROM batch WHERE state = 'open' AND attempts > 0"
TAKING_OVER = "SELECT 1 FROM lease WHERE state = 'taking_over'"
# What a store did while it was not known what we had written there, a person decides.
GIVEN_UP = "SELECT 1 FROM adjustment WHERE state = 'doubtful'"
OPEN = "SELECT kind, subject FROM finding WHERE closed_at IS NULL ORDER BY kind, subject"
DECIDED = """
SELECT DISTINCT e.id, e.moved, v.sku FROM effect e JOIN level l ON l.pool_id = e.pool_id
JOIN variant v ON v.store = l.store AND v.item = l.item
"""


class TwoEngines(History):
    """Two stores, and up to two engines that would write to them."""

    steps = min(STEPS, 14)  # two engines are twice the work
    # What these show, the other histories show; here they would only crowd out the rest.
    write_messages_late = write_badly = lag_behind = sell_everywhere_at_once = wait = None

    def __init__(self):
        super().__init__()
        self.copies = []  # of databases: whose, file
        self.apps = []
        self.told = set()  # what has been noted once
        self.allowed = {}  # units that decisions may have written, by SKU

    @initialize(
        seed=st.integers(0, 2**32),
        latency=st.sampled_from([0.0, 0.02, 0.3]),
        second=st.booleans(),
    )
    def begin(self, seed, latency, second):
        self.mix = FaultMix(seed)
        self.harness = Harness(stores=self.stores, seed=seed, latency=latency, opened=True)
        self.rng = Random(seed)
        self.allowed = dict.fromkeys(self.harness.skus, 0)
        self.harness.advance(5)  # every store has its mark
        self.begin_to_count()
        self.back_up(0)
        if second:
            self.start_a_second(None)
        self.harness.change_stock("eu", self.harness.skus[1], -1)
        self.harness.advance(3)

    def begin_to_count(self):
        """From here on, what each store shows follows from what people do."""
        self.agreed = {sku: self.harness.shows("eu", sku) for sku in self.harness.skus}
        self.lines = {alias: len(shop.log) for alias, shop in self.harness.shops.items()}
        self.decided = {row["id"] for row in self.harness.rows(DECIDED)}
        self.is_one_baseline = True

    def engine(self, number):
        everybody = self.harness.all_of_us
        return everybody[number % len(everybody)]

    # -- engines
    @rule(copy=st.none() | st.integers(0, COPIES - 1))
    def start_a_second(self, copy):
        """A new container, with an empty database or with a copy of another one's."""
        if self.harness.rivals:
            return
        file = None
        if copy is not None and self.copies:
            _, file = self.copies[copy % len(self.copies)]
            if not self.is_told_apart(file):
                return
            COVERAGE[COPIED] += 1
        second = RivalTipo(self.harness, copy_of=file)
        self.harness.advance(3)
        second.ask(lambda service: service.set_mode(Mode.TWO_WAY, by="ann"))

    @rule(engine=ENGINE)
    def stop(self, engine):
        self.engine(engine).stop()

    @rule(engine=ENGINE)
    def start(self, engine):
        if self.engine(engine).process is None:
            self.engine(engine).start()

    @may(DEATH)
    @rule(engine=ENGINE)
    def die_now(self, engine):
        COVERAGE[DEATH] += 1
        self.engine(engine).kill()

    @may(DEATH)
    @rule(engine=ENGINE, points=st.integers(0, 12))
    def die(self, engine, points):
        if self.engine(engine).process is not None:
            self.engine(engine).process.fuse.left = points

    @may(DEATH)
    @rule(engine=ENGINE)
    def die_when_a_store_has_written(self, engine):
        if self.engine(engine).process is not None:
            self.engine(engine).process.fuse.after_write = True

    @rule(
        engine=ENGINE,
        which=st.none() | st.integers(0, 2),
        seconds=st.sampled_from([0.0, 5.0, 40.0, 70.0, 100.0]),
        dies=st.booleans(),
    )
    def take_over(self, engine, which, seconds, dies):
        """Answer one of an engine's questions, or all; it may die before it has done it."""
        chosen = self.engine(engine)
        self.answer_takeover(chosen, which)
        self.harness.advance(seconds)
        if dies and chosen.process is not None:
            COVERAGE[DIED_TAKING_OVER] += bool(chosen.rows(TAKING_OVER))
            chosen.kill()

    def answer_takeover(self, chosen, which=None):
        """Say what a person says; return whether that changed anything."""
        others = [each for each in self.harness.all_of_us if each is not chosen]
        in_flight = any(each.rows(IN_FLIGHT) for each in others)

        async def work(service):
            questions = takeover_questions(await service.leases())
            if which is not None and questions:
                questions = [questions[which % len(questions)]]
            return await service.take_over([each.token for each in questions], ANN)

        for task in chosen.ask(work):
            if task.cancelled() or task.result().answer is not TakeoverAnswer.STARTED:
                return False
            self.is_one_baseline = False
            COVERAGE[TAKEN_IN_FLIGHT] += in_flight
            COVERAGE[TAKEN_PARTLY] += len(task.result().stores) < len(self.harness.shops)
            return True
        return False

    @rule(
        store=st.integers(0, 2),
        engine=ENGINE,
        fault=st.sampled_from([ShopFault.LATE, ShopFault.DROP_AFTER, ShopFault.ERROR_BEFORE, 503]),
        which=st.none() | st.integers(0, 2),
        seconds=st.sampled_from([10.0, 70.0, 100.0]),
    )
    def take_over_in_flight(self, store, engine, fault, which, seconds):
        """Something is sold, its update gets no answer, and an engine takes over."""
        for shop in self.harness.shops.values():
            shop.faults.mutations_only = True
            shop.faults.next = [fault, fault]
        self.harness.change_stock(self.store(store), self.harness.skus[0], -2)
        self.harness.advance(1.1)
        self.answer_takeover(self.engine(engine), which)
        self.harness.advance(seconds)
        for shop in self.harness.shops.values():
            shop.faults.mutations_only = False

    # -- copies
    @rule(engine=ENGINE)
    def back_up(self, engine):
        chosen = self.engine(engine)
        file = self.harness.folder / f"copy-{self.harness.loop.passed}-{len(self.copies)}.db"
        self.copies = [*self.copies, (chosen.name, chosen.backup(file))][-COPIES:]

    @rule(
        engine=ENGINE,
        store=st.integers(0, 2),
        fault=st.sampled_from([None, None, ShopFault.DROP_AFTER, ShopFault.ERROR_BEFORE]),
        asked_first=st.booleans(),
        by_tipo=st.booleans(),
        seconds=st.sampled_from([20.0, 70.0]),
    )
    def restore_after_a_while(self, engine, store, fault, asked_first, by_tipo, seconds):
        """A copy is made in the middle of something, more is sold, and the copy is put back."""
        if asked_first:
            self.miss_a_change(self.store(store), engine)
        if fault is not None:
            self.harness.shops[self.store(store + 1)].faults.next = [fault] * 3
        self.harness.change_stock(self.store(store), self.harness.skus[0], -2)
        self.harness.advance(0.4)
        self.back_up(engine)
        self.harness.change_stock(self.store(store), self.harness.skus[1], -3)
        if asked_first:
            self.decide_all(self.engine(engine))
        self.harness.advance(seconds)
        self.restore(-1, by_tipo, 5.0)

    def miss_a_change(self, alias, engine):
        """Nobody hears of a sale; it is found by reading, and an engine asks what to do."""
        faults = self.harness.shops[alias].faults
        before, faults.webhook_lost = faults.webhook_lost, 1.0
        self.harness.change_stock(alias, self.harness.skus[0], -4)
        self.harness.advance(3)
        faults.webhook_lost = before
        levels = [row["id"] for row in self.engine(engine).rows("SELECT id FROM level")]

        async def examine(service):
            parts = service._database, service._stores, service._clock, service._ids
            await Proposer(*parts).examine(levels, None)

        self.engine(engine).ask(examine)

    @rule(
        which=st.integers(0, COPIES - 1),
        by_tipo=st.booleans(),
        seconds=st.sampled_from([0.0, 20.0, 70.0]),
    )
    def restore(self, which, by_tipo, seconds):
        """Put a copy back, by `tipo restore`; or by hand, where that can be told apart."""
        if not self.copies:
            return
        name, file = self.copies[which % len(self.copies)]
        if not (by_tipo or self.is_told_apart(file)):
            return
        chosen = next((each for each in self.harness.all_of_us if each.name == name), None)
        if chosen is None:
            return
        with closing(sqlite3.connect(file)) as copy:
            copy.row_factory = sqlite3.Row
            COVERAGE.update(dict(copy.execute(existence_query(AT_RESTORE)).fetchone()))
        COVERAGE[RESTORED if by_tipo else RESTORED_BY_HAND] += 1
        chosen.restore(file, by_tipo=by_tipo)
        self.is_one_baseline = False
        self.harness.advance(seconds)

    def is_told_apart(self, file):
        """Whether every store has taken a renewal that the copy does not know: docs/operating.md.

        Within that time nobody can tell the two apart, and what is written may count twice.
        """
        with closing(sqlite3.connect(file)) as copy:
            known = {token for (token,) in copy.execute("SELECT token FROM renewal")}
        renewals = self.harness.witness.renewals
        return len(renewals) == self.stores and not known & set(renewals.values())

    # -- the rest of the world
    @rule(
        sku=st.integers(0, 1),
        times=st.integers(1, 4),
        quantity=st.sampled_from([1, 5]),
        pause=st.sampled_from([4.0, 7.0]),
    )
    def let_another_app_set_stock(self, sku, times, quantity, pause):
        """It holds totals of its own, and sets them every second, while people buy."""
        app = SetsTotals(self.harness)
        for _ in range(times):
            self.harness.advance((0.5 - self.harness.loop.passed) % 1)
            self.harness.change_stock(self.store(1), self.harness.skus[sku], -quantity)
            self.harness.advance(pause)
        app.stop()

    @may(CLOCK)
    @rule(engine=ENGINE, step=st.sampled_from([-HOUR, HOUR, -MONTH, MONTH]))
    def set_the_clock(self, engine, step):
        COVERAGE[CLOCK] += 1
        self.engine(engine).wall.skew += step
        COVERAGE[MONTH_BACK] += step == -MONTH
        COVERAGE[MONTH_FORWARD] += step == MONTH

    @rule(seconds=st.sampled_from([0.02, 0.4, 1.1, 5.0, 30.0, 47.0, 61.0, 100.0]))
    def wait_for_leases(self, seconds):
        self.harness.advance(seconds)

    # -- promises
    @invariant()
    def books_add_up(self):
        if self.harness is None:
            return
        for each in self.harness.all_of_us:
            each.note(AMONG_TWO)
            assert_conserved(each)

    @invariant()
    def nobody_writes_without_the_lease(self):
        if self.harness is not None:
            assert self.harness.witness.wrong == [], self.harness.witness.wrong
            self.note_takeovers()

    @invariant()
    def nothing_is_written_twice(self):
        if self.harness is not None:
            self.assert_nothing_uncaused()

    def note_takeovers(self):
        witness = self.harness.witness
        for each in self.harness.all_of_us:
            states = {row["store"]: row["state"] for row in each.rows("SELECT * FROM lease")}
            for alias, state in states.items():
                holdings = [one.history for one in witness.holdings.get(alias, ())]
                self.note_once(
                    TAKEN_OVER,
                    (each.history, alias, len(holdings)),
                    state == "ours" and len(holdings) > 1 and holdings[-1:] == [each.history],
                )
                self.note_once(
                    TAKEN_BACK,
                    (each.name, alias, len(holdings)),
                    state == "ours"
                    and holdings[-1:] == [each.history]
                    and each.history in holdings[:-1],
                )
                self.note_once(
                    FENCED_OUT,
                    (each.history, alias, len(holdings)),
                    state in {"foreign", "older"} and witness.writes[each.history, alias] > 0,
                )

    def note_once(self, name, key, is_so):
        if is_so and (name, key) not in self.told:
            self.told.add((name, key))
            COVERAGE[name] += 1

    # -- the end
    def calm(self):
        """End all faults, and let one engine win; the other one is stopped, or goes on asking."""
        self.end_faults()
        winner = self.engine(self.rng.randrange(2))
        for each in self.harness.all_of_us:
            if each is winner or (self.rng.random() < 0.5 and not self.is_copy(each, winner)):
                if each.is_stopped:
                    each.start()
            else:
                each.stop()
        self.winner = winner
        self.come_to_rest()

    def is_copy(self, one, other):
        """Whether two have one name: they take the subscriptions from each other, and say so."""
        name = "SELECT value FROM setting WHERE name = 'instance'"
        return one.rows(name)[0]["value"] == other.rows(name)[0]["value"]

    def come_to_rest(self):
        """Answer all that the winner asks, until nothing is asked any more."""
        is_quiet = False
        for _ in range(ROUNDS):
            self.harness.advance(CALM)
            if self.answer_all():
                is_quiet = False
            elif is_quiet:
                break
            else:
                self.harness.rest(1400)  # two catch-ups
                is_quiet = True
        else:
            raise AssertionError(f"there is no end of questions: {self.open_now()}")
        if self.open_now():
            self.harness.rest(3700)  # that a clock was set is said for an hour

    def open_now(self):
        return [tuple(row) for row in self.winner.rows(OPEN)]

    def answer_all(self):
        """Answer what the winner asks now; return whether there was anything."""
        states = {row["state"] for row in self.winner.rows("SELECT state FROM lease")}
        if states & {"older", "foreign"}:
            self.answer_takeover(self.winner)
            return True
        if LeaseState.TAKING_OVER.value in states:
            return True
        short = [sku for sku in self.harness.skus if self.harness.shows("eu", sku) < 0]
        for sku in short:
            self.harness.change_stock("eu", sku, INITIAL_QUANTITY - self.harness.shows("eu", sku))
        return self.decide_all(self.winner) or bool(short)

    def decide_all(self, chosen):
        """Decide all that stands, as somebody does who reads the numbers first."""
        chosen.ask(lambda service: service.drift("ann"))
        self.harness.advance(3)
        tasks = chosen.ask(lambda service: service.open_findings())
        found = [task.result() for task in tasks if not task.cancelled()]
        choices = [
            (proposal, choice)
            for _, proposal in (found[0] if found else [])
            if proposal is not None and (choice := self.choice(proposal)) is not None
        ]
        for proposal, choice in choices:
            for sku in self.harness.skus:
                shown = [self.harness.shows(alias, sku) for alias in self.harness.shops]
                self.allowed[sku] += max(shown) - min(shown)
            token = proposal.token
            for task in chosen.ask(lambda s, t=token, c=choice: s.decide(t, c, ANN, "x")):
                assert (
                    task.cancelled()
                    or task.exception() is None
                    or isinstance(task.exception(), NotAllowed)
                )
            self.harness.advance(5)
        return bool(choices)

    def choice(self, proposal):
        """Return what to choose; None if there is nothing to do but to wait."""
        options = [each.choice for each in proposal.options]
        for each in (Choice.RESUME, Choice.RELEASE, Choice.CONFIRM, proposal.recommended):
            if each in options:
                return each
        useful = [each for each in options if each.startswith("use_") and each != "use_number"]
        return self.rng.choice(useful) if useful else None

    def assert_settled(self):
        """All is equal, nothing is asked, every gap is told; and it works."""
        harness, winner = self.harness, self.winner
        self.books_add_up()
        self.nobody_writes_without_the_lease()
        assert self.open_now() == [], self.open_now()
        self.assert_equal()
        if self.is_one_baseline and not winner.rows(GIVEN_UP):
            for sku in harness.skus:
                moved = self.moved(sku)
                assert harness.shows("eu", sku) == self.agreed[sku] + moved, (sku, moved)
        self.assert_gaps_are_told()
        before = {sku: harness.shows("eu", sku) for sku in harness.skus}
        for alias in harness.shops:
            harness.change_stock(alias, harness.skus[0], -1)
        harness.advance(70)
        self.assert_equal()
        assert harness.shows("eu", harness.skus[0]) == before[harness.skus[0]] - self.stores
        assert harness.shows("eu", harness.skus[1]) == before[harness.skus[1]]
        self.nobody_writes_without_the_lease()
        self.assert_nothing_uncaused()
        assert {row["state"] for row in winner.rows("SELECT state FROM lease")} == {"ours"}

    def assert_equal(self):
        for sku in self.harness.skus:
            shown = {alias: self.harness.shows(alias, sku) for alias in self.harness.shops}
            assert len(set(shown.values())) == 1, (sku, shown)
            shared = "SELECT shared FROM pool ORDER BY id"
            assert set(shown.values()) <= {row["shared"] for row in self.winner.rows(shared)}

    def assert_gaps_are_told(self):
        """Where anything is told from before numbers were taken anew, that is told, too."""
        taken = self.winner.rows("SELECT max(at) AS at FROM baseline")[0]["at"]
        for row in self.winner.rows("SELECT id FROM pool"):
            number = PoolId(row["id"])
            (task,) = self.winner.ask(lambda service, n=number: service.history(n, limit=500))
            told = task.result()
            before = [each for each in told if f"{each.at:%Y-%m-%d %H:%M:%S.%f}" < (taken or "")]
            gaps = [each for each in told if each.kind == "gap"]
            assert gaps or not before, (number, taken, told)

    def moved(self, sku):
        """Return by how much people and other apps moved a product, and decisions, since then."""
        moved = sum(
            row["moved"]
            for row in self.winner.rows(DECIDED)
            if row["sku"] == sku and row["id"] not in self.decided
        )
        for alias, shop in self.harness.shops.items():
            moved += sum(
                each.delta
                for each in shop.log[self.lines[alias] :]
                if each.key is None and shop.items[each.item].variant.sku == sku
            )
        return moved

    def assert_nothing_uncaused(self):
        """Every unit that was written was moved elsewhere, or decided; and once, by whomever."""
        outside, written = self.units()
        for (alias, sku), units in written.items():
            caused = sum(
                n for (other, each), n in outside.items() if each == sku and other != alias
            )
            assert units <= caused + self.allowed[sku], (alias, sku, units, caused)

    def units(self):
        """Return the units that others, and that engines have moved, by store and SKU."""
        outside, written = {}, {}
        for alias, shop in self.harness.shops.items():
            for each in shop.log:
                place = alias, shop.items[each.item].variant.sku
                found = outside if each.key is None else written
                found[place] = found.get(place, 0) + abs(each.delta)
        return outside, written


class TwoEnginesThreeStores(TwoEngines):
    """One store of three may be another engine's."""

    stores = 3


KINDS = {"two engines": (TwoEngines, 1), "two engines, three stores": (TwoEnginesThreeStores, 1)}


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_engines_lose_or_invent_a_unit(kind):
    play(kind, *KINDS[kind])
