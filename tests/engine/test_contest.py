"""Another app sets the stock, too: the two do not write against each other for long."""

import json

import pytest
from sqlalchemy import text

from sync_core.domain.contest import KIND
from sync_core.domain.proposals import Answer, Choice, Person, ProposalState
from sync_core.domain.standing import State, standing
from sync_core.domain.values import Alias, Mode
from tests.simulation.copiers import (
    CopiesLate,
    HoldsOne,
    HoldsTotals,
    KeepsSomeBack,
    PassesOn,
)
from tests.simulation.house import assert_conserved

EU, US, UK = Alias("eu"), Alias("us"), Alias("uk")
ANN = Person(team="T1", id="U1", name="ann")
SKU = "SKU-0"


def notices(home):
    return [
        (row["over"], json.loads(row["facts"]) if isinstance(row["facts"], str) else row["facts"])
        for row in home.rows("SELECT over, facts FROM notice WHERE kind = 'contested' ORDER BY id")
    ]


def stopped(home):
    rows = home.rows("SELECT store FROM level WHERE suspended = 'contested' ORDER BY id")
    return [row["store"] for row in rows]


def question(home):
    standing_now = home.do(home.process.service.standing())
    [asked] = [asked for found, asked in standing_now if found.kind == KIND]
    return asked


def resume(home, seconds=10):
    clicked = home.do(
        home.process.service.decide(question(home).token, Choice.RESUME, ANN, "listed")
    )
    assert clicked.answer is Answer.TAKEN
    home.process.context.papers.ring()
    home.advance(seconds)
    return clicked


def sell(home, alias, units):
    """Sell where the other app looks only in the next second: Tipo can tell the two apart at once.

    What both do within one second takes up to a minute, as any doubt about an old value does.
    """
    home.advance((0.5 - home.loop.passed) % 1)
    home.act(alias, SKU, -units)


def written(home):
    return sum(len(home.written(alias, SKU)) for alias in home.shops)


def shown(home, sku=SKU):
    return [home.shows(alias, sku) for alias in home.shops]


def advance_until_told(home, *, limit):
    """Let time pass until people are told; return the seconds that took."""
    began = home.loop.passed
    while not notices(home):
        assert home.loop.passed - began < limit, "nobody is told"
        home.advance(0.5)
    return home.loop.passed - began


def assert_green(home, *, is_equal=True):
    """All is in sync, nothing is open, nothing waits."""
    home.advance(100)  # what both did within one second is the truth a minute later
    if is_equal:
        assert len(set(shown(home))) == 1
    assert_conserved(home)
    assert stopped(home) == []
    overview = home.do(home.process.service.overview())
    assert (overview.findings, overview.unhandled) == (0, 0)
    assert standing(overview, serving=True, compared=True).state is State.IN_SYNC
    assert home.rows("SELECT id FROM proposal WHERE state IN ('open', 'approved')") == []
    assert home.rows("SELECT id FROM level WHERE due OR open OR look_at IS NOT NULL") == []


@pytest.fixture
def home(house):
    return house(opened=True, items=1)


def test_it_is_told_and_resumed_on_postgresql(house, empty_postgres_url):
    home = house(items=1, url=empty_postgres_url)
    home.open()
    home.advance(10)
    other = HoldsTotals(home)
    sell(home, US, 5)
    advance_until_told(home, limit=60)
    home.advance(60)
    assert stopped(home) == ["eu"]
    assert [over for over, _ in notices(home)] == [False]
    other.stop()
    resume(home)
    assert_green(home)


def test_an_app_that_holds_its_own_totals_is_told_within_seconds(home):
    """Measured before: two writes a second, as long as both ran, and nobody was told."""
    other = HoldsTotals(home)
    sell(home, US, 5)
    seconds = advance_until_told(home, limit=60)
    assert seconds <= 10
    assert written(home) <= 6
    [(over, facts)] = notices(home)
    assert not over
    assert (facts["title"], facts["store"], facts["pattern"]) == ("Thing 0", "eu", "undone")
    assert (facts["times"], facts["units"], facts["follows"]) == (3, 5, False)

    home.advance(600)
    assert stopped(home) == ["eu"]
    assert written(home) <= 8, "the loop is broken"
    assert len(notices(home)) == 1
    assert_conserved(home)

    other.stop()
    resume(home)
    assert len(set(shown(home))) == 1
    assert [over for over, _ in notices(home)] == [0, 1]
    assert notices(home)[-1][1]["ended"] == "resumed"
    sell(home, EU, 1)
    home.advance(5)
    assert len(set(shown(home))) == 1
    assert_green(home)


def test_stopped_means_not_written_to_and_nothing_else(house):
    """What is sold in the stopped store is counted, and reaches every other; and back, later."""
    home = house(opened=True, items=1, stores=3)
    other = HoldsOne(home)
    for _ in range(3):
        sell(home, US, 5)
        home.advance(10)
    assert stopped(home) == ["eu"]
    other.stop()
    before = shown(home)
    sell(home, US, 2)
    home.advance(5)
    assert shown(home) == [before[0], before[1] - 2, before[2] - 2]
    sell(home, EU, 3)
    sell(home, UK, 1)
    home.advance(10)
    assert shown(home)[1:] == [before[1] - 6, before[2] - 6]
    assert home.shows(EU, SKU) == before[0] - 3
    assert_conserved(home)
    assert len(notices(home)) == 1
    home.advance(700)
    assert stopped(home) == ["eu"], "catch-up lifts nothing"
    resume(home)
    assert len(set(shown(home))) == 1
    assert_green(home)


def test_resumed_too_early_it_is_told_again_and_not_at_once(home):
    """What happened before the click counts no more."""
    other = HoldsTotals(home)
    sell(home, US, 5)
    advance_until_told(home, limit=60)
    resume(home, seconds=10)
    assert stopped(home) == []
    sell(home, US, 5)
    home.advance(1.5)
    assert stopped(home) == [], "one answer is not three"
    home.advance(60)
    assert len(stopped(home)) == 1
    assert [over for over, _ in notices(home)] == [0, 1, 0]
    other.stop()
    resume(home)
    home.advance(30)
    assert len(set(shown(home))) == 1
    assert_green(home)


def test_a_full_copy_each_minute_is_told_after_three(home):
    """It undoes all that was written since the copy before."""
    other = HoldsTotals(home, every=60)
    for _ in range(5):
        sell(home, US, 2)
        home.advance(25)
        sell(home, US, 1)
        home.advance(35)
    [(_, facts)] = notices(home)
    assert (facts["pattern"], facts["times"]) == ("undone", 3)
    other.stop()
    home.advance(5)
    resume(home)
    home.advance(10)
    assert len(set(shown(home))) == 1
    assert_green(home)


def test_an_app_that_keeps_a_share_back_is_told(home):
    other = KeepsSomeBack(home)
    advance_until_told(home, limit=30)
    other.stop()
    home.advance(5)
    resume(home)
    home.advance(10)
    assert len(set(shown(home))) == 1
    assert_green(home)


@pytest.mark.parametrize("orders", [True, False], ids=["orders seen", "orders unseen"])
def test_an_old_total_copied_to_and_fro_is_told(house, orders):
    """It never touches the level that we write to: only our own updates show it."""
    home = house(opened=True, items=2, orders=orders)
    other = CopiesLate(home, every=0.1, late=2.5)
    for _ in range(3):
        home.act(US, SKU, -5)
        home.advance(0.4)
    told_while_others_sell(home, limit=120)
    assert notices(home)[0][1]["pattern"] == "to_and_fro"
    other.stop()
    home.advance(5)
    resume(home)
    assert_green(home)


def told_while_others_sell(home, *, limit):
    """Let time pass until people are told; the stores sell something else meanwhile."""
    for _ in range(limit):
        home.shops[US].sell("SKU-1", 1, race=True)
        home.shops[EU].sell("SKU-1", 1, race=True)
        home._mail.ring()
        home.advance(1)
        if any(facts["title"] == "Thing 0" for _, facts in notices(home)):
            return
    raise AssertionError("nobody is told")


def test_an_app_that_passes_on_each_change_is_told(house):
    """A sale runs away downwards. With orders to be seen, nobody takes it for sales."""
    home = house(opened=True, items=1, orders=True)
    for shop in home.shops.values():  # something that is not synced, but ordered
        shop.set_sku(shop.add_product("Card", f"card-{shop.domain}").variants[0].item.id, "CARD")
    other = PassesOn(home, every=1.5)
    home.act(US, SKU, -5)
    for _ in range(60):
        for shop in home.shops.values():
            shop.sell("CARD", 1, race=True)
        home.advance(1)
        if notices(home):
            break
    assert notices(home)[0][1]["pattern"] == "repeated"
    other.stop()
    home.advance(5)
    resume(home)
    home.advance(100)
    assert len(set(shown(home))) == 1
    assert_conserved(home)


def test_a_restock_that_runs_away_is_told_without_orders(home):
    other = PassesOn(home, every=1.5)
    home.act(US, SKU, 5)
    advance_until_told(home, limit=60)
    assert notices(home)[0][1]["pattern"] == "repeated"
    other.stop()
    home.advance(5)
    resume(home)
    home.advance(10)
    assert len(set(shown(home))) == 1
    assert_green(home)


@pytest.mark.parametrize("stores", [2, 3])
def test_one_product_is_one_alert_however_many_of_its_levels_stop(house, stores):
    home = house(opened=True, items=1, stores=stores)
    other = HoldsTotals(home)
    for _ in range(6):
        sell(home, US, 1)
        sell(home, EU, 2)
        home.advance(20)
    assert stopped(home)
    assert home.rows("SELECT count(*) AS n FROM finding WHERE closed_at IS NULL")[0]["n"] == 1
    assert len({facts["pool"] for _, facts in notices(home)}) == 1
    other.stop()
    home.advance(5)
    resume(home)
    home.advance(10)
    assert len(set(shown(home))) == 1
    assert_green(home)


def test_it_is_found_out_by_a_process_that_was_not_there(home):
    """The history is in the database: a restart forgets nothing."""
    other = HoldsOne(home)
    for _ in range(3):
        sell(home, US, 5)
        home.advance(4)
        home.kill()
        home.advance(4)
    assert stopped(home) == ["eu"]
    assert len(notices(home)) == 1
    home.kill()
    home.advance(20)
    assert stopped(home) == ["eu"]
    other.stop()
    resume(home)
    assert len(set(shown(home))) == 1
    assert_green(home)


def test_where_people_decide_in_between_it_counts_anew(home):
    """What was pending for a stopped level waits for its own answer."""
    HoldsOne(home).stop()
    for _ in range(2):
        sell(home, US, 5)
        home.advance(3)
        home.shops[EU].edit(SKU, to=50)
        home.advance(10)
    assert stopped(home) == []


def test_packs_and_buffers_are_compared_in_the_stores_own_units(home):
    """Six shared units are one pack in us, and four are kept back from it."""
    home.advance(5)

    def pack(ledger):
        ledger.run(text("UPDATE level SET pack = 6, buffer = 2, due = true WHERE store = 'us'"))

    home.do(home.process.database.step(pack))
    home.process.context.work.ring()
    home.advance(5)
    assert shown(home) == [50, 8]
    for _ in range(3):
        sell(home, EU, 6)
        home.advance(4)
        home.shops[US].edit(SKU, to=8)
        home._mail.ring()
        home.advance(4)
    assert stopped(home) == ["us"]
    assert notices(home)[0][1]["units"] == 1
    resume(home)
    assert_green(home, is_equal=False)
    assert shown(home) == [50, 8]


@pytest.fixture
def overwritten(home):
    """A store that only follows, and somebody who types his own number there again and again."""
    home.set_mode(Mode.ONE_WAY)
    home.advance(10)
    for n in range(4):
        assert stopped(home) == [], n
        home.shops[US].edit(SKU, to=60)
        home._mail.ring()
        home.advance(5)
        sell(home, EU, 1)
        home.advance(5)
    return home


def test_somebody_who_types_his_number_three_times_is_told_why_it_does_not_last(overwritten):
    """Tipo overwrites it with the next sale. Whether it is an app or a person, both must know."""
    home = overwritten
    assert stopped(home) == ["us"]
    [(_, facts)] = notices(home)
    assert (facts["store"], facts["pattern"], facts["follows"]) == ("us", "undone", True)
    assert shown(home) == [46, 60], "his number stays until somebody decides"
    resume(home)
    assert_green(home)
    assert shown(home) == [46, 46]


def test_corrections_by_hand_in_a_store_that_only_follows_are_nothing(home):
    home.set_mode(Mode.ONE_WAY)
    home.advance(10)
    for _ in range(4):
        home.shops[US].edit(SKU, by=1)
        home._mail.ring()
        home.advance(5)
        sell(home, EU, 1)
        home.advance(5)
    assert notices(home) == []
    assert_green(home)


def test_a_change_of_mode_compares_anew_and_ends_the_alert(overwritten):
    home = overwritten
    token = question(home).token
    home.set_mode(Mode.TWO_WAY)
    home.process.context.papers.ring()
    home.advance(90)
    assert stopped(home) == []
    assert [(over, facts.get("ended")) for over, facts in notices(home)] == [
        (0, None),
        (1, "started_over"),
    ]
    clicked = home.do(home.process.service.decide(token, Choice.RESUME, ANN, "listed"))
    assert clicked.answer is Answer.OUTDATED


def test_nobody_resumes_twice(home):
    other = HoldsTotals(home)
    sell(home, US, 5)
    advance_until_told(home, limit=60)
    other.stop()
    token = question(home).token
    resume(home)
    again = home.do(home.process.service.decide(token, Choice.RESUME, ANN, "listed"))
    assert again.answer is Answer.ALREADY
    assert again.proposal.state is ProposalState.DONE


def test_sales_whose_orders_are_late_are_no_contest(house):
    """In both stores by turns: each moves by what we have just written there, unexplained."""
    home = house(opened=True, items=1, orders=True)
    for number in range(20):
        home.shops[(EU, US)[number % 2]].restock(SKU, -1)
        home._mail.ring()
        home.advance(2.1)
    assert notices(home) == []
    assert_green(home)
