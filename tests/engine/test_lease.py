"""One engine per store, one history: who finds another's mark, or a longer one, writes nothing."""

import pytest

from sandbox.faults import Answer
from sync_core.domain.lease import Mark
from sync_core.domain.values import Alias, Mode, PoolId
from sync_core.errors import MarkChanged
from sync_core.workers.weak_mark import WeakMark
from tests.simulation.house import Rival, assert_at_rest, assert_conserved

EU, US, UK = Alias("eu"), Alias("us"), Alias("uk")


def states(house):
    return {row["store"]: row["state"] for row in house.rows("SELECT store, state FROM lease")}


def open_findings(house, *kinds):
    rows = house.rows("SELECT kind, subject FROM finding WHERE closed_at IS NULL")
    return sorted(row["subject"] for row in rows if row["kind"] in kinds)


def take_over(house, alias):
    """Say what a person says."""
    now = house.clock.now()
    house.do(
        house.process.database.step(lambda ledger: ledger.start_takeover(alias, "ann", now=now))
    )
    house.process.context.papers.ring()


def shown(house, sku="SKU-0"):
    return tuple(house.shows(alias, sku) for alias in house.shops)


def written(house):
    return sum(len(house.written(alias, sku)) for alias in house.shops for sku in house.skus)


@pytest.fixture
def home(house):
    return house(opened=True)


def test_a_store_keeps_our_mark_and_we_renew_it(home):
    home.advance(3600)
    assert states(home) == {"eu": "ours", "us": "ours"}
    marks = [shop.counts.marks for shop in home.shops.values()]
    assert all(100 <= each <= 130 for each in marks), marks
    # One mutation of 10 points in 30 seconds.
    assert 10 * max(marks) / 3600 < 0.5


def test_a_second_engine_with_a_new_database_writes_nothing(home):
    """One sale once became minus 35 in 45 seconds."""
    second = Rival(home)
    home.advance(5)
    second.set_mode(Mode.TWO_WAY)
    home.act(US, "SKU-0", -5)
    home.advance(120)
    assert shown(home) == (45, 45)
    assert written(home) == 1
    assert states(second) == {"eu": "foreign", "us": "foreign"}
    assert open_findings(second, "lease") == ["store:eu", "store:us"]
    assert states(home) == {"eu": "ours", "us": "ours"}
    assert open_findings(home, "lease") == []


def test_the_second_goes_on_listening_and_accounting(home):
    """What it hears is counted, so that it knows the present when it is asked."""
    second = Rival(home)
    home.advance(5)
    second.set_mode(Mode.TWO_WAY)
    home.advance(10)
    home.act(US, "SKU-0", -5)
    home.advance(10)
    books = {row["book"] for row in second.rows("SELECT book FROM level WHERE met")}
    assert 45 in books
    assert_conserved(second)


def test_two_that_start_in_the_same_second_have_one_winner(house):
    home = house()
    second = Rival(home)
    home.advance(10)
    owners = [states(home), states(second)]
    for alias in home.shops:
        assert sorted(each[alias] for each in owners) == ["foreign", "ours"]


def test_whoever_takes_over_fences_the_other_out_and_starts_from_present_numbers(home):
    """The other stops within one renewal; the taker waits, takes a new baseline, and writes."""
    second = Rival(home)
    home.advance(5)
    second.set_mode(Mode.TWO_WAY)
    home.advance(5)
    home.act(US, "SKU-0", -5)
    home.advance(5)
    for alias in (EU, US):
        take_over(second, alias)
    home.advance(35)
    assert states(home) == {"eu": "foreign", "us": "foreign"}
    assert states(second) == {"eu": "taking_over", "us": "taking_over"}
    assert open_findings(home, "lease") == ["store:eu", "store:us"]
    home.advance(60)
    assert states(second) == {"eu": "ours", "us": "ours"}
    assert open_findings(second, "lease") == []
    home.act(US, "SKU-0", -5)
    home.advance(30)
    assert shown(home) == (40, 40)
    assert written(home) == 2
    for each in (home, second):
        assert_conserved(each)


def test_a_takeover_while_a_batch_is_in_flight_loses_nothing(home):
    """The first engine's write arrives seconds after the second has said that it takes over."""
    second = Rival(home)
    home.advance(5)
    second.set_mode(Mode.TWO_WAY)
    home.advance(5)
    home.shops[EU].faults.mutations_only = True
    home.shops[EU].faults.late_by = 20.0
    home.shops[EU].faults.next = [Answer.LATE]
    home.act(US, "SKU-0", -5)
    home.advance(1)
    for alias in (EU, US):
        take_over(second, alias)
    home.advance(200)
    assert states(second) == {"eu": "ours", "us": "ours"}
    assert shown(home) == (45, 45)
    home.act(EU, "SKU-0", -3)
    home.advance(60)
    assert shown(home) == (42, 42)
    assert_conserved(second)


def test_it_can_be_taken_back(home):
    """Ping, pong: each takeover is a new baseline, and no unit is counted twice."""
    second = Rival(home)
    home.advance(5)
    second.set_mode(Mode.TWO_WAY)
    for alias in (EU, US):
        take_over(second, alias)
    home.advance(100)
    home.act(US, "SKU-0", -5)
    home.advance(20)
    for alias in (EU, US):
        take_over(home, alias)
    home.advance(100)
    home.act(EU, "SKU-0", -1)
    home.advance(60)
    assert states(home) == {"eu": "ours", "us": "ours"}
    assert states(second) == {"eu": "foreign", "us": "foreign"}
    assert shown(home) == (44, 44)
    assert_conserved(home)
    assert_at_rest(home)


def test_a_process_that_dies_while_it_takes_over_goes_on_with_it(home):
    """Its mark is in the store by then: that alone must not let it write without a baseline."""
    second = Rival(home)
    home.advance(5)
    second.set_mode(Mode.TWO_WAY)
    home.advance(5)
    for alias in (EU, US):
        take_over(second, alias)
    home.advance(10)
    second.kill()
    home.act(US, "SKU-0", -5)
    second.start()
    home.advance(30)
    assert states(second) == {"eu": "taking_over", "us": "taking_over"}
    home.advance(100)
    assert states(second) == {"eu": "ours", "us": "ours"}
    home.advance(60)
    assert_conserved(second)


def test_one_store_of_three_is_taken_over_and_the_others_go_on(house):
    home = house(stores=3, opened=True)
    second = Rival(home)
    home.advance(5)
    take_over(second, UK)
    home.advance(100)
    assert states(home) == {"eu": "ours", "us": "ours", "uk": "foreign"}
    home.act(US, "SKU-0", -5)
    home.advance(10)
    assert shown(home) == (45, 45, 50)
    assert_conserved(home)
    take_over(home, UK)
    home.advance(100)
    # The store's number is taken as it is: it differs, and a person decides.
    assert shown(home) == (45, 45, 50)
    assert open_findings(home, "lease") == []
    assert len(open_findings(home, "differs")) == 1
    home.act(EU, "SKU-1", -2)
    home.advance(10)
    assert shown(home, "SKU-1") == (48, 48, 48)
    assert_conserved(home)


def test_yesterdays_backup_writes_nothing_until_a_person_says_so(home, tmp_path):
    """Sales since then were applied twice: 40 where 45 were left."""
    home.act(EU, "SKU-0", 3)
    home.act(US, "SKU-0", -3)
    home.advance(10)
    copy = home.backup(tmp_path / "yesterday.db")
    home.act(US, "SKU-0", -5)
    home.advance(60)
    assert shown(home) == (45, 45)
    home.restore(copy)
    home.advance(1300)  # two rounds of catch-up
    assert shown(home) == (45, 45)
    assert open_findings(home, "older_database") == ["database"]
    take_over(home, US)
    home.advance(100)
    assert states(home) == {"eu": "ours", "us": "ours"}
    assert open_findings(home, "older_database") == []
    assert open_findings(home, "differs") == []
    home.act(EU, "SKU-0", -1)
    home.advance(10)
    assert shown(home) == (44, 44)
    assert_conserved(home)
    assert_at_rest(home)
    told = home.do(home.process.service.history(PoolId(1)))
    assert [(each.kind, each.delta) for each in told][-3:] == [
        ("gap", 0),
        ("movement", -1),
        ("adjustment", -1),
    ]
    assert told[-3].cause == "ann: numbers taken as they were, since this database was older"


def test_a_backup_is_noticed_also_when_the_mark_was_renewed_just_before_it(home, tmp_path):
    """Each start is a later epoch: a copy from before it is older, whatever has happened since."""
    copy = home.backup(tmp_path / "old.db")
    home.kill()
    home.start()
    home.advance(10)
    home.act(US, "SKU-0", -5)
    home.advance(5)
    home.restore(copy)
    home.advance(30)
    assert open_findings(home, "older_database") == ["database"]
    assert shown(home) == (45, 45)


def test_what_is_older_in_one_store_stops_the_writing_in_every_store(home, tmp_path):
    """The mark of one store is renewed a little before the other's: one of them may look right."""
    copy = home.backup(tmp_path / "old.db")
    home.act(US, "SKU-0", -5)
    home.advance(60)
    home.kill()
    for shop in (home.shops[EU],):
        shop.metafields.clear()
    home.restore(copy)
    home.advance(60)
    assert states(home)["us"] == "older"
    home.act(US, "SKU-1", -3)
    home.advance(60)
    assert shown(home, "SKU-1") == (50, 47), "not even a store whose mark looks right is written to"


def test_a_copy_of_the_database_that_runs_beside_it_is_found_out(home, tmp_path):
    """Same instance, same history: the one that started later has the later epoch."""
    copy = home.backup(tmp_path / "staging.db")
    staging = Rival(home, "staging", copy_of=copy)
    home.advance(60)
    both = states(home), states(staging)
    assert all(sorted(each[alias] for each in both) == ["older", "ours"] for alias in home.shops)
    home.act(US, "SKU-0", -5)
    home.advance(60)
    assert shown(home) == (45, 45)


def test_a_store_that_is_down_loses_no_lease(home):
    """Writing goes on as soon as it answers; nobody else has taken it."""
    home.shops[EU].faults.outage = True
    home.act(US, "SKU-0", -5)
    home.advance(3600)
    assert states(home) == {"eu": "ours", "us": "ours"}
    home.shops[EU].faults.outage = False
    home.advance(90)
    assert shown(home) == (45, 45)
    assert open_findings(home, "lease", "older_database", "unreachable") == []


def test_an_engine_that_is_cut_off_from_the_store_stops_by_itself(home):
    """It cannot know whether somebody else has taken over meanwhile."""
    permits, clock = home.process.context.permits, home.clock
    assert permits.may_write(EU, clock.monotonic())
    home.shops[EU].faults.outage = True
    home.advance(76)
    assert not permits.may_write(EU, clock.monotonic())
    assert permits.may_write(US, clock.monotonic())


def test_a_token_that_may_not_keep_a_mark_goes_on_with_the_weaker_one(house):
    home = house(opened=True)
    for shop in home.shops.values():
        shop.faults.no_metafields = True
        for each in shop.post.subscriptions.values():
            each.name = None
    home.kill()
    for shop in home.shops.values():
        shop.post.subscriptions.clear()
    home.start()
    home.advance(30)
    assert open_findings(home, "weak_mark") == ["store:eu", "store:us"]
    home.act(US, "SKU-0", -5)
    home.advance(10)
    assert shown(home) == (45, 45)
    second = Rival(home)
    home.advance(10)
    second.set_mode(Mode.TWO_WAY)
    home.advance(60)
    assert states(second) == {"eu": "foreign", "us": "foreign"}
    assert states(home) == {"eu": "ours", "us": "ours"}, "whoever was first goes on"
    home.act(US, "SKU-0", -1)
    home.advance(10)
    assert shown(home) == (44, 44)


def test_a_store_that_lets_us_keep_a_mark_again_gets_a_full_one(house):
    """Without a restart; and from then on a second Tipo is seen before it writes."""
    home = house(opened=True)
    for shop in home.shops.values():
        shop.metafields.clear()
        shop.faults.no_metafields = True
    home.advance(120)
    assert open_findings(home, "weak_mark") == ["store:eu", "store:us"]
    since = {row["store"]: row["since"] for row in home.rows("SELECT store, since FROM lease")}
    for shop in home.shops.values():
        shop.faults.no_metafields = False
    home.advance(100)
    assert open_findings(home, "weak_mark") == []
    assert since == {row["store"]: row["since"] for row in home.rows("SELECT * FROM lease")}
    second = Rival(home)
    home.advance(30)
    assert [len(shop.metafields) for shop in home.shops.values()] == [1, 1]
    assert states(home) == {"eu": "ours", "us": "ours"}
    assert states(second) == {"eu": "foreign", "us": "foreign"}
    home.act(EU, "SKU-0", -1)
    home.advance(10)
    assert shown(home) == (49, 49)
    assert_conserved(home)


def test_a_store_that_goes_on_keeping_no_mark_costs_no_lease_and_no_news(house):
    """It is asked for a full mark again each minute: writing goes on, and nobody is told twice."""
    home = house(opened=True)
    home.shops[US].faults.no_metafields = True
    home.advance(1800)
    told = "SELECT count(*) AS n FROM notice WHERE kind = 'weak_mark'"
    assert [row["n"] for row in home.rows(told)] == [1]
    assert states(home) == {"eu": "ours", "us": "ours"}
    home.act(EU, "SKU-0", -1)
    home.advance(10)
    assert shown(home) == (49, 49)


def test_a_takeover_by_the_weaker_mark_ends_with_the_full_one(house):
    """While somebody has to answer, or takes over, the kind of the mark stays what it was."""
    home = house(opened=True)
    for shop in home.shops.values():
        shop.metafields.clear()
        shop.faults.no_metafields = True
    home.advance(120)
    second = Rival(home)
    home.advance(5)
    second.set_mode(Mode.TWO_WAY)
    home.advance(5)
    assert states(second) == {"eu": "foreign", "us": "foreign"}
    for alias in (EU, US):
        take_over(second, alias)
    home.advance(35)
    assert states(home) == {"eu": "foreign", "us": "foreign"}, "it is fenced out before 60 s"
    for shop in home.shops.values():
        shop.faults.no_metafields = False
    home.advance(200)
    assert states(second) == {"eu": "ours", "us": "ours"}
    assert states(home) == {"eu": "foreign", "us": "foreign"}
    assert open_findings(second, "weak_mark") == []
    home.act(US, "SKU-0", -5)
    home.advance(60)
    assert shown(home) == (45, 45)
    assert_conserved(second)


def test_the_weaker_mark_is_renewed_only_while_we_were_first(home):
    """It stands in for compare-and-set: whoever renews looks first whose the store is."""
    weak = WeakMark(home.process.context, home.process.stores[EU])
    held = home.do(weak.mark())
    assert held.mark is None
    mark = Mark(instance=held.digest, renewal="r", at=home.clock.now())
    assert home.do(weak.set_mark(mark, held.digest)) == held.digest
    for each in home.shops[EU].post.subscriptions.values():
        each.name = f"tipo-other-{each.id}"
    with pytest.raises(MarkChanged):
        home.do(weak.set_mark(mark, held.digest))
    assert home.do(weak.mark()).mark.instance == "other"
    assert home.do(weak.set_mark(mark, "other")) == ""
    assert not home.shops[EU].post.subscriptions


def test_whoever_was_asked_by_the_weaker_mark_is_asked_until_they_answer(house):
    """A full mark that is not there says nothing of the other Tipo."""
    home = house(opened=True)
    for shop in home.shops.values():
        shop.metafields.clear()
        shop.faults.no_metafields = True
    home.advance(90)
    second = Rival(home)
    home.advance(10)
    home.kill()
    for shop in home.shops.values():
        shop.faults.no_metafields = False
    home.do(home.clock.sleep(150))
    rows = second.rows("SELECT state, found, weak FROM lease")
    assert [(row["state"], "instance" in row["found"], row["weak"]) for row in rows] == [
        ("foreign", True, 1),
        ("foreign", True, 1),
    ]


def test_the_mark_of_an_unknown_kind_is_somebody_elses(home):
    """A later version of ourselves may write one that we do not understand."""
    home.kill()
    for shop in home.shops.values():
        for place, each in shop.metafields.items():
            shop.metafields[place] = type(each)(
                id=each.id, namespace=each.namespace, key=each.key, type="json",
                value='{"v": 2}', created_at=each.created_at, updated_at=each.updated_at,
            )  # fmt: skip
    home.start()
    home.advance(30)
    assert states(home) == {"eu": "foreign", "us": "foreign"}
