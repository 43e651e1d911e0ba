"""Below zero by mistake is critical; below zero because the merchant sells on is a note."""

import pytest

from sync_core.domain.values import Alias, Mode
from tests.simulation.house import assert_at_rest, assert_conserved

STANDING = """SELECT kind, severity, facts FROM finding
  WHERE closed_at IS NULL AND kind IN ('oversold', 'presold')"""


def standing(home):
    """Return what stands, in words."""
    return [f"{row['severity']} {row['kind']} {units(row['facts'])}" for row in home.rows(STANDING)]


def units(facts):
    return int(facts.partition('"units": ')[2].partition(",")[0].rstrip("}"))


def policies(home, policy, *aliases):
    for alias in aliases or home.shops:
        home.shops[alias].set_policy("SKU-0", policy)
    home.advance(5)


@pytest.fixture
def home(house):
    """Stores that sell on below zero, and told us so when their catalogues were read."""
    built = house()
    for shop in built.shops.values():
        shop.set_policy("SKU-0", "CONTINUE")
    built.open()
    return built


def test_pre_orders_are_one_note(home):
    """A Critical a day for what is wanted, and the next real one is not read."""
    home.act("eu", "SKU-0", -60)
    home.advance(5)
    home.act("us", "SKU-0", -2)
    home.advance(5)
    assert standing(home) == ["info presold 12"]
    assert home.do(home.process.service.overview()).oversold == 0
    (found,) = home.do(home.process.service.stock("SKU-0", live=False))
    assert (found.shared, found.presold) == (-12, True)
    home.act("eu", "SKU-0", 20)
    home.advance(5)
    assert standing(home) == []
    assert_at_rest(home)
    assert_conserved(home)


def test_one_store_that_denies_makes_it_critical(home):
    policies(home, "DENY", "us")
    home.act("eu", "SKU-0", -60)
    home.advance(5)
    assert standing(home) == ["critical oversold 10"]
    assert home.do(home.process.service.overview()).oversold == 1


def test_an_oversell_that_turns_into_a_pre_sale_is_over(house):
    """Somebody lets the store sell on: from then on nobody has to be called."""
    home = house(opened=True)
    home.act("eu", "SKU-0", -60)
    home.advance(5)
    assert standing(home) == ["critical oversold 10"]
    policies(home, "CONTINUE", "eu")
    assert standing(home) == ["critical oversold 10"], "the other store still denies"
    policies(home, "CONTINUE", "us")
    assert standing(home) == ["info presold 10"]
    notices = home.rows("SELECT kind, over FROM notice WHERE kind IN ('oversold', 'presold')")
    assert [(row["kind"], row["over"]) for row in notices] == [
        ("oversold", 0), ("oversold", 1), ("presold", 0),
    ]  # fmt: skip
    policies(home, "DENY", "us")
    assert standing(home) == ["critical oversold 10"]
    home.act("us", "SKU-0", 10)
    home.advance(5)
    assert standing(home) == []


def test_a_store_that_is_turned_off_denies_nothing_any_more(home):
    policies(home, "DENY", "us")
    home.act("eu", "SKU-0", -60)
    home.advance(5)
    home.set_mode(Mode.OFF)
    home.advance(5)
    assert standing(home) == ["info presold 10"]
    home.set_mode(Mode.TWO_WAY)
    home.advance(10)
    assert standing(home) == ["critical oversold 10"]


def test_a_new_baseline_ends_what_is_so_no_more(home, tmp_path):
    """Numbers are taken as they are: nobody is told of what an older database remembers."""
    home.act("eu", "SKU-0", -60)
    home.advance(5)
    copy = home.backup(tmp_path / "yesterday.db")
    home.advance(60)
    home.restore(copy)
    home.advance(60)
    assert standing(home) == ["info presold 10"]
    for alias, shop in home.shops.items():
        shop.faults.webhook_lost = 1.0
        home.act(alias, "SKU-0", 20)
        shop.faults.webhook_lost = 0.0
    now = home.clock.now()
    home.do(
        home.process.database.step(
            lambda ledger: ledger.start_takeover(Alias("eu"), "ann", now=now)
        )
    )
    home.process.context.papers.ring()
    home.advance(120)
    assert standing(home) == []
    assert (home.shows("eu", "SKU-0"), home.shows("us", "SKU-0")) == (10, 10)


@pytest.mark.parametrize("heals", ["at night", "within a day"])
def test_a_lost_product_webhook_does_not_leave_a_false_alarm(home, heals):
    """The policy is in the exports, and in the catalogue that is read daily."""
    home.act("eu", "SKU-0", -60)
    home.advance(5)
    for shop in home.shops.values():
        shop.faults.webhook_lost = 1.0
    policies(home, "DENY", "us")
    for shop in home.shops.values():
        shop.faults.webhook_lost = 0.0
    assert standing(home) == ["info presold 10"], "nobody has told us"
    if heals == "at night":
        home.do(home.process.service.check("ann"))
        home.advance(60)
    else:
        home.read_catalogues()
    assert standing(home) == ["critical oversold 10"]
