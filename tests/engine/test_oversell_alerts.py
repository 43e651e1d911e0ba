"""Below zero by mistake is critical; below zero because the merchant sells on is a note."""

import pytest

from sync_core.domain.values import Alias, Mode
from tests.simulation.harness import assert_at_rest, assert_conserved

STANDING = """SELECT kind, severity, facts FROM finding
  WHERE closed_at IS NULL AND kind IN ('oversold', 'presold')"""


def standing(harness):
    """Return what stands, in words."""
    return [
        f"{row['severity']} {row['kind']} {units(row['facts'])}" for row in harness.rows(STANDING)
    ]


def units(facts):
    return int(facts.partition('"units": ')[2].partition(",")[0].rstrip("}"))


def policies(harness, policy, *aliases):
    for alias in aliases or harness.shops:
        harness.shops[alias].set_policy("SKU-0", policy)
    harness.advance(5)


@pytest.fixture
def harness(build_harness):
    """Stores that sell on below zero, and told us so when their catalogues were read."""
    built = build_harness()
    for shop in built.shops.values():
        shop.set_policy("SKU-0", "CONTINUE")
    built.open()
    return built


def test_pre_orders_are_one_note(harness):
    """A Critical a day for what is wanted, and the next real one is not read."""
    harness.change_stock("eu", "SKU-0", -60)
    harness.advance(5)
    harness.change_stock("us", "SKU-0", -2)
    harness.advance(5)
    assert standing(harness) == ["info presold 12"]
    assert harness.do(harness.process.service.overview()).oversold == 0
    (found,) = harness.do(harness.process.service.stock("SKU-0", live=False))
    assert (found.shared, found.presold) == (-12, True)
    harness.change_stock("eu", "SKU-0", 20)
    harness.advance(5)
    assert standing(harness) == []
    assert_at_rest(harness)
    assert_conserved(harness)


def test_one_store_that_denies_makes_it_critical(harness):
    policies(harness, "DENY", "us")
    harness.change_stock("eu", "SKU-0", -60)
    harness.advance(5)
    assert standing(harness) == ["critical oversold 10"]
    assert harness.do(harness.process.service.overview()).oversold == 1


def test_an_oversell_that_turns_into_a_pre_sale_is_over(build_harness):
    """Somebody lets the store sell on: from then on nobody has to be called."""
    harness = build_harness(opened=True)
    harness.change_stock("eu", "SKU-0", -60)
    harness.advance(5)
    assert standing(harness) == ["critical oversold 10"]
    policies(harness, "CONTINUE", "eu")
    assert standing(harness) == ["critical oversold 10"], "the other store still denies"
    policies(harness, "CONTINUE", "us")
    assert standing(harness) == ["info presold 10"]
    notifications = harness.rows(
        "SELECT kind, resolved FROM notification WHERE kind IN ('oversold', 'presold')"
    )
    assert [(row["kind"], row["resolved"]) for row in notifications] == [
        ("oversold", 0), ("oversold", 1), ("presold", 0),
    ]  # fmt: skip
    policies(harness, "DENY", "us")
    assert standing(harness) == ["critical oversold 10"]
    harness.change_stock("us", "SKU-0", 10)
    harness.advance(5)
    assert standing(harness) == []


def test_a_store_that_is_turned_off_denies_nothing_any_more(harness):
    policies(harness, "DENY", "us")
    harness.change_stock("eu", "SKU-0", -60)
    harness.advance(5)
    harness.set_mode(Mode.OFF)
    harness.advance(5)
    assert standing(harness) == ["info presold 10"]
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(10)
    assert standing(harness) == ["critical oversold 10"]


def test_a_new_baseline_ends_what_is_so_no_more(harness, tmp_path):
    """Numbers are taken as they are: nobody is told of what an older database remembers."""
    harness.change_stock("eu", "SKU-0", -60)
    harness.advance(5)
    copy = harness.backup(tmp_path / "yesterday.db")
    harness.advance(60)
    harness.restore(copy)
    harness.advance(60)
    assert standing(harness) == ["info presold 10"]
    for alias, shop in harness.shops.items():
        shop.faults.webhook_lost = 1.0
        harness.change_stock(alias, "SKU-0", 20)
        shop.faults.webhook_lost = 0.0
    now = harness.clock.now()
    harness.do(
        harness.process.database.transaction(
            lambda tx: tx.leases.start_takeover(Alias("eu"), "ann", now=now)
        )
    )
    harness.process.context.requests.notify()
    harness.advance(120)
    assert standing(harness) == []
    assert (harness.shows("eu", "SKU-0"), harness.shows("us", "SKU-0")) == (10, 10)


@pytest.mark.parametrize("heals", ["at night", "within a day"])
def test_a_lost_product_webhook_does_not_leave_a_false_alarm(harness, heals):
    """The policy is in the exports, and in the catalogue that is read daily."""
    harness.change_stock("eu", "SKU-0", -60)
    harness.advance(5)
    for shop in harness.shops.values():
        shop.faults.webhook_lost = 1.0
    policies(harness, "DENY", "us")
    for shop in harness.shops.values():
        shop.faults.webhook_lost = 0.0
    assert standing(harness) == ["info presold 10"], "nobody has told us"
    if heals == "at night":
        harness.do(harness.process.service.check("ann"))
        harness.advance(60)
    else:
        harness.read_catalogues()
    assert standing(harness) == ["critical oversold 10"]
