"""Random histories with people who decide: what they choose is a delta, once, or nothing at all.

`DecidingHistory` has levels with a baseline, so that what every store must show is known from
outside: what people bought, what decisions moved. `BaselineHistory` changes modes; there the
books must add up, and every level that shares must show what its pool says.
"""

import json

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from sync_core.domain.proposals import Choice, Option, Person, ProposalKind
from sync_core.domain.values import Alias
from sync_core.errors import NotAllowed
from sync_core.ports import Draft
from sync_core.workers.proposer import Proposer
from tests.simulation.coverage import COVERAGE, DECIDED_MEANWHILE, ONE_OF_TWO
from tests.simulation.harness import INITIAL_QUANTITY
from tests.simulation.test_simulation import History, play

PEOPLE = [Person(team="T1", id=f"U{n}", name=name) for n, name in enumerate(("ann", "bob"))]
NUMBERS = (-3, 0, 20, 60)
CLICKS = st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3)
BETWEEN = st.tuples(st.sampled_from([None, None, "die", 0, 1, 2]), st.sampled_from([0, 0.1, 3]))

ONCE = """
SELECT proposal_id, pool_id, count(*) AS n FROM effect e
JOIN proposal p ON p.id = e.proposal_id WHERE p.kind = 'fix'
GROUP BY proposal_id, pool_id HAVING count(*) > 1
"""
UNDONE_TWICE = """
SELECT undoes FROM receipt WHERE undoes IS NOT NULL GROUP BY undoes HAVING count(*) > 1
"""
DECIDED_WITHOUT_RECEIPT = """
SELECT id FROM proposal
WHERE (state IN ('approved', 'done', 'dismissed')) != (receipt_id IS NOT NULL)
"""
UNDOS = """
SELECT u.id, (SELECT count(*) FROM effect e WHERE e.receipt_id = u.id) AS did,
    (SELECT count(*) FROM effect e WHERE e.receipt_id = u.undoes) AS was
FROM receipt u WHERE u.undoes IS NOT NULL
"""
LEVELS = """
SELECT l.*, p.shared, c.mode, v.sku FROM level l JOIN pool p ON p.id = l.pool_id
JOIN variant v ON v.store = l.store AND v.item = l.item
LEFT JOIN connection c ON c.destination = l.store
"""


def shown(shared, buffer):
    """Return what a level with a buffer shows: the table, once more, by other means."""
    return shared if shared < 0 else max(0, shared - buffer)


class DecidingHistory(History):
    """People approve, undo and keep back while others buy and everything goes wrong."""

    def __init__(self):
        super().__init__()
        self.buffers = []  # by how much each store's buffer was changed: store, units

    def ask(self, *works):
        """Ask the service several things at once; None for what nobody answered."""
        tasks = self.harness.ask(*works)
        return [_answer(each) for each in tasks]

    @rule(
        where=st.tuples(st.integers(0, 2), st.integers(0, 1), st.sampled_from([-5, -1, 7])),
        between=BETWEEN,
        choice=st.integers(0, 9),
        number=st.sampled_from(NUMBERS),
        clicks=CLICKS,
    )
    def settle_what_was_missed(self, where, between, choice, number, clicks):
        """A store moves and nobody hears of it; it is found, and somebody decides."""
        store, item, by = where
        faults = self.harness.shops[self.store(store)].faults
        before, faults.webhook_lost = faults.webhook_lost, 1.0
        self.harness.change_stock(self.store(store), self.harness.skus[item], by)
        self.harness.advance(3)
        self.refresh_everything()
        faults.webhook_lost = before
        self.happen(between)
        self.approve(which=0, choice=choice, number=number, clicks=clicks, old=False)
        self.harness.advance(4)
        if len(clicks) > 1:  # who clicked twice thinks better of it
            self.undo(which=0, by=clicks[0], clicks=2)

    def happen(self, between):
        """Let something happen between a question and its answer."""
        what, seconds = between
        if what == "die":
            self.harness.kill()
        elif what is not None:
            self.harness.change_stock(self.store(what), self.harness.skus[0], -1)
        self.harness.advance(seconds)

    @rule()
    def refresh_everything(self):
        """Read all levels again, as a comparison would, and propose what may be done."""
        levels = [row["id"] for row in self.harness.rows("SELECT id FROM level ORDER BY id")]

        async def examine(service):
            parts = service._database, service._stores, service._clock, service._ids
            await Proposer(*parts).examine(levels, None)

        self.ask(examine)

    @rule()
    def ask_what_is_open(self):
        self.ask(lambda service: service.drift("ann"))

    @rule(
        which=st.integers(0, 9),
        choice=st.integers(0, 9),
        number=st.sampled_from(NUMBERS),
        clicks=CLICKS,
        old=st.booleans(),
        points=st.sampled_from([None, None, 2, 3, 4, 6]),
    )
    def approve(self, which, choice, number, clicks, old, points=None):
        """Click, perhaps twice, perhaps two people, perhaps on an old message; perhaps it dies."""
        rows = self.harness.rows("SELECT * FROM proposal WHERE kind = 'fix' ORDER BY id")
        rows = [each for each in rows if old or each["state"] == "open"]
        if not rows:
            return
        row = rows[-1 - which % min(len(rows), 4)]
        options = [each["choice"] for each in json.loads(row["options"])]
        options = [each for each in options if not each.startswith("ignore")] or options
        chosen = Choice(options[choice % len(options)])

        def click(by):
            return lambda service: service.decide(row["token"], chosen, by, "x", number=number)

        if points is not None and self.harness.process is not None:
            self.harness.process.fuse.left = points
        written_to = bool(self.harness.rows("SELECT 1 FROM level WHERE open"))
        answers = self.ask(*(click(by) for by in clicks))
        taken = sum(each.taken for each in answers if each is not None)
        COVERAGE[DECIDED_MEANWHILE] += written_to and taken
        COVERAGE[ONE_OF_TWO] += len(answers) > 1 and None not in answers and taken
        assert taken <= 1

    @rule(safe=st.booleans(), by=st.sampled_from(PEOPLE))
    def approve_all(self, safe, by):
        for row in self.harness.rows("SELECT token FROM report ORDER BY id DESC LIMIT 1"):
            token = row["token"]
            self.ask(lambda service, t=token: service.decide_all(t, by, "x", safe_only=safe))

    @rule(which=st.integers(0, 5), by=st.sampled_from(PEOPLE), clicks=st.integers(1, 2))
    def undo(self, which, by, clicks):
        """Take back what a receipt did: two may ask, and both confirm."""
        rows = self.harness.rows("SELECT DISTINCT receipt_id AS id FROM effect ORDER BY 1 DESC")
        if not rows:
            return
        receipt = rows[which % len(rows)]["id"]
        questions = self.ask(*[lambda service: service.ask_undo(receipt, by)] * clicks)

        def confirm(question):
            return lambda service: service.decide(question.token, Choice.CONFIRM, by, "x")

        answers = self.ask(*(confirm(each) for each in questions if each is not None))
        assert sum(each.taken for each in answers if each is not None) <= 1

    @rule(store=st.integers(1, 2), units=st.sampled_from([0, 2, 5]))
    def withhold(self, store, units):
        alias = self.store(store)
        if alias == "eu":
            return
        self.buffers.append((alias, 5))  # at most
        self.ask(lambda service: service.set_buffer(None, units, alias, PEOPLE[0]))

    # -- promises
    @invariant()
    def each_decision_is_made_once(self):
        if self.harness is None:
            return
        assert [dict(each) for each in self.harness.rows(ONCE)] == []
        assert [dict(each) for each in self.harness.rows(UNDONE_TWICE)] == []
        assert [dict(each) for each in self.harness.rows(DECIDED_WITHOUT_RECEIPT)] == []
        for row in self.harness.rows(UNDOS):
            assert row["did"] <= row["was"], dict(row)

    @invariant()
    def only_what_was_shown_is_written(self):
        """No stale fix: each number on the button was still so when it was done."""
        if self.harness is None:
            return
        for row in self.harness.rows(
            "SELECT * FROM proposal WHERE kind = 'fix' AND state = 'done'"
        ):
            result = json.loads(row["result"])
            if not result["done"] or row["choice"] == "use_number":
                continue
            options = {each["choice"]: each["writes"] for each in json.loads(row["options"])}
            assert all(each in options[row["choice"]] for each in result["writes"]), dict(row)

    def decided(self, sku):
        """Return what decisions moved in the pool of a SKU, one by one."""
        return [
            row["moved"]
            for row in self.harness.rows(
                "SELECT DISTINCT e.id, e.moved, v.sku FROM effect e "
                "JOIN level l ON l.pool_id = e.pool_id "
                "JOIN variant v ON v.store = l.store AND v.item = l.item"
            )
            if row["sku"] == sku
        ]

    def assert_settled(self):
        """Every store shows what people bought and decided, less what it keeps back."""
        self.assert_all_carried_out()
        buffers = {(row["store"], row["sku"]): row["buffer"] for row in self.harness.rows(LEVELS)}
        for sku in self.harness.skus:
            outside = [each for each in self.harness.outside if each[1] == sku]
            moved = self.decided(sku)
            shared = INITIAL_QUANTITY + sum(delta for _, _, delta in outside) + sum(moved)
            for alias in self.harness.shops:
                expected = shown(shared, buffers[alias, sku])
                assert self.harness.shows(alias, sku) == expected, (alias, sku, shared, moved)
                caused = sum(abs(delta) for store, _, delta in outside if store != alias)
                # Below zero nothing is kept back: each change of its own may take it across.
                own = sum(store == alias for store, _, _ in outside)
                kept = sum(units for store, units in self.buffers if store == alias) * (1 + own)
                written = self.harness.written(alias, sku)
                most = caused + sum(map(abs, moved)) + kept
                assert sum(map(abs, written)) <= most, (alias, sku, written)

    def assert_all_carried_out(self):
        """Nothing that somebody decided is left lying."""
        assert self.harness.rows("SELECT id FROM proposal WHERE state = 'approved'") == []
        assert (
            self.harness.rows("SELECT id FROM receipt WHERE NOT notified AND choice != 'dismiss'")
            == []
        )


class DecidingHistoryOfThree(DecidingHistory):
    """Two findings of one pool may be settled in one breath."""

    stores = 3


class BaselineHistory(DecidingHistory):
    """Modes change, shelves are edited meanwhile: levels meet, differ, join and leave."""

    @rule(
        store=st.integers(1, 2),
        mode=st.sampled_from(["two-way", "two-way", "one-way", "off"]),
        by=st.sampled_from(PEOPLE),
    )
    def change_mode(self, store, mode, by):
        """Confirm a change of mode, as after a preflight."""
        alias = self.store(store)
        if alias == "eu":
            alias = Alias("us")

        async def confirm(service):
            before = {each.alias: each.mode.value for each in await service.stores()}
            token = service._ids.new()
            draft = Draft(
                kind=ProposalKind.MODE,
                subject=mode,
                facts={"mode": mode, "before": {alias: before[alias]}},
                options=(Option(choice=Choice.CONFIRM, words="Switch"),),
            )
            now = service._clock.now()
            await service._database.transaction(
                lambda tx: tx.proposals.propose(
                    [(draft, token)], report=None, now=now, expires_at=now.replace(year=2027)
                )
            )
            return await service.decide(token, Choice.CONFIRM, by, "x")

        self.ask(confirm)

    @rule(
        item=st.integers(0, 1),
        by=st.sampled_from([-3, 4]),
        between=BETWEEN,
        choice=st.integers(0, 9),
        number=st.sampled_from(NUMBERS),
        clicks=CLICKS,
    )
    def settle_an_initial_comparison(self, item, by, between, choice, number, clicks):
        """Off, an edit, and on again: the first meeting differs, and somebody decides."""
        self.change_mode(store=1, mode="off", by=PEOPLE[0])
        self.harness.advance(3)
        self.harness.change_stock(Alias("us"), self.harness.skus[item], by)
        self.change_mode(store=1, mode="two-way", by=PEOPLE[1])
        self.harness.advance(8)
        self.ask_what_is_open()
        self.happen(between)
        self.approve(which=0, choice=choice, number=number, clicks=clicks, old=False)
        self.harness.advance(4)
        if len(clicks) > 1:  # who clicked twice thinks better of it
            self.undo(which=0, by=clicks[0], clicks=2)

    def assert_settled(self):
        """Who shares shows what its pool says; who does not is said to differ."""
        self.assert_all_carried_out()
        differing = {
            row["subject"]
            for row in self.harness.rows("SELECT subject FROM finding WHERE closed_at IS NULL")
        }
        for row in self.harness.rows(LEVELS):
            if row["mode"] == "off":
                continue
            shows = self.harness.shows(row["store"], row["sku"])
            assert not row["open"], dict(row)
            assert row["suspended"] is None, dict(row)
            if not row["baselined"]:
                wanted = f"level:{row['id']}" in differing
                assert wanted or row["shared"] is None or row["store"] == "eu", dict(row)
                assert row["manual_delta"] == 0, dict(row)
                continue
            assert shows == row["book"], dict(row)
            if row["mode"] != "one-way":
                assert shows == shown(row["shared"], row["buffer"]), dict(row)


class BaselineHistoryOfThree(BaselineHistory):
    """Some have met and others have not."""

    stores = 3


KINDS = {
    "two stores": (DecidingHistory, 1),
    "three stores": (DecidingHistoryOfThree, 1),
    "two that meet": (BaselineHistory, 1),
    "three that meet": (BaselineHistoryOfThree, 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_decision_loses_or_invents_a_unit(kind):
    play(kind, *KINDS[kind])


def _answer(task):
    """Return what a task answered; None if nothing, or that it may not."""
    if task.cancelled():
        return None
    error = task.exception()
    if error is not None and not isinstance(error, NotAllowed):
        raise error
    return None if error is not None else task.result()
