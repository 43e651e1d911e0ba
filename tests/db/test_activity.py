"""What moved lately, and what shares its stock with nobody, as people read it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, update

from sync_core.db.tables import POOL, LocationRow
from sync_core.domain.matching import MatchBy, key_of
from sync_core.domain.values import Movement, ObservedBy, Outcome
from sync_core.domain.webhook_events import OrderEvent, OrderEventKind
from tests.db.conftest import EU, NOON, US, after
from tests.unit.builders import variant


def move(database, *moves):
    """Keep movements of level (1: eu, 2: us), delta and second each."""
    for level, delta, second in moves:
        at = after(second)

        def work(tx, level=level, delta=delta, at=at):
            pool = tx.stock.pools([1])[1]
            movement = Movement(
                pool=1,
                level=level,
                level_baseline=0,
                delta=delta,
                counted=delta,
                shared=50,
                seen_at=at,
                source=ObservedBy.WEBHOOK,
            )
            tx.stock.save_outcomes([Outcome(pool=pool, movements=(movement,))], now=at)

        database.run(work)


def hours(database, now, count):
    found = database.run(lambda tx: tx.movements.hours(now=now, count=count))
    return [(each.at, each.units) for each in found]


HOUR = 3600


def test_units_are_summed_by_hour_and_store(furnished):
    """What rose and what fell both count as moved."""
    move(furnished, (1, -5, -2 * HOUR), (1, 3, -2 * HOUR + 3599), (2, -1, -2 * HOUR + 1800))
    move(furnished, (2, -7, 0), (2, -2, 60), (1, -9, -3 * HOUR - 1))
    assert hours(furnished, after(1800), 4) == [
        (after(-3 * HOUR), {}),
        (after(-2 * HOUR), {EU: 8, US: 1}),
        (after(-HOUR), {}),
        (after(0), {US: 9}),
    ]


@pytest.mark.parametrize("half", [timedelta(hours=5, minutes=30), timedelta(hours=-3, minutes=-30)])
def test_hours_of_a_place_that_is_half_an_hour_off(furnished, half):
    """Its hours begin at half past: the same movement is in another hour there."""
    move(furnished, (1, -5, 1799), (2, -4, 1800), (2, -3, -1801))
    now = after(3000).astimezone(timezone(half))
    assert hours(furnished, now, 2) == [
        (after(-1800), {EU: 5}),
        (after(1800), {US: 4}),
    ]


def test_an_hour_begins_on_the_second(furnished):
    """No movement is in two hours, or in none, however numbers round."""
    for hour in range(1, 30):
        move(furnished, (1, -1, -hour * HOUR))
    assert [units for _, units in hours(furnished, after(0), 30)] == [{EU: 1}] * 29 + [{}]


def test_movements_are_told_in_order_and_with_their_causes(furnished):
    """An order explains one movement, and only one."""
    first, second = variant("eu", item=1), variant("us", item=1)
    keys = [key_of(each, MatchBy.HANDLE) for each in (first, second)]
    furnished.run(lambda tx: tx.catalogue.save_variants([first, second], keys))
    order_event = OrderEvent(
        store=US,
        kind=OrderEventKind.SALE,
        ref=7,
        line=1,
        order_id=7,
        name="#1042",
        variant_id=second.variant_id,
        quantity=5,
        location=None,
        at=after(1),
    )
    furnished.run(lambda tx: tx.order_events.save([order_event]))
    move(furnished, (2, -5, 2), (2, -5, 3), (1, 4, 4))
    found = furnished.run(lambda tx: tx.movements.page(after=0, limit=9))
    assert [(each.store, each.delta, each.cause) for each in found] == [
        (US, -5, "order #1042"),
        (US, -5, "changed in the store"),
        (EU, 4, "restock or edit"),
    ]
    later = furnished.run(lambda tx: tx.movements.page(after=found[0].id, limit=1))
    assert [each.id for each in later] == [found[1].id]
    assert furnished.run(lambda tx: tx.movements.last()) == found[-1].id


def test_where_nothing_moved_there_is_nothing_to_tell(furnished):
    assert furnished.run(lambda tx: tx.movements.page(after=0, limit=9)) == []
    assert furnished.run(lambda tx: tx.movements.last()) == 0


# -- what shares with nobody


def stocked(database, *variants, by=MatchBy.HANDLE):
    keys = [key_of(each, by) for each in variants]
    database.run(lambda tx: tx.catalogue.save_variants(variants, keys))


def alone(store="eu", item=500, **rest):
    return variant(store, **{"item": item, "variant_id": item, "handle": f"h{item}", **rest})


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"gift_card": True}, "gift card"),
        ({"bundle": True}, "bundle"),
        ({"tracked": False}, "not tracked"),
        ({"gift_card": True, "bundle": True, "tracked": False}, "gift card"),
        ({}, "no match in another store"),
    ],
)
def test_what_shares_with_nobody_says_why(furnished, facts, why):
    stocked(furnished, alone(**facts))
    total, [found] = furnished.run(lambda tx: tx.catalogue.unmatched(limit=9, offset=0))
    assert (total, found.store, found.item, found.why) == (1, EU, 500, why)


def test_without_a_code_there_is_nothing_to_match_by(furnished):
    stocked(furnished, alone(sku=""), by=MatchBy.SKU)
    _, [found] = furnished.run(lambda tx: tx.catalogue.unmatched(limit=9, offset=0))
    assert found.why == "nothing to match by"


def test_twins_are_said_to_be_in_the_store_that_has_them(furnished):
    """Neither is matched, nor is their partner: whoever reads it must know where to look."""
    twins = [alone("us", item, handle="h") for item in (501, 502)]
    stocked(furnished, *twins, alone("eu", 503, handle="h"))
    _, found = furnished.run(lambda tx: tx.catalogue.unmatched(limit=9, offset=0))
    assert [(each.store, each.why) for each in found] == [
        (EU, "several variants in another store look the same"),
        (US, "several variants in this store look the same"),
        (US, "several variants in this store look the same"),
    ]


def test_a_bundle_is_nobodys_twin(furnished):
    """Bundles take no part in matching."""
    stocked(furnished, alone(handle="h"), alone(item=501, handle="h", bundle=True))
    _, found = furnished.run(lambda tx: tx.catalogue.unmatched(limit=9, offset=0))
    assert {each.item: each.why for each in found} == {
        500: "no match in another store",
        501: "bundle",
    }


def test_what_shares_is_not_listed_and_the_rest_comes_page_by_page(furnished):
    """Item 1 of both stores is in the pool."""
    stocked(furnished, variant("eu", item=1), variant("us", item=1))
    stocked(furnished, *(alone("us", 500 + n, title=f"Thing {n}") for n in range(5)))
    pages = [
        furnished.run(lambda tx, n=n: tx.catalogue.unmatched(limit=2, offset=n)) for n in (0, 2, 4)
    ]
    assert {total for total, _ in pages} == {5}
    assert [each.item for _, some in pages for each in some] == [500, 501, 502, 503, 504]


def test_partners_are_free_the_same_by_a_code_and_one_per_store(furnished):
    """A suggestion for linking by hand: never a guess between two."""
    mine = alone(sku="A", barcodes=("1",))
    stocked(furnished, mine, alone("us", 600, sku="A", barcodes=("9",)))
    assert furnished.run(lambda tx: tx.catalogue.partners(EU, 500)) == {US: 600}
    assert furnished.run(lambda tx: tx.catalogue.partners(US, 600)) == {EU: 500}
    stocked(furnished, alone("us", 601, sku="Z", barcodes=("1",)))
    assert furnished.run(lambda tx: tx.catalogue.partners(EU, 500)) == {}


def test_what_has_no_code_or_shares_already_is_nobodys_partner(furnished):
    stocked(furnished, alone(sku="", barcodes=()), alone("us", 600, sku="", barcodes=()))
    assert furnished.run(lambda tx: tx.catalogue.partners(EU, 500)) == {}
    assert furnished.run(lambda tx: tx.catalogue.partners(EU, 999)) == {}
    stocked(furnished, alone(sku="A", barcodes=()), variant("us", item=1, sku="A"))
    assert furnished.run(lambda tx: tx.catalogue.partners(EU, 500)) == {}


@pytest.mark.parametrize(
    ("text", "pools"),
    [
        ("Why 3 of the Slim Fit Denim Jacket (M)?", [1]),
        ("the slim fit DENIM jacket is gone", [1]),
        ("is SFDJ-M right?", [1]),
        ("4006381333931", [1]),
        ("Slim Fit 100%_ Denim", []),
        ("nothing of ours", []),
        ("", []),
    ],
)
def test_products_are_found_in_what_people_write(furnished, text, pools):
    """By title, with or without its options, else by a code; never by half a name."""
    other = {"title": "100%_", "sku": "", "barcodes": (), "handle": "x"}
    stocked(furnished, variant("eu", item=1), variant("us", item=1), alone(item=2, **other))
    furnished.run(lambda tx: tx.run(update(POOL).values(title="Slim Fit Denim Jacket (M)")))
    assert furnished.run(lambda tx: tx.views.find_pools_in(text)) == pools


@pytest.mark.parametrize(
    "words",
    ["", " \n", "a " * 2_000, f"{'nothing of ours '} " * 200],
    ids=["nothing", "no letter", "as many words as a message holds", "a long message"],
)
def test_what_no_product_can_be_called_finds_none(furnished, words):
    """A message without words means no product, and not those without a SKU."""
    bare = {"sku": "", "handle": "", "barcodes": ()}
    stocked(furnished, variant("eu", item=1, **bare), variant("us", item=1, **bare))
    assert furnished.run(lambda tx: tx.views.find_pools(words)) == []
    assert furnished.run(lambda tx: tx.views.find_pools_in(words)) == []


# -- places


def test_open_locations_are_listed_and_used_places_known(furnished):
    rows = [
        {"store": "eu", "location": 1, "name": "Berlin", "active": True, "owned": True},
        {"store": "eu", "location": 2, "name": "Attic", "active": True, "owned": True},
        {"store": "eu", "location": 3, "name": "Closed", "active": False, "owned": True},
        {"store": "us", "location": 4, "name": "Fulfilled by others", "active": True,
         "owned": False},
    ]  # fmt: skip
    furnished.run(lambda tx: tx.run(insert(LocationRow), rows))
    assert furnished.run(lambda tx: tx.location_groups.locations()) == {
        EU: [(2, "Attic"), (1, "Berlin")]
    }
    assert furnished.run(lambda tx: tx.location_groups.has_levels(1, {US}))
    assert not furnished.run(lambda tx: tx.location_groups.has_levels(1, {"uk"}))
    assert not furnished.run(lambda tx: tx.location_groups.has_levels(2, {US}))


def test_the_clock_of_these_tests_is_a_whole_hour():
    """Else the hours above would mean something else."""
    assert datetime(2026, 11, 23, 12, tzinfo=UTC) == NOON
