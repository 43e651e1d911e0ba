"""One engine per store, one history: who finds another's mark, or a longer one, writes nothing."""

import pytest

from sandbox.faults import ShopFault
from sync_core.domain.leases import LeaseMark
from sync_core.domain.values import Alias, Mode, PoolId
from sync_core.errors import MarkChanged
from sync_core.workers.lease_keeper import SubscriptionMark
from tests.simulation.harness import RivalTipo, assert_at_rest, assert_conserved

EU, US, UK = Alias("eu"), Alias("us"), Alias("uk")


def states(build_harness):
    return {
        row["store"]: row["state"] for row in build_harness.rows("SELECT store, state FROM lease")
    }


def open_findings(build_harness, *kinds):
    rows = build_harness.rows("SELECT kind, subject FROM finding WHERE closed_at IS NULL")
    return sorted(row["subject"] for row in rows if row["kind"] in kinds)


def take_over(build_harness, alias):
    """Say what a person says."""
    now = build_harness.clock.now()
    build_harness.do(
        build_harness.process.database.transaction(
            lambda tx: tx.leases.start_takeover(alias, "ann", now=now)
        )
    )
    build_harness.process.context.requests.notify()


def shown(build_harness, sku="SKU-0"):
    return tuple(build_harness.shows(alias, sku) for alias in build_harness.shops)


def written(build_harness):
    return sum(
        len(build_harness.written(alias, sku))
        for alias in build_harness.shops
        for sku in build_harness.skus
    )


@pytest.fixture
def harness(build_harness):
    return build_harness(opened=True)


def test_a_store_keeps_our_mark_and_we_renew_it(harness):
    harness.advance(3600)
    assert states(harness) == {"eu": "ours", "us": "ours"}
    marks = [shop.counts.metafield_writes for shop in harness.shops.values()]
    assert all(100 <= each <= 130 for each in marks), marks
    # One mutation of 10 points in 30 seconds.
    assert 10 * max(marks) / 3600 < 0.5


def test_a_second_engine_with_a_new_database_writes_nothing(harness):
    """One sale once became minus 35 in 45 seconds."""
    second = RivalTipo(harness)
    harness.advance(5)
    second.set_mode(Mode.TWO_WAY)
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(120)
    assert shown(harness) == (45, 45)
    assert written(harness) == 1
    assert states(second) == {"eu": "foreign", "us": "foreign"}
    assert open_findings(second, "lease") == ["store:eu", "store:us"]
    assert states(harness) == {"eu": "ours", "us": "ours"}
    assert open_findings(harness, "lease") == []


def test_the_second_goes_on_listening_and_accounting(harness):
    """What it hears is counted, so that it knows the present when it is asked."""
    second = RivalTipo(harness)
    harness.advance(5)
    second.set_mode(Mode.TWO_WAY)
    harness.advance(10)
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(10)
    books = {row["book"] for row in second.rows("SELECT book FROM level WHERE baselined")}
    assert 45 in books
    assert_conserved(second)


def test_two_that_start_in_the_same_second_have_one_winner(build_harness):
    harness = build_harness()
    second = RivalTipo(harness)
    harness.advance(10)
    owners = [states(harness), states(second)]
    for alias in harness.shops:
        assert sorted(each[alias] for each in owners) == ["foreign", "ours"]


def test_whoever_takes_over_fences_the_other_out_and_starts_from_present_numbers(harness):
    """The other stops within one renewal; the taker waits, takes a new baseline, and writes."""
    second = RivalTipo(harness)
    harness.advance(5)
    second.set_mode(Mode.TWO_WAY)
    harness.advance(5)
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(5)
    for alias in (EU, US):
        take_over(second, alias)
    harness.advance(35)
    assert states(harness) == {"eu": "foreign", "us": "foreign"}
    assert states(second) == {"eu": "taking_over", "us": "taking_over"}
    assert open_findings(harness, "lease") == ["store:eu", "store:us"]
    harness.advance(60)
    assert states(second) == {"eu": "ours", "us": "ours"}
    assert open_findings(second, "lease") == []
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(30)
    assert shown(harness) == (40, 40)
    assert written(harness) == 2
    for each in (harness, second):
        assert_conserved(each)


def test_a_takeover_while_a_batch_is_in_flight_loses_nothing(harness):
    """The first engine's write arrives seconds after the second has said that it takes over."""
    second = RivalTipo(harness)
    harness.advance(5)
    second.set_mode(Mode.TWO_WAY)
    harness.advance(5)
    harness.shops[EU].faults.mutations_only = True
    harness.shops[EU].faults.late_by = 20.0
    harness.shops[EU].faults.next = [ShopFault.LATE]
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(1)
    for alias in (EU, US):
        take_over(second, alias)
    harness.advance(200)
    assert states(second) == {"eu": "ours", "us": "ours"}
    assert shown(harness) == (45, 45)
    harness.change_stock(EU, "SKU-0", -3)
    harness.advance(60)
    assert shown(harness) == (42, 42)
    assert_conserved(second)


def test_it_can_be_taken_back(harness):
    """Ping, pong: each takeover is a new baseline, and no unit is counted twice."""
    second = RivalTipo(harness)
    harness.advance(5)
    second.set_mode(Mode.TWO_WAY)
    for alias in (EU, US):
        take_over(second, alias)
    harness.advance(100)
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(20)
    for alias in (EU, US):
        take_over(harness, alias)
    harness.advance(100)
    harness.change_stock(EU, "SKU-0", -1)
    harness.advance(60)
    assert states(harness) == {"eu": "ours", "us": "ours"}
    assert states(second) == {"eu": "foreign", "us": "foreign"}
    assert shown(harness) == (44, 44)
    assert_conserved(harness)
    assert_at_rest(harness)


def test_a_process_that_dies_while_it_takes_over_goes_on_with_it(harness):
    """Its mark is in the store by then: that alone must not let it write without a baseline."""
    second = RivalTipo(harness)
    harness.advance(5)
    second.set_mode(Mode.TWO_WAY)
    harness.advance(5)
    for alias in (EU, US):
        take_over(second, alias)
    harness.advance(10)
    second.kill()
    harness.change_stock(US, "SKU-0", -5)
    second.start()
    harness.advance(30)
    assert states(second) == {"eu": "taking_over", "us": "taking_over"}
    harness.advance(100)
    assert states(second) == {"eu": "ours", "us": "ours"}
    harness.advance(60)
    assert_conserved(second)


def test_one_store_of_three_is_taken_over_and_the_others_go_on(build_harness):
    harness = build_harness(stores=3, opened=True)
    second = RivalTipo(harness)
    harness.advance(5)
    take_over(second, UK)
    harness.advance(100)
    assert states(harness) == {"eu": "ours", "us": "ours", "uk": "foreign"}
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(10)
    assert shown(harness) == (45, 45, 50)
    assert_conserved(harness)
    take_over(harness, UK)
    harness.advance(100)
    # The store's number is taken as it is: it differs, and a person decides.
    assert shown(harness) == (45, 45, 50)
    assert open_findings(harness, "lease") == []
    assert len(open_findings(harness, "differs")) == 1
    harness.change_stock(EU, "SKU-1", -2)
    harness.advance(10)
    assert shown(harness, "SKU-1") == (48, 48, 48)
    assert_conserved(harness)


def test_yesterdays_backup_writes_nothing_until_a_person_says_so(harness, tmp_path):
    """Sales since then were applied twice: 40 where 45 were left."""
    harness.change_stock(EU, "SKU-0", 3)
    harness.change_stock(US, "SKU-0", -3)
    harness.advance(10)
    copy = harness.backup(tmp_path / "yesterday.db")
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(60)
    assert shown(harness) == (45, 45)
    harness.restore(copy)
    harness.advance(1300)  # two rounds of catch-up
    assert shown(harness) == (45, 45)
    assert open_findings(harness, "older_database") == ["database"]
    take_over(harness, US)
    harness.advance(100)
    assert states(harness) == {"eu": "ours", "us": "ours"}
    assert open_findings(harness, "older_database") == []
    assert open_findings(harness, "differs") == []
    harness.change_stock(EU, "SKU-0", -1)
    harness.advance(10)
    assert shown(harness) == (44, 44)
    assert_conserved(harness)
    assert_at_rest(harness)
    told = harness.do(harness.process.service.history(PoolId(1)))
    assert [(each.kind, each.delta) for each in told][-3:] == [
        ("gap", 0),
        ("movement", -1),
        ("adjustment", -1),
    ]
    assert told[-3].cause == "ann: numbers taken as they were, since this database was older"


def test_a_backup_is_noticed_also_when_the_mark_was_renewed_just_before_it(harness, tmp_path):
    """Each start is a later epoch: a copy from before it is older, whatever has happened since."""
    copy = harness.backup(tmp_path / "old.db")
    harness.kill()
    harness.start()
    harness.advance(10)
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(5)
    harness.restore(copy)
    harness.advance(30)
    assert open_findings(harness, "older_database") == ["database"]
    assert shown(harness) == (45, 45)


def test_what_is_older_in_one_store_stops_the_writing_in_every_store(harness, tmp_path):
    """The mark of one store is renewed a little before the other's: one of them may look right."""
    copy = harness.backup(tmp_path / "old.db")
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(60)
    harness.kill()
    for shop in (harness.shops[EU],):
        shop.metafields.clear()
    harness.restore(copy)
    harness.advance(60)
    assert states(harness)["us"] == "older"
    harness.change_stock(US, "SKU-1", -3)
    harness.advance(60)
    assert shown(harness, "SKU-1") == (50, 47), (
        "not even a store whose mark looks right is written to"
    )


def test_a_copy_of_the_database_that_runs_beside_it_is_found_out(harness, tmp_path):
    """Same instance, same history: the one that started later has the later epoch."""
    copy = harness.backup(tmp_path / "staging.db")
    staging = RivalTipo(harness, "staging", copy_of=copy)
    harness.advance(60)
    both = states(harness), states(staging)
    assert all(sorted(each[alias] for each in both) == ["older", "ours"] for alias in harness.shops)
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(60)
    assert shown(harness) == (45, 45)


def test_a_store_that_is_down_loses_no_lease(harness):
    """Writing goes on as soon as it answers; nobody else has taken it."""
    harness.shops[EU].faults.outage = True
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(3600)
    assert states(harness) == {"eu": "ours", "us": "ours"}
    harness.shops[EU].faults.outage = False
    harness.advance(90)
    assert shown(harness) == (45, 45)
    assert open_findings(harness, "lease", "older_database", "unreachable") == []


def test_an_engine_that_is_cut_off_from_the_store_stops_by_itself(harness):
    """It cannot know whether somebody else has taken over meanwhile."""
    permits, clock = harness.process.context.permits, harness.clock
    assert permits.may_write(EU, clock.monotonic())
    harness.shops[EU].faults.outage = True
    harness.advance(76)
    assert not permits.may_write(EU, clock.monotonic())
    assert permits.may_write(US, clock.monotonic())


def test_a_token_that_may_not_keep_a_mark_goes_on_with_the_weaker_one(build_harness):
    harness = build_harness(opened=True)
    for shop in harness.shops.values():
        shop.faults.no_metafields = True
        for each in shop.webhooks.subscriptions.values():
            each.name = None
    harness.kill()
    for shop in harness.shops.values():
        shop.webhooks.subscriptions.clear()
    harness.start()
    harness.advance(30)
    assert open_findings(harness, "weak_mark") == ["store:eu", "store:us"]
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(10)
    assert shown(harness) == (45, 45)
    second = RivalTipo(harness)
    harness.advance(10)
    second.set_mode(Mode.TWO_WAY)
    harness.advance(60)
    assert states(second) == {"eu": "foreign", "us": "foreign"}
    assert states(harness) == {"eu": "ours", "us": "ours"}, "whoever was first goes on"
    harness.change_stock(US, "SKU-0", -1)
    harness.advance(10)
    assert shown(harness) == (44, 44)


def test_a_store_that_lets_us_keep_a_mark_again_gets_a_full_one(build_harness):
    """Without a restart; and from then on a second Tipo is seen before it writes."""
    harness = build_harness(opened=True)
    for shop in harness.shops.values():
        shop.metafields.clear()
        shop.faults.no_metafields = True
    harness.advance(120)
    assert open_findings(harness, "weak_mark") == ["store:eu", "store:us"]
    since = {row["store"]: row["since"] for row in harness.rows("SELECT store, since FROM lease")}
    for shop in harness.shops.values():
        shop.faults.no_metafields = False
    harness.advance(100)
    assert open_findings(harness, "weak_mark") == []
    assert since == {row["store"]: row["since"] for row in harness.rows("SELECT * FROM lease")}
    second = RivalTipo(harness)
    harness.advance(30)
    assert [len(shop.metafields) for shop in harness.shops.values()] == [1, 1]
    assert states(harness) == {"eu": "ours", "us": "ours"}
    assert states(second) == {"eu": "foreign", "us": "foreign"}
    harness.change_stock(EU, "SKU-0", -1)
    harness.advance(10)
    assert shown(harness) == (49, 49)
    assert_conserved(harness)


def test_a_store_that_goes_on_keeping_no_mark_costs_no_lease_and_no_news(build_harness):
    """It is asked for a full mark again each minute: writing goes on, and nobody is told twice."""
    harness = build_harness(opened=True)
    harness.shops[US].faults.no_metafields = True
    harness.advance(1800)
    told = "SELECT count(*) AS n FROM notification WHERE kind = 'weak_mark'"
    assert [row["n"] for row in harness.rows(told)] == [1]
    assert states(harness) == {"eu": "ours", "us": "ours"}
    harness.change_stock(EU, "SKU-0", -1)
    harness.advance(10)
    assert shown(harness) == (49, 49)


def test_a_takeover_by_the_weaker_mark_ends_with_the_full_one(build_harness):
    """While somebody has to answer, or takes over, the kind of the mark stays what it was."""
    harness = build_harness(opened=True)
    for shop in harness.shops.values():
        shop.metafields.clear()
        shop.faults.no_metafields = True
    harness.advance(120)
    second = RivalTipo(harness)
    harness.advance(5)
    second.set_mode(Mode.TWO_WAY)
    harness.advance(5)
    assert states(second) == {"eu": "foreign", "us": "foreign"}
    for alias in (EU, US):
        take_over(second, alias)
    harness.advance(35)
    assert states(harness) == {"eu": "foreign", "us": "foreign"}, "it is fenced out before 60 s"
    for shop in harness.shops.values():
        shop.faults.no_metafields = False
    harness.advance(200)
    assert states(second) == {"eu": "ours", "us": "ours"}
    assert states(harness) == {"eu": "foreign", "us": "foreign"}
    assert open_findings(second, "weak_mark") == []
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(60)
    assert shown(harness) == (45, 45)
    assert_conserved(second)


def test_the_weaker_mark_is_renewed_only_while_we_were_first(harness):
    """It stands in for compare-and-set: whoever renews looks first whose the store is."""
    weak = SubscriptionMark(harness.process.context, harness.process.stores[EU])
    held = harness.do(weak.mark())
    assert held.mark is None
    mark = LeaseMark(instance=held.digest, renewal="r", at=harness.clock.now())
    assert harness.do(weak.write_mark(mark, held.digest)) == held.digest
    for each in harness.shops[EU].webhooks.subscriptions.values():
        each.name = f"tipo-other-{each.id}"
    with pytest.raises(MarkChanged):
        harness.do(weak.write_mark(mark, held.digest))
    assert harness.do(weak.mark()).mark.instance == "other"
    assert harness.do(weak.write_mark(mark, "other")) == ""
    assert not harness.shops[EU].webhooks.subscriptions


def test_whoever_was_asked_by_the_weaker_mark_is_asked_until_they_answer(build_harness):
    """A full mark that is not there says nothing of the other Tipo."""
    harness = build_harness(opened=True)
    for shop in harness.shops.values():
        shop.metafields.clear()
        shop.faults.no_metafields = True
    harness.advance(90)
    second = RivalTipo(harness)
    harness.advance(10)
    harness.kill()
    for shop in harness.shops.values():
        shop.faults.no_metafields = False
    harness.do(harness.clock.sleep(150))
    rows = second.rows("SELECT state, found, weak FROM lease")
    assert [(row["state"], "instance" in row["found"], row["weak"]) for row in rows] == [
        ("foreign", True, 1),
        ("foreign", True, 1),
    ]


def test_the_mark_of_an_unknown_kind_is_somebody_elses(harness):
    """A later version of ourselves may write one that we do not understand."""
    harness.kill()
    for shop in harness.shops.values():
        for place, each in shop.metafields.items():
            shop.metafields[place] = type(each)(
                id=each.id, namespace=each.namespace, key=each.key, type="json",
                value='{"v": 2}', created_at=each.created_at, updated_at=each.updated_at,
            )  # fmt: skip
    harness.start()
    harness.advance(30)
    assert states(harness) == {"eu": "foreign", "us": "foreign"}


def shared_out(build_harness, theirs, items=3):
    """Two engines that both would write, of which the second has taken over one store."""
    harness = build_harness(opened=True, items=items)
    second = RivalTipo(harness)
    harness.advance(5)
    second.set_mode(Mode.TWO_WAY)
    harness.advance(10)
    take_over(second, theirs)
    harness.advance(120)
    return harness, second


@pytest.mark.parametrize("theirs", [EU, US])
def test_two_that_share_the_stores_do_not_take_each_others_writes_for_sales(build_harness, theirs):
    """One sale of each product became minus 33 within five minutes, and fell on.

    Found by the simulation. Whoever has the source writes, and nobody else.
    """
    harness, second = shared_out(build_harness, theirs)
    for sku in harness.skus:
        for alias in (EU, US):
            harness.change_stock(alias, sku, -1)
            harness.advance(20)
    harness.advance(300)
    for sku in harness.skus:
        assert set(shown(harness, sku)) <= {48, 49}, shown(harness, sku)
        assert sum(map(abs, harness.written(EU, sku) + harness.written(US, sku))) <= 2
    for each in (harness, second):
        assert_conserved(each)
    for alias in (EU, US):
        take_over(second, alias)
    harness.advance(200)
    assert states(second) == {"eu": "ours", "us": "ours"}


def test_whoever_takes_over_the_source_takes_over_all_that_the_other_has(harness):
    second = RivalTipo(harness)
    harness.advance(5)
    take_over(second, EU)
    harness.advance(120)
    assert states(second) == {"eu": "ours", "us": "ours"}
    assert states(harness) == {"eu": "foreign", "us": "foreign"}


@pytest.mark.parametrize("later", [2, 33, 58])
def test_of_two_that_take_over_at_the_same_time_the_last_one_has_it(harness, later):
    """Each put its mark over the other's, until both had waited long enough.

    Found by the simulation. Who finds that its mark is gone has been fenced out, and asks again.
    """
    second = RivalTipo(harness)
    harness.advance(5)
    second.set_mode(Mode.TWO_WAY)
    harness.advance(30 - later % 30)
    take_over(second, EU)
    harness.advance(later)
    harness.kill()
    harness.start()  # it looks at once
    harness.advance(1)
    assert states(harness) == {"eu": "foreign", "us": "foreign"}
    take_over(harness, EU)
    harness.advance(61 - later)
    harness.advance(2)
    assert states(second) == {"eu": "foreign", "us": "foreign"}
    assert second.rows("SELECT id FROM baseline") == []
    assert open_findings(second, "lease") == ["store:eu", "store:us"]
    harness.advance(later + 2)
    assert states(harness) == {"eu": "ours", "us": "ours"}
    harness.change_stock(EU, "SKU-0", -1)
    harness.advance(60)
    assert shown(harness) == (49, 49)
    assert harness.witness.wrong == []


def test_a_copy_that_runs_beside_it_takes_no_webhooks(harness):
    """It did: what it may not write it heard of, and the one that writes no longer did.

    Found by the simulation. Once it has taken over, they are its own.
    """
    copy = harness.backup(harness.folder / "copy.db")
    harness.advance(40)
    staging = RivalTipo(harness, "staging", copy_of=copy)
    harness.advance(120)
    assert states(staging) == {"eu": "older", "us": "older"}
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(2)
    assert shown(harness) == (45, 45)
    take_over(staging, EU)
    harness.advance(120)
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(2)
    assert shown(harness) == (40, 40)
    assert open_findings(staging, "webhooks_gone") == []


def test_that_updates_fail_is_over_with_the_first_renewal_of_a_new_process(harness):
    """It stayed open until something was sold. Found by the simulation."""
    faults = harness.shops[US].faults
    faults.mutations_only, faults.answers = True, {503: 1.0}
    harness.advance(240)
    assert open_findings(harness, "updates_failing") == ["store:us"]
    harness.kill()
    faults.answers = {}
    harness.start()
    harness.advance(10)
    assert open_findings(harness, "updates_failing") == []
