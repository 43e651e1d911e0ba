"""Another app sets the stock, too: the two do not write against each other for long."""

import json

import pytest
from sqlalchemy import text

from sync_core.domain.contests import FINDING_KIND
from sync_core.domain.proposals import Answer, Choice, Person, ProposalState
from sync_core.domain.sync_status import SyncState, sync_status
from sync_core.domain.values import Alias, Mode
from tests.simulation.harness import assert_conserved
from tests.simulation.rival_apps import (
    AddsChanges,
    CopiesLate,
    SetsFirstStore,
    SetsNineTenths,
    SetsTotals,
)

EU, US, UK = Alias("eu"), Alias("us"), Alias("uk")
ANN = Person(team="T1", id="U1", name="ann")
SKU = "SKU-0"


def notifications(harness):
    return [
        (
            row["resolved"],
            json.loads(row["facts"]) if isinstance(row["facts"], str) else row["facts"],
        )
        for row in harness.rows(
            "SELECT resolved, facts FROM notification WHERE kind = 'contested' ORDER BY id"
        )
    ]


def stopped(harness):
    rows = harness.rows("SELECT store FROM level WHERE suspended = 'contested' ORDER BY id")
    return [row["store"] for row in rows]


def question(harness):
    standing_now = harness.do(harness.process.service.open_findings())
    [asked] = [asked for found, asked in standing_now if found.kind == FINDING_KIND]
    return asked


def resume(harness, seconds=10):
    clicked = harness.do(
        harness.process.service.decide(question(harness).token, Choice.RESUME, ANN, "listed")
    )
    assert clicked.answer is Answer.TAKEN
    harness.process.context.requests.notify()
    harness.advance(seconds)
    return clicked


def sell(harness, alias, units):
    """Sell where the other app looks only in the next second: Tipo can tell the two apart at once.

    What both do within one second takes up to a minute, as any doubt about an old value does.
    """
    harness.advance((0.5 - harness.loop.passed) % 1)
    harness.change_stock(alias, SKU, -units)


def written(harness):
    return sum(len(harness.written(alias, SKU)) for alias in harness.shops)


def shown(harness, sku=SKU):
    return [harness.shows(alias, sku) for alias in harness.shops]


def advance_until_told(harness, *, limit):
    """Let time pass until people are told; return the seconds that took."""
    began = harness.loop.passed
    while not notifications(harness):
        assert harness.loop.passed - began < limit, "nobody is told"
        harness.advance(0.5)
    return harness.loop.passed - began


def assert_green(harness, *, is_equal=True):
    """All is in sync, nothing is open, nothing waits."""
    harness.advance(100)  # what both did within one second is the truth a minute later
    if is_equal:
        assert len(set(shown(harness))) == 1
    assert_conserved(harness)
    assert stopped(harness) == []
    overview = harness.do(harness.process.service.overview())
    assert (overview.findings, overview.unhandled) == (0, 0)
    assert sync_status(overview, serving=True, compared=True).state is SyncState.IN_SYNC
    assert harness.rows("SELECT id FROM proposal WHERE state IN ('open', 'approved')") == []
    assert harness.rows("SELECT id FROM level WHERE due OR open OR refresh_at IS NOT NULL") == []


@pytest.fixture
def harness(build_harness):
    return build_harness(opened=True, items=1)


def test_it_is_told_and_resumed_on_postgresql(build_harness, empty_postgres_url):
    harness = build_harness(items=1, url=empty_postgres_url)
    harness.open()
    harness.advance(10)
    other = SetsTotals(harness)
    sell(harness, US, 5)
    advance_until_told(harness, limit=60)
    harness.advance(60)
    assert stopped(harness) == ["eu"]
    assert [resolved for resolved, _ in notifications(harness)] == [False]
    other.stop()
    resume(harness)
    assert_green(harness)


def test_an_app_that_holds_its_own_totals_is_told_within_seconds(harness):
    """Measured before: two writes a second, as long as both ran, and nobody was told."""
    other = SetsTotals(harness)
    sell(harness, US, 5)
    seconds = advance_until_told(harness, limit=60)
    assert seconds <= 10
    assert written(harness) <= 6
    [(resolved, facts)] = notifications(harness)
    assert not resolved
    assert (facts["title"], facts["store"], facts["pattern"]) == ("Thing 0", "eu", "undone")
    assert (facts["times"], facts["units"], facts["follows"]) == (3, 5, False)

    harness.advance(600)
    assert stopped(harness) == ["eu"]
    assert written(harness) <= 8, "the loop is broken"
    assert len(notifications(harness)) == 1
    assert_conserved(harness)

    other.stop()
    resume(harness)
    assert len(set(shown(harness))) == 1
    assert [resolved for resolved, _ in notifications(harness)] == [0, 1]
    assert notifications(harness)[-1][1]["ended"] == "resumed"
    sell(harness, EU, 1)
    harness.advance(5)
    assert len(set(shown(harness))) == 1
    assert_green(harness)


def test_stopped_means_not_written_to_and_nothing_else(build_harness):
    """What is sold in the stopped store is counted, and reaches every other; and back, later."""
    harness = build_harness(opened=True, items=1, stores=3)
    other = SetsFirstStore(harness)
    for _ in range(3):
        sell(harness, US, 5)
        harness.advance(10)
    assert stopped(harness) == ["eu"]
    other.stop()
    before = shown(harness)
    sell(harness, US, 2)
    harness.advance(5)
    assert shown(harness) == [before[0], before[1] - 2, before[2] - 2]
    sell(harness, EU, 3)
    sell(harness, UK, 1)
    harness.advance(10)
    assert shown(harness)[1:] == [before[1] - 6, before[2] - 6]
    assert harness.shows(EU, SKU) == before[0] - 3
    assert_conserved(harness)
    assert len(notifications(harness)) == 1
    harness.advance(700)
    assert stopped(harness) == ["eu"], "catch-up lifts nothing"
    resume(harness)
    assert len(set(shown(harness))) == 1
    assert_green(harness)


def test_resumed_too_early_it_is_told_again_and_not_at_once(harness):
    """What happened before the click counts no more."""
    other = SetsTotals(harness)
    sell(harness, US, 5)
    advance_until_told(harness, limit=60)
    resume(harness, seconds=10)
    assert stopped(harness) == []
    sell(harness, US, 5)
    harness.advance(1.5)
    assert stopped(harness) == [], "one answer is not three"
    harness.advance(60)
    assert len(stopped(harness)) == 1
    assert [resolved for resolved, _ in notifications(harness)] == [0, 1, 0]
    other.stop()
    resume(harness)
    harness.advance(30)
    assert len(set(shown(harness))) == 1
    assert_green(harness)


def test_a_full_copy_each_minute_is_told_after_three(harness):
    """It undoes all that was written since the copy before."""
    other = SetsTotals(harness, every=60)
    for _ in range(5):
        sell(harness, US, 2)
        harness.advance(25)
        sell(harness, US, 1)
        harness.advance(35)
    [(_, facts)] = notifications(harness)
    assert (facts["pattern"], facts["times"]) == ("undone", 3)
    other.stop()
    harness.advance(5)
    resume(harness)
    harness.advance(10)
    assert len(set(shown(harness))) == 1
    assert_green(harness)


def test_an_app_that_keeps_a_share_back_is_told(harness):
    other = SetsNineTenths(harness)
    advance_until_told(harness, limit=30)
    other.stop()
    harness.advance(5)
    resume(harness)
    harness.advance(10)
    assert len(set(shown(harness))) == 1
    assert_green(harness)


@pytest.mark.parametrize("orders", [True, False], ids=["orders seen", "orders unseen"])
def test_an_old_total_copied_to_and_fro_is_told(build_harness, orders):
    """It never touches the level that we write to: only our own updates show it."""
    harness = build_harness(opened=True, items=2, orders=orders)
    other = CopiesLate(harness, every=0.1, late=2.5)
    for _ in range(3):
        harness.change_stock(US, SKU, -5)
        harness.advance(0.4)
    told_while_others_sell(harness, limit=120)
    assert notifications(harness)[0][1]["pattern"] == "to_and_fro"
    other.stop()
    harness.advance(5)
    resume(harness)
    assert_green(harness)


def told_while_others_sell(harness, *, limit):
    """Let time pass until people are told; the stores sell something else meanwhile."""
    for _ in range(limit):
        harness.shops[US].sell("SKU-1", 1, race=True)
        harness.shops[EU].sell("SKU-1", 1, race=True)
        harness._mail_wakeup.notify()
        harness.advance(1)
        if any(facts["title"] == "Thing 0" for _, facts in notifications(harness)):
            return
    raise AssertionError("nobody is told")


def test_an_app_that_passes_on_each_change_is_told(build_harness):
    """A sale runs away downwards. With orders to be seen, nobody takes it for sales."""
    harness = build_harness(opened=True, items=1, orders=True)
    for shop in harness.shops.values():  # something that is not synced, but ordered
        shop.set_sku(shop.add_product("Card", f"card-{shop.domain}").variants[0].item.id, "CARD")
    other = AddsChanges(harness, every=1.5)
    harness.change_stock(US, SKU, -5)
    for _ in range(60):
        for shop in harness.shops.values():
            shop.sell("CARD", 1, race=True)
        harness.advance(1)
        if notifications(harness):
            break
    assert notifications(harness)[0][1]["pattern"] == "repeated"
    other.stop()
    harness.advance(5)
    resume(harness)
    harness.advance(100)
    assert len(set(shown(harness))) == 1
    assert_conserved(harness)


def test_a_restock_that_runs_away_is_told_without_orders(harness):
    other = AddsChanges(harness, every=1.5)
    harness.change_stock(US, SKU, 5)
    advance_until_told(harness, limit=60)
    assert notifications(harness)[0][1]["pattern"] == "repeated"
    other.stop()
    harness.advance(5)
    resume(harness)
    harness.advance(10)
    assert len(set(shown(harness))) == 1
    assert_green(harness)


@pytest.mark.parametrize("stores", [2, 3])
def test_one_product_is_one_alert_however_many_of_its_levels_stop(build_harness, stores):
    harness = build_harness(opened=True, items=1, stores=stores)
    other = SetsTotals(harness)
    for _ in range(6):
        sell(harness, US, 1)
        sell(harness, EU, 2)
        harness.advance(20)
    assert stopped(harness)
    assert harness.rows("SELECT count(*) AS n FROM finding WHERE closed_at IS NULL")[0]["n"] == 1
    assert len({facts["pool"] for _, facts in notifications(harness)}) == 1
    other.stop()
    harness.advance(5)
    resume(harness)
    harness.advance(10)
    assert len(set(shown(harness))) == 1
    assert_green(harness)


def test_it_is_found_out_by_a_process_that_was_not_there(harness):
    """The history is in the database: a restart forgets nothing."""
    other = SetsFirstStore(harness)
    for _ in range(3):
        sell(harness, US, 5)
        harness.advance(4)
        harness.kill()
        harness.advance(4)
    assert stopped(harness) == ["eu"]
    assert len(notifications(harness)) == 1
    harness.kill()
    harness.advance(20)
    assert stopped(harness) == ["eu"]
    other.stop()
    resume(harness)
    assert len(set(shown(harness))) == 1
    assert_green(harness)


def test_where_people_decide_in_between_it_counts_anew(harness):
    """What was pending for a stopped level waits for its own answer."""
    SetsFirstStore(harness).stop()
    for _ in range(2):
        sell(harness, US, 5)
        harness.advance(3)
        harness.shops[EU].edit(SKU, to=50)
        harness.advance(10)
    assert stopped(harness) == []


def test_packs_and_buffers_are_compared_in_the_stores_own_units(harness):
    """Six shared units are one pack in us, and four are kept back from it."""
    harness.advance(5)

    def pack(tx):
        tx.run(text("UPDATE level SET pack = 6, buffer = 2, due = true WHERE store = 'us'"))

    harness.do(harness.process.database.transaction(pack))
    harness.process.context.store_work.notify()
    harness.advance(5)
    assert shown(harness) == [50, 8]
    for _ in range(3):
        sell(harness, EU, 6)
        harness.advance(4)
        harness.shops[US].edit(SKU, to=8)
        harness._mail_wakeup.notify()
        harness.advance(4)
    assert stopped(harness) == ["us"]
    assert notifications(harness)[0][1]["units"] == 1
    resume(harness)
    assert_green(harness, is_equal=False)
    assert shown(harness) == [50, 8]


@pytest.fixture
def overwritten(harness):
    """A store that only follows, and somebody who types his own number there again and again."""
    harness.set_mode(Mode.ONE_WAY)
    harness.advance(10)
    for n in range(4):
        assert stopped(harness) == [], n
        harness.shops[US].edit(SKU, to=60)
        harness._mail_wakeup.notify()
        harness.advance(5)
        sell(harness, EU, 1)
        harness.advance(5)
    return harness


def test_somebody_who_types_his_number_three_times_is_told_why_it_does_not_last(overwritten):
    """Tipo overwrites it with the next sale. Whether it is an app or a person, both must know."""
    harness = overwritten
    assert stopped(harness) == ["us"]
    [(_, facts)] = notifications(harness)
    assert (facts["store"], facts["pattern"], facts["follows"]) == ("us", "undone", True)
    assert shown(harness) == [46, 60], "his number stays until somebody decides"
    resume(harness)
    assert_green(harness)
    assert shown(harness) == [46, 46]


def test_corrections_by_hand_in_a_store_that_only_follows_are_nothing(harness):
    harness.set_mode(Mode.ONE_WAY)
    harness.advance(10)
    for _ in range(4):
        harness.shops[US].edit(SKU, by=1)
        harness._mail_wakeup.notify()
        harness.advance(5)
        sell(harness, EU, 1)
        harness.advance(5)
    assert notifications(harness) == []
    assert_green(harness)


def test_a_change_of_mode_compares_anew_and_ends_the_alert(overwritten):
    harness = overwritten
    token = question(harness).token
    harness.set_mode(Mode.TWO_WAY)
    harness.process.context.requests.notify()
    harness.advance(90)
    assert stopped(harness) == []
    assert [(resolved, facts.get("ended")) for resolved, facts in notifications(harness)] == [
        (0, None),
        (1, "started_over"),
    ]
    clicked = harness.do(harness.process.service.decide(token, Choice.RESUME, ANN, "listed"))
    assert clicked.answer is Answer.OUTDATED


def test_nobody_resumes_twice(harness):
    other = SetsTotals(harness)
    sell(harness, US, 5)
    advance_until_told(harness, limit=60)
    other.stop()
    token = question(harness).token
    resume(harness)
    again = harness.do(harness.process.service.decide(token, Choice.RESUME, ANN, "listed"))
    assert again.answer is Answer.ALREADY
    assert again.proposal.state is ProposalState.DONE


def test_sales_whose_orders_are_late_are_no_contest(build_harness):
    """In both stores by turns: each moves by what we have just written there, unexplained."""
    harness = build_harness(opened=True, items=1, orders=True)
    for number in range(20):
        harness.shops[(EU, US)[number % 2]].restock(SKU, -1)
        harness._mail_wakeup.notify()
        harness.advance(2.1)
    assert notifications(harness) == []
    assert_green(harness)
