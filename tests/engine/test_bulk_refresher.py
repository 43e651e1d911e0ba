"""The initial comparison of many levels, by one export of each store.

The whole engine between imitation stores, in virtual time. Five levels are many here.
"""

import json
import re
from datetime import timedelta

import pytest

from sync_core.domain.proposals import ReportState
from sync_core.domain.read_progress import ReadStage
from sync_core.domain.values import Alias, Mode
from sync_core.workers import drift_report
from sync_core.workers.bulk_refresher import FAILED_EXPORT
from sync_core.workers.context import EngineConfig
from sync_core.workers.proposer import REPORT_LEASE
from tests.simulation.harness import Process, assert_at_rest, assert_conserved

MANY = EngineConfig(recheck_every=30, levels_for_export=5)
ITEMS = 12
EU, US = Alias("eu"), Alias("us")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request):
    """Name a new database."""
    return None if request.param == "sqlite" else request.getfixturevalue("empty_postgres_url")


@pytest.fixture
def build(build_harness):
    """Return a builder of stores whose catalogues have been read, and what they are asked since."""

    def build_one(url=None, items=ITEMS, export_seconds=20.0, **given):
        harness = build_harness(items=items, url=url, **{"config": MANY, **given})
        harness.advance(5)
        harness.asked = {alias: Asked(shop) for alias, shop in harness.shops.items()}
        for shop in harness.shops.values():
            shop.export_seconds = export_seconds
        return harness

    return build_one


class Asked:
    """What is asked of a shop from now on, and the points that it costs."""

    def __init__(self, shop) -> None:
        self.exports, self.read, self.points = 0, [], 0.0
        handle, take = shop.handle, shop.bucket.take

        def noted(method, path, headers, body=b""):
            self.exports += b"bulkOperationRunQuery" in body
            if b"query Read(" in body:
                ids = json.loads(body)["variables"]["ids"]
                self.read += [int(re.sub(r"\D", "", each)) for each in ids]
            return handle(method, path, headers, body)

        def counted(points):
            self.points += points
            take(points)

        shop.handle, shop.bucket.take = noted, counted

    @property
    def how(self):
        """How many exports, and how many levels by id."""
        return self.exports, len(self.read)


def begin(harness, seconds=10):
    """Turn it on; by then, the exports are under way."""
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(seconds)


def how(harness):
    return [harness.asked[alias].how for alias in (EU, US)]


def baselined(harness):
    """Return how many levels have a baseline."""
    return harness.rows("SELECT count(*) AS n FROM level WHERE baselined")[0]["n"]


def report(harness):
    """Return the newest report of an initial comparison, done or not."""
    number = harness.rows("SELECT max(id) AS n FROM report WHERE kind = 'baseline'")[0]["n"]
    return harness.do(harness.process.service.report(number))


def reading(harness):
    return harness.do(harness.process.service.reading())


def test_many_levels_are_read_by_one_export_of_each_store(build, url):
    harness = build(url, items=30)
    begin(harness, 60)
    assert (how(harness), baselined(harness)) == ([(1, 0), (1, 0)], 60)
    # By id it is 3.5 points a level. Those of a lease and of who a store is are in it, too.
    assert max(each.points for each in harness.asked.values()) < 40
    assert (reading(harness), report(harness).summary["agreed"]) == ({}, 30)
    harness.change_stock(US, "SKU-3", -5)
    harness.advance(5)
    assert_at_rest(harness)
    assert_conserved(harness)


def test_few_levels_are_read_by_id(build):
    harness = build(items=4)
    begin(harness)
    assert (how(harness), baselined(harness)) == ([(0, 4), (0, 4)], 8)


def test_what_is_sold_during_an_export_is_counted_once(build, url):
    """Exports that are five seconds old, webhooks that are not, and one store before the other."""
    harness = build(url)
    harness.shops[US].export_seconds = 2
    for shop in harness.shops.values():
        shop.faults.read_lag = shop.faults.read_lag_at_least = 5.0
    begin(harness, 1)
    harness.change_stock(US, "SKU-0", -4)  # after what its export says, before it is read
    harness.advance(8)
    harness.change_stock(US, "SKU-1", -5)  # when it has been read, and the source has not
    harness.advance(8)
    harness.change_stock(EU, "SKU-2", -6)  # as SKU-0
    harness.change_stock(US, "SKU-3", -7)  # as SKU-1
    harness.advance(60)
    for alias in (EU, US):  # the two in doubt, and no others
        ids = {harness.shops[alias].item(sku).id for sku in ("SKU-0", "SKU-2")}
        assert set(harness.asked[alias].read) == ids
    # They were not in sync before they were read: what was sold by then is for people to decide.
    [found] = harness.do(harness.process.service.baselines())
    assert {(each.shows, each.should_show) for each in found.worst} == {(46, 50), (50, 44)}
    for alias in (EU, US):
        assert [harness.shows(alias, sku) for sku in ("SKU-1", "SKU-3")] == [45, 43]
    assert_conserved(harness)


def test_a_baseline_that_begins_during_an_export_is_not_read_by_it(build):
    """What was sold while it was off was ignored, and the export is older than that."""
    harness = build()
    us = harness.shops[US]
    us.faults.read_lag = us.faults.read_lag_at_least = 18.0
    begin(harness, 5)
    harness.set_mode(Mode.OFF)
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(2)
    begin(harness, 90)
    assert harness.asked[US].exports == 2
    [found] = harness.do(harness.process.service.baselines())
    [one] = found.worst
    assert (found.agreed, one.shows, one.should_show) == (ITEMS - 1, 45, 50)


@pytest.mark.parametrize("when", [5, 20.5])
def test_a_process_that_dies_begins_again(build, url, when):
    """In the middle of an export, and before all of it has been accounted for."""
    harness = build(url)
    begin(harness, when)
    harness.kill()
    harness.start()
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(120)
    harness.rest(REPORT_LEASE.total_seconds())
    [found] = harness.do(harness.process.service.baselines())
    assert (found.agreed + found.differing, found.waiting) == (ITEMS, 0)
    # What was sold before its level was read is a mismatch: the stores were not in sync yet.
    assert (found.differing, reading(harness)) == (1, {})
    assert all(1 <= asked.exports <= 2 for asked in harness.asked.values())
    assert report(harness).state is ReportState.DONE
    assert_conserved(harness)


def test_a_store_that_makes_no_export_is_asked_again_and_then_read_by_id(build):
    harness = build()
    harness.shops[US].faults.bulk_fails = "INTERNAL_SERVER_ERROR"
    begin(harness, 26)
    found = reading(harness)[US]
    assert (found.stage, found.why[-21:]) == (ReadStage.RETRYING, "INTERNAL_SERVER_ERROR")
    assert "INTERNAL_SERVER_ERROR" in report(harness).progress["us"]
    assert harness.asked[US].how == (1, 0)
    harness.advance(180)
    assert how(harness) == [(1, 0), (FAILED_EXPORT.attempts, ITEMS)]
    assert (baselined(harness), reading(harness)) == (2 * ITEMS, {})
    assert_conserved(harness)

    harness.shops[US].faults.clear()
    harness.set_mode(Mode.OFF)
    begin(harness, 60)
    assert harness.asked[US].how == (1 + FAILED_EXPORT.attempts, ITEMS)
    assert baselined(harness) == 2 * ITEMS


def test_it_is_asked_once_more_before_it_is_read_by_id(build):
    """A failure that passes costs no reads."""
    harness = build()
    harness.shops[US].faults.bulk_fails = "TIMEOUT"
    begin(harness, 26)
    harness.shops[US].faults.clear()
    harness.advance(60)
    assert (harness.asked[US].how, baselined(harness)) == ((2, 0), 2 * ITEMS)


def test_a_store_that_goes_down_in_the_middle_is_waited_for(build):
    harness = build()
    begin(harness)
    harness.shops[US].faults.outage = True
    harness.advance(660)
    assert (baselined(harness), reading(harness)[US].stage) == (0, ReadStage.RETRYING)
    assert "trying again soon" in report(harness).progress["us"]
    harness.shops[US].faults.clear()
    harness.advance(180)
    assert (baselined(harness), harness.asked[US].read) == (2 * ITEMS, [])
    assert_conserved(harness)


def test_what_an_export_does_not_have_is_read_by_id(build):
    """Nothing is concluded from it; and no export follows on another for the same levels."""
    harness = build()
    harness.shops[US].drop_subscriptions()
    begin(harness)
    gone = [harness.shops[US].item(sku).id for sku in harness.skus[:6]]
    for sku in harness.skus[:6]:
        harness.shops[US].delete_item(sku)
    harness.advance(60)
    assert harness.asked[US].exports == 1
    assert set(harness.asked[US].read) == set(gone)
    [found] = harness.do(harness.process.service.baselines())
    assert (found.agreed, found.suspended, found.waiting) == (6, 6, 0)


def test_the_comparison_is_not_over_before_the_source_has_been_read(build):
    """A destination that is faster differs from nothing yet."""
    harness = build()
    harness.shops[US].export_seconds = 1
    begin(harness, 10)
    [found] = harness.do(harness.process.service.baselines())
    assert (found.waiting, found.differing) == (ITEMS, 0)
    assert report(harness).state is ReportState.READING
    harness.advance(30)
    [found] = harness.do(harness.process.service.baselines())
    assert (found.agreed, found.waiting) == (ITEMS, 0)
    assert report(harness).state is ReportState.DONE


def test_it_says_how_far_it_is_and_how_long_it_will_take(build):
    harness = build(export_seconds=1.0)
    for shop in harness.shops.values():
        shop.export_rate = 0.1
    begin(harness, 60)
    said = report(harness).progress["us"]
    assert re.fullmatch(r"exporting: \d of 12 variants, 1 a second, about \d+ s left", said), said
    harness.advance(120)
    assert (report(harness).state, reading(harness)) == (ReportState.DONE, {})


def test_a_long_comparison_is_not_reported_before_it_is_over(build, monkeypatch):
    """While it is seen to go on, nobody reads of a result."""
    monkeypatch.setattr(drift_report, "BASELINE_REPORT_WITHIN", timedelta(minutes=1))
    harness = build(export_seconds=100)
    begin(harness, 90)
    assert report(harness).state is ReportState.READING
    harness.advance(30)
    assert report(harness).state is ReportState.DONE


def test_one_of_two_processes_exports(build, empty_postgres_url):
    harness = build(empty_postgres_url)
    second = Process(harness)
    try:
        begin(harness, 90)
        assert (how(harness), baselined(harness)) == ([(1, 0), (1, 0)], 2 * ITEMS)
        assert_conserved(harness)
    finally:
        first, harness.process = harness.process, second
        harness.kill()
        harness.process = first


def test_what_is_in_doubt_is_read_while_an_export_is_under_way(build):
    """A third store that joins must not hold up the two that are in sync."""
    harness = build(stores=3)
    harness.set_mode(Mode.TWO_WAY, "us")
    harness.advance(60)
    harness.set_mode(Mode.TWO_WAY, "uk")
    harness.advance(5)
    assert harness.asked[US].exports == 1
    harness.asked[EU].read.clear()
    for _ in range(2):  # the second one within the second of the first: doubtful
        harness.change_stock(EU, "SKU-0", -1)
    harness.advance(10)
    assert set(harness.asked[EU].read) == {harness.shops[EU].item("SKU-0").id}
    assert harness.shows(US, "SKU-0") == harness.expected("SKU-0")
    assert "uk" in reading(harness)
