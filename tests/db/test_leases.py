"""Who may write, as the database knows it, and what a new baseline does to levels and pools."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import insert, select, update

from sync_core.db.leases import MAX_RENEWALS_KEPT
from sync_core.db.tables import (
    ADJUSTMENT,
    BASELINE,
    BATCH,
    CONNECTION,
    LEVEL,
    MOVEMENT,
    POOL,
    WITHHELD,
)
from sync_core.domain.leases import LeaseMark, LeaseState, LeaseView
from tests.db.conftest import EU, NOON, US, after

THEIRS = LeaseMark(instance="b", renewal="r", at=NOON)


def lease(database, store=US):
    return database.run(lambda tx: tx.leases.of(store))


def find(database, state, store=US, found=None, at=0, *, weak=False):
    return database.run(lambda tx: tx.leases.note(store, state, found, weak=weak, now=after(at)))


def start(database, store=US, at=10):
    return database.run(lambda tx: tx.leases.start_takeover(store, "ann", now=after(at)))


def end(database, store=US, at=20):
    return database.run(lambda tx: tx.leases.end_takeover(store, now=after(at)))


def rows(database, table, *columns):
    with database.engine.connect() as connection:
        query = select(*(table.c[each] for each in columns)).order_by(*table.primary_key)
        return [tuple(row) for row in connection.execute(query)]


def run(database, *statements):
    def work(tx):
        for each in statements:
            tx.run(each)

    database.run(work)


# -- the instance and its renewals


def test_a_database_has_one_name_for_ever(furnished):
    """Also where two processes start at the same time."""
    with ThreadPoolExecutor(6) as pool:
        names = set(
            pool.map(lambda n: furnished.run(lambda tx: tx.leases.instance(f"n{n}")), range(12))
        )
    assert len(names) == 1


def test_a_store_may_hold_the_last_renewal_that_it_took_and_those_after_it(furnished):
    """A renewal whose answer was lost may have been taken all the same."""

    def work(tx):
        tx.leases.instance("a")
        for token in ("r1", "r2", "r3"):
            tx.leases.begin_renewal(US, token)
        tx.leases.begin_renewal(EU, "other")
        tx.leases.end_renewal(US, "r2")
        return tx.leases.recorded(US), tx.leases.recorded(EU)

    us, eu = furnished.run(work)
    assert us.instance == "a"
    assert us.renewals >= {"r2", "r3"}
    assert eu.renewals == {"other"}


def test_renewals_before_the_last_are_remembered_for_a_while(furnished):
    """Another process of ours may have read the mark before it was renewed, and asks only now."""

    def work(tx):
        for number in range(3 * MAX_RENEWALS_KEPT):
            tx.leases.begin_renewal(US, f"r{number}")
            tx.leases.end_renewal(US, f"r{number}")
        return tx.leases.recorded(US).renewals

    last = 3 * MAX_RENEWALS_KEPT - 1
    assert furnished.run(work) == {
        f"r{number}" for number in range(last - MAX_RENEWALS_KEPT, last + 1)
    }


# -- states


def test_a_store_that_nobody_has_asked_is_unknown(furnished):
    assert lease(furnished) == LeaseView(store=US, state=LeaseState.UNKNOWN)
    assert furnished.run(lambda tx: tx.leases.all()) == {}


def test_what_was_found_is_noted_once(furnished):
    assert find(furnished, LeaseState.FOREIGN, found=THEIRS)
    assert not find(furnished, LeaseState.FOREIGN, found=THEIRS, at=30)
    assert lease(furnished) == LeaseView(
        store=US, state=LeaseState.FOREIGN, since=NOON, found=THEIRS
    )
    assert find(furnished, LeaseState.OURS, at=60)
    assert lease(furnished).found is None
    assert find(furnished, LeaseState.OURS, weak=True, at=90)


@pytest.mark.parametrize("state", [LeaseState.UNKNOWN, LeaseState.OURS])
def test_nobody_is_fenced_out_where_nobody_is_in_our_way(furnished, state):
    find(furnished, state)
    assert not start(furnished)
    assert lease(furnished).state is state


def test_a_takeover_is_begun_once_and_ended_once(furnished):
    """Twelve clicks and twelve processes: one takeover, one baseline."""
    find(furnished, LeaseState.FOREIGN, found=THEIRS)
    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(lambda _: start(furnished), range(12))) == 1
        assert lease(furnished).reason is LeaseState.FOREIGN
        assert not find(furnished, LeaseState.OURS, at=15), "only the baseline ends it"
        ended = [each for each in pool.map(lambda _: end(furnished), range(12)) if each]
    assert [(each.by, each.reason) for each in ended] == [("ann", LeaseState.FOREIGN)]
    assert lease(furnished) == LeaseView(store=US, state=LeaseState.OURS, since=after(20))


def test_another_tipo_is_fenced_out_of_one_store(furnished):
    for store in (EU, US):
        find(furnished, LeaseState.FOREIGN, store)
    start(furnished)
    assert lease(furnished, EU).state is LeaseState.FOREIGN
    assert end(furnished) is not None


def test_the_source_is_taken_over_with_all_that_another_tipo_has(furnished):
    find(furnished, LeaseState.FOREIGN, store=EU, found=THEIRS)
    find(furnished, LeaseState.FOREIGN, found=THEIRS)
    assert start(furnished, store=EU)
    assert not start(furnished, store=US), "it is under way"
    assert {lease(furnished, each).state for each in (EU, US)} == {LeaseState.TAKING_OVER}


def test_a_takeover_that_somebody_else_has_overtaken_is_asked_about_again(furnished):
    find(furnished, LeaseState.FOREIGN, found=THEIRS)
    start(furnished)
    assert not find(furnished, LeaseState.FOREIGN, found=THEIRS, at=15), "somebody takes over"
    furnished.run(lambda tx: tx.leases.lose_takeover(US))
    assert find(furnished, LeaseState.FOREIGN, found=THEIRS, at=20)
    noted = lease(furnished)
    assert (noted.state, noted.since, noted.reason, noted.by) == (
        LeaseState.FOREIGN,
        after(20),
        None,
        "",
    )
    assert end(furnished) is None
    furnished.run(lambda tx: tx.leases.lose_takeover(US))
    assert lease(furnished) == noted, "only what is being taken over can be lost"


def test_an_older_database_is_so_for_all_its_stores(furnished):
    """It ends when every store that said so has got that far, and once."""
    for store in (EU, US):
        find(furnished, LeaseState.OLDER, store)
    start(furnished)
    assert {lease(furnished, each).state for each in (EU, US)} == {LeaseState.TAKING_OVER}
    assert end(furnished) is None
    assert lease(furnished).state is LeaseState.TAKING_OVER
    ended = end(furnished, EU)
    assert ended is not None
    assert ended.reason is LeaseState.OLDER
    assert {lease(furnished, each).state for each in (EU, US)} == {LeaseState.OURS}
    assert end(furnished, EU) is None


# -- baselines


@pytest.fixture
def busy(furnished):
    """Both levels have something under way, the safety stop holds a movement, us is two-way."""
    batch = {"store": EU, "key": "k2", "body": b"{}", "planned_at": NOON, "attempts": 1}
    written = {"delta": -5, "level_baseline": 0, "state": "open", "planned_at": NOON}
    moved = {"pool_id": 1, "level_id": 1, "delta": -5, "at": NOON}
    run(
        furnished,
        update(CONNECTION).values(mode="two-way"),
        insert(BATCH).values(state="open", **batch),
        insert(ADJUSTMENT).values(level_id=1, batch_id=2, **written),
        insert(ADJUSTMENT).values(level_id=2, batch_id=1, **written),
        update(LEVEL).values(open=True, due=True),
        insert(MOVEMENT).values(level_baseline=0, counted=-5, shared=45, source="look", **moved),
        insert(WITHHELD).values(breaker="eu:1", movement_id=1, withheld_from={}, **moved),
    )
    return furnished


def baseline(database, store):
    database.run(lambda tx: tx.baselines.reset(store, now=after(60)))


def test_a_destination_starts_over_and_its_pools_go_on(busy):
    baseline(busy, US)
    assert rows(
        busy, LEVEL, "store", "baselined", "book", "open", "level_baseline", "refresh_at", "due"
    ) == [
        ("eu", True, 50, True, 0, None, True),
        ("us", False, None, False, 1, after(60), False),
    ]
    assert rows(busy, POOL, "shared", "first_shared", "baseline") == [(50, 50, 0)]
    assert rows(busy, BATCH, "store", "state") == [("us", "doubtful"), ("eu", "open")]
    assert rows(busy, ADJUSTMENT, "level_id", "state") == [(1, "open"), (2, "doubtful")]
    assert rows(busy, WITHHELD, "released_at") == [(None,)]


@pytest.mark.parametrize("store", [EU, None], ids=["the source", "every store"])
def test_the_sources_pools_start_over_as_a_whole(busy, store):
    baseline(busy, store)
    levels = rows(
        busy, LEVEL, "store", "baselined", "book", "level_baseline", "refresh_at", "first_shared"
    )
    assert levels == [
        ("eu", False, None, 1, after(60), None),
        ("us", False, None, 1, after(60), None),
    ]
    assert rows(busy, POOL, "shared", "first_shared", "baseline") == [(None, None, 1)]
    us = "open" if store is EU else "doubtful"
    assert rows(busy, BATCH, "store", "state") == [("us", us), ("eu", "doubtful")]
    assert rows(busy, LEVEL, "open") == [(False,), (us == "open",)]
    assert rows(busy, WITHHELD, "released_at") == [(after(60),)]


def test_what_is_off_is_not_read(busy):
    run(busy, update(CONNECTION).values(mode="off"))
    baseline(busy, None)
    assert rows(busy, LEVEL, "store", "baselined", "refresh_at") == [
        ("eu", False, after(60)),
        ("us", False, None),
    ]


def test_a_baseline_is_kept_for_the_history(furnished):
    furnished.run(lambda tx: tx.baselines.save(None, "older", "ann", now=NOON))
    assert rows(furnished, BASELINE, "store", "reason", "by", "at") == [
        (None, "older", "ann", NOON)
    ]
