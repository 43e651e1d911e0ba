"""Shadow mode: everything runs, nothing is written, and going live owes nobody anything."""

from datetime import UTC, timedelta
from random import Random

import pytest

from sync_core.domain.proposals import Choice, Person, ProposalState
from sync_core.domain.shadow import NOTHING_WRITTEN
from sync_core.domain.values import Alias, Mode
from sync_core.errors import NotAllowed
from sync_core.workers.context import AutoApproval, EngineConfig
from sync_core.workers.proposer import Proposer
from tests.engine.test_nightly_report import check, deafen, decide, proposals, stock
from tests.simulation.harness import Process, assert_at_rest, assert_conserved

ANN = Person(team="T1", id="U1", name="ann")
US, UK = Alias("us"), Alias("uk")
WRITES = (b"inventoryAdjustQuantities", b"inventorySetQuantities")
DEAF = EngineConfig(recheck_every=30, catch_up_every=0)


def forbid_writing(harness):
    """Leave the apps without the scope: a store refuses whatever would be written."""
    for shop in harness.shops.values():
        shop.access.scopes = tuple(e for e in shop.access.scopes if e != "write_inventory")


def allow_writing(harness):
    for shop in harness.shops.values():
        shop.access.scopes = (*shop.access.scopes, "write_inventory")


def begin(build_harness, *, may_write=False, **given):
    """Return a house in shadow mode, at rest."""
    harness = build_harness(**given)
    if not may_write:
        forbid_writing(harness)
    harness.advance(2)
    shadow(harness, Mode.TWO_WAY)
    harness.advance(10)
    return harness


def shadow(harness, mode, alias=None):
    harness.do(harness.process.service.set_mode(mode, by="ann", alias=alias, shadow=True))


def view(harness):
    return harness.do(harness.process.service.shadow())


def requests_to_write(harness):
    """Return how often a store was asked to change a quantity, questions to its primary among."""
    return {
        alias: sum(any(each in one.body for each in WRITES) for one in shop.exchanges)
        for alias, shop in harness.shops.items()
    }


def assert_never_written(harness):
    assert set(requests_to_write(harness).values()) == {0}
    for alias, shop in harness.shops.items():
        assert [each for each in shop.log if each.key is not None] == [], alias
    assert harness.rows("SELECT id FROM batch") == []
    assert harness.rows("SELECT id FROM finding WHERE kind = 'store_blocked'") == []


def test_what_would_be_written_is_told_and_not_written(build_harness):
    """The two scenarios, in stores that Tipo may not even write to."""
    harness = begin(build_harness)
    assert harness.rows("SELECT mode FROM connection")[0]["mode"] == "two-way"
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(2)
    harness.change_stock("eu", "SKU-0", 10)
    harness.advance(60)
    assert stock(harness) == {"eu": 60, "us": 45}
    now = view(harness)
    assert (now.by, now.changes, now.wrong, now.apart) == ("ann", 2, {}, {})
    told = [
        (each.store, each.delta, [(one.store, one.before, one.after) for one in each.writes])
        for each in now.latest
    ]
    assert told == [("eu", 10, [("us", 45, 55)]), ("us", -5, [("eu", 50, 45)])]
    (pool,) = harness.rows("SELECT shared FROM pool WHERE title = 'Thing 0'")
    assert pool["shared"] == 55
    assert_never_written(harness)
    assert_conserved(harness)


@pytest.mark.parametrize("mode", [Mode.TWO_WAY, Mode.ONE_WAY, Mode.OFF])
def test_leaving_shadow_owes_nothing(build_harness, mode):
    """Going live begins anew: what each store has sold meanwhile is a mismatch, not a sum."""
    harness = begin(build_harness)
    harness.change_stock("us", "SKU-0", -5)
    for alias in harness.shops:  # another app keeps these equal
        harness.change_stock(alias, "SKU-1", -3)
    harness.advance(5)
    allow_writing(harness)
    harness.set_mode(mode)
    harness.advance(60)
    assert view(harness) is None
    (pool,) = harness.rows("SELECT id FROM pool WHERE title = 'Thing 0'")
    history = harness.do(harness.process.service.history(pool["id"]))
    assert [each.state for each in history if each.kind == "gap"] == ["shadow_ends"]
    assert stock(harness) == {"eu": 50, "us": 45}
    assert stock(harness, "SKU-1") == {"eu": 47, "us": 47}
    assert_never_written(harness)
    if mode is Mode.OFF:
        harness.set_mode(Mode.TWO_WAY)
        harness.advance(30)
    harness.change_stock("eu", "SKU-1", -1)
    harness.advance(5)
    assert stock(harness, "SKU-1") == {"eu": 46, "us": 46}
    assert stock(harness) == {"eu": 50, "us": 45}
    assert_conserved(harness)


def test_going_live_needs_the_scope_and_says_which_is_missing(build_harness):
    """Asked in Slack or ordered on the command line; a scope given since is noticed at once."""
    harness = begin(build_harness)
    service = harness.process.service
    for order in (
        lambda: service.ask_mode(Mode.TWO_WAY, None, ANN, ""),
        lambda: service.set_mode(Mode.TWO_WAY, by="ann"),
    ):
        with pytest.raises(NotAllowed, match=r"EU, US.*write_inventory.*Dev Dashboard"):
            harness.do(order())
    assert view(harness) is not None
    allow_writing(harness)
    asked = harness.do(service.ask_mode(Mode.TWO_WAY, None, ANN, ""))
    harness.process.context.requests.notify()
    harness.advance(30)
    report = harness.do(service.report(asked.id))
    assert report.facts.ends_shadow
    decide(harness, harness.do(service.proposal(report.facts.proposal)), Choice.CONFIRM)
    assert view(harness) is None
    harness.advance(15)
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(3)
    assert stock(harness) == {"eu": 45, "us": 45}


def test_shadow_mode_is_for_all_stores_and_from_off(build_harness):
    """A sale in one is written to all others: one connection alone can't be in shadow."""
    harness = build_harness(stores=3, opened=True)
    with pytest.raises(NotAllowed, match=r"uk, us is connected already.*off first"):
        shadow(harness, Mode.TWO_WAY)
    harness.change_stock("us", "SKU-0", -1)
    harness.advance(3)
    written = requests_to_write(harness)
    harness.set_mode(Mode.OFF)
    shadow(harness, Mode.TWO_WAY, US)
    with pytest.raises(NotAllowed, match="us is in shadow mode, too"):
        harness.set_mode(Mode.TWO_WAY, "uk")
    shadow(harness, Mode.ONE_WAY, UK)
    harness.advance(10)
    harness.change_stock("uk", "SKU-0", -1)
    harness.change_stock("us", "SKU-0", -1)
    harness.advance(5)
    (update,) = view(harness).latest
    assert [(one.store, one.after - one.before) for one in update.writes] == [
        ("eu", -1),
        ("uk", -1),
    ]
    harness.set_mode(Mode.OFF, "uk")
    assert view(harness) is not None
    harness.set_mode(Mode.TWO_WAY, "us")
    assert view(harness) is None
    assert requests_to_write(harness) == written


def test_shadow_mode_waits_for_the_last_answer_of_a_store(build_harness):
    """An update that is under way may still reach its store."""
    harness = build_harness(opened=True)
    harness.shops["eu"].faults.mutations_only = True
    harness.shops["eu"].faults.outage = True
    harness.change_stock("us", "SKU-0", -1)
    harness.advance(3)
    harness.set_mode(Mode.OFF)
    with pytest.raises(NotAllowed, match="an update of eu still waits"):
        shadow(harness, Mode.TWO_WAY)
    assert view(harness) is None
    harness.shops["eu"].faults.outage = False
    harness.advance(120)
    shadow(harness, Mode.TWO_WAY)
    assert view(harness).changes == 0


def test_nothing_that_writes_can_be_decided_and_the_night_approves_nothing(build_harness):
    """Fixes, undo, packs, pause: refused with a reason. Ignoring is no write."""
    auto = AutoApproval(kinds=frozenset({"missed", "differs"}), units=100)
    harness = begin(build_harness, config=DEAF, auto=auto)
    deafen(harness, "us")
    service = harness.process.service
    harness.do(service.remember_first_start())
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(600)
    at = (harness.clock.now() - timedelta(minutes=1)).time()
    night = harness.do(service.request_nightly_report(at, UTC))
    harness.process.context.requests.notify()
    harness.advance(60)
    report = harness.do(service.report(night.id))
    (found,) = proposals(harness, report)
    assert found.state is ProposalState.OPEN
    assert report.summary["shadow"]["wrong"] == {"missed": 1}
    for order in (
        lambda: service.decide(found.token, Choice.ACCEPT, ANN, "x"),
        lambda: service.decide_all(report.token, ANN, "x"),
        lambda: service.decide_some(report.token, {found.id: (Choice.ACCEPT, None)}, ANN, "x"),
        lambda: service.ask_pack([1], 6, None, ANN),
        lambda: service.ask_undo(1, ANN),
    ):
        with pytest.raises(NotAllowed, match=NOTHING_WRITTEN[:40]):
            harness.do(order())
    for order in (lambda: service.pause(by="ann"), service.resume):
        with pytest.raises(NotAllowed, match="nothing to pause"):
            harness.do(order())
    assert decide(harness, found, Choice.IGNORE).taken == 1
    assert_never_written(harness)


def test_what_was_approved_before_is_not_carried_out_in_shadow(build_harness):
    """Its receipt says why, instead of numbers that nobody has written."""
    harness = build_harness(opened=True, config=DEAF)
    deafen(harness, "us")
    harness.shops["us"].sell("SKU-0", 5)
    (found,) = proposals(harness, check(harness))
    service = harness.process.service

    async def decide_and_switch():
        clicked = await service.decide(found.token, Choice.ACCEPT, ANN, "x")
        await service.set_mode(Mode.OFF, by="ann")
        await service.set_mode(Mode.TWO_WAY, by="ann", shadow=True)
        return clicked

    clicked = harness.do(decide_and_switch())
    harness.advance(30)
    (line,) = harness.do(harness.process.service.receipt(clicked.receipt)).lines
    assert (line.done, line.why) == (False, NOTHING_WRITTEN)
    assert stock(harness) == {"eu": 50, "us": 45}


def test_another_app_that_keeps_the_stores_equal_is_noticed(build_harness):
    """Live, each of its changes would count a second time."""
    harness = begin(build_harness, items=4)
    for sku in harness.skus[:3]:
        harness.change_stock("us", sku, -2)
        harness.advance(1)
        harness.change_stock("eu", sku, -2)
    harness.change_stock("us", "SKU-3", -1)
    harness.advance(5)
    assert view(harness).wrong == {"doubled": 3}


def test_two_stores_that_sell_the_same_last_units_are_told(build_harness):
    harness = begin(build_harness)
    for alias in harness.shops:
        harness.change_stock(alias, "SKU-0", -30)
        harness.advance(2)
    assert view(harness).wrong == {"oversold": 1}
    assert_never_written(harness)


def test_a_store_is_never_asked_whether_a_reading_holds(build_harness):
    """That is a request to write, though one that changes nothing."""
    harness = begin(build_harness, may_write=True)
    faults = harness.shops["us"].faults
    faults.read_lag = faults.read_lag_at_least = 25.0
    harness.advance(30)
    harness.change_stock("us", "SKU-0", -3)
    harness.advance(3)
    item = harness.shops["us"].item("SKU-0").id
    now = harness.process.context.clock.now()
    harness.process.database.run(lambda tx: tx.refreshes.refresh_items("us", [item], now=now))
    harness.process.context.store_work.notify()
    harness.advance(120)
    assert view(harness).changes == 1
    assert_never_written(harness)
    assert_conserved(harness)


@pytest.mark.parametrize("seed", range(3))
def test_no_store_is_ever_written_in_shadow(build_harness, seed):
    """Random sales, restocks, lost webhooks, deaths, restarts and clicks on whatever is offered."""
    rng = Random(seed)
    harness = begin(build_harness, items=3, stores=3, may_write=True, seed=seed)
    for _ in range(40):
        match rng.randrange(8):
            case 0:
                harness.process.fuse.left = rng.randrange(1, 12)
            case 1:
                deafen(harness, rng.choice(list(harness.shops)))
            case 2:
                click_something(harness, rng)
            case _:
                alias, sku = rng.choice(list(harness.shops)), rng.choice(harness.skus)
                harness.change_stock(alias, sku, rng.choice([-20, -5, -1, 3, 10]))
        harness.advance(rng.choice([0, 0.1, 1, 5]))
    harness.advance(30)
    assert_never_written(harness)
    assert_conserved(harness)


def click_something(harness, rng):
    """Look, and click on whatever there is; every choice that writes is refused."""
    levels = [row["id"] for row in harness.rows("SELECT id FROM level")]

    async def look_and_click(service):
        parts = service._database, service._stores, service._clock, service._ids
        await Proposer(*parts).examine(levels, None)
        for row in harness.rows("SELECT token FROM proposal WHERE state = 'open'"):
            proposal = await service.proposal(row["token"])
            for option in proposal.options:
                try:
                    await service.decide(proposal.token, option.choice, ANN, "x", number=7)
                except NotAllowed:
                    continue

    harness.ask(look_and_click)


def test_a_restart_and_a_second_process_stay_in_shadow(build_harness, empty_postgres_url):
    """It is a row: whoever writes reads it in the transaction that plans."""
    harness = begin(build_harness, url=empty_postgres_url, may_write=True)
    second = Process(harness)
    try:
        for alias in ("us", "eu", "us"):
            harness.change_stock(alias, "SKU-0", -1)
            harness.advance(1)
        harness.kill()
        harness.start()
        harness.advance(20)
        assert view(harness).changes == 3
        assert_never_written(harness)
        harness.set_mode(Mode.TWO_WAY)
        harness.advance(20)
        harness.change_stock("us", "SKU-1", -1)
        harness.advance(10)
        assert stock(harness, "SKU-1") == {"eu": 49, "us": 49}
        assert_conserved(harness)
    finally:
        harness.end(second)


def test_live_is_at_rest_after_shadow(build_harness):
    """All is green again: nothing is left due, read or open."""
    harness = begin(build_harness, may_write=True)
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(3)
    harness.change_stock("us", "SKU-0", 5)
    harness.advance(3)
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(700)
    assert_at_rest(harness)
    assert_conserved(harness)
