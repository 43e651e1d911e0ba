"""What a person decides at a terminal: taking back, keeping units back, places, modes."""

import pytest

from sync_core.domain.proposals import Choice, Person
from tests.cli.conftest import ask, rest, serving

JACKET = "SFDJ-M"
ANN = Person(team="T1", id="U1", name="ann")


# -- taking back
@pytest.fixture
def decided(known):
    """At their first meeting the stores differed by five; ann has chosen 47, under receipt 1."""
    known.shops["us"].edit(JACKET, by=-5)
    known("mode", "two-way", "--yes", "--time-out", 0, expect=1)
    known.work(_all_met)
    rest()
    known("check", expect=1)
    with serving():
        assert ask(_choose_47) == 1
    rest()
    assert shown(known) == [47, 47]
    return known


async def _all_met(service):
    return not any(each.waiting for each in await service.baselines())


async def _choose_47(parts):
    report = await parts.service.last_report()
    _, (proposal,) = await parts.service.proposals(report.id)
    clicked = await parts.service.decide(
        proposal.token, Choice.USE_NUMBER, ANN, "listed", number=47
    )
    while (await parts.service.receipt(clicked.receipt)).running or not await _quiet(parts):
        await parts.clock.sleep(0.05)
    return clicked.receipt


async def _quiet(parts):
    stores = (await parts.service.overview()).stores
    return not any(each.due or each.open or each.refreshes for each in stores)


def shown(tipo):
    return [tipo.shops[alias].available(JACKET) for alias in ("eu", "us")]


def test_a_receipt_is_listed_shown_and_taken_back(decided):
    """The way back from a wrong click, by a person who has the terminal and not Slack."""
    (receipt,) = decided.json("receipts")["receipts"]
    assert (receipt["id"], receipt["by"]["name"], receipt["rule"]) == (1, "ann", "listed")
    assert "fix: use number" in decided("receipts").output
    moved = receipt["lines"][0]["moved"]

    with serving():
        said = decided("undo", 1, "--yes").output
        ask(_until_quiet)

    assert "Receipt 1, " in said
    assert f"Receipt 1 was undone by receipt 2: {-moved:+d}" in said
    assert shown(decided) == [50, 45]
    assert "undone by receipt 2" in decided("receipts").output
    assert "undone already, by 2" in decided("undo", 1, "--yes", expect=2).output

    told = decided.json("history", JACKET)["pools"][0]["entries"]
    decisions = [each for each in told if each["kind"] == "decision"]
    assert [(each["ref"], each["delta"]) for each in decisions] == [(1, moved), (2, -moved)]
    assert decisions[0]["cause"] == "ann: use 47, receipt 1"
    assert (decisions[0]["shared"], decisions[0]["state"]) == (47, "decided")
    assert decisions[1]["cause"].endswith(": undo receipt 1, receipt 2")
    assert "ann: use 47, receipt 1 → shared 47" in decided("history", JACKET).output

    rows = decided("export", "decisions").stdout.splitlines()
    assert len(rows) == 3
    what = "fix,differs,Slim Fit Denim Jacket (M),use_number,done,true"
    assert f",ann,U1,listed,{what},,{moved},47," in rows[1]


async def _until_quiet(parts):
    while not await _quiet(parts):
        await parts.clock.sleep(0.05)


def test_an_undo_waits_for_serve(decided):
    said = decided("undo", 1, "--yes").output
    assert "`tipo serve` isn't running; receipt 1 is undone when it starts" in said
    assert shown(decided) == [47, 47]
    assert "under way" in decided("receipts").output


def test_an_undo_that_is_not_done_in_time_says_so(decided):
    """A sign of life is there, but nobody works."""
    ask(lambda parts: parts.service.heartbeat())
    told = decided.json("undo", 1, "--yes", "--time-out", 0.3, expect=1)
    assert (told["undoes"], told["serving"], told["done"]) == (1, True, False)
    assert told["receipt"]["running"] is True


def test_nothing_is_taken_back_without_an_answer(decided, person):
    said = decided("undo", 1, says="n\n").output
    assert "Undoing it would set" in said
    assert "Nothing was changed." in said
    assert len(decided.json("receipts")["receipts"]) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(("undo", "7", "--yes"), "there is no receipt 7; `tipo receipts`", id="none"),
        pytest.param(("undo", "1x"), "Invalid value", id="no number"),
        pytest.param(("undo",), "Missing argument", id="nothing"),
        pytest.param(("receipts", "--limit", "0"), "Invalid value", id="no receipts"),
        pytest.param(("receipts", "--limit", "1001"), "Invalid value", id="too many"),
        pytest.param(("undo", "9" * 20), "Invalid value", id="more than a database takes"),
        pytest.param(("undo", "1", "--time-out", "nan"), "Invalid value", id="no time"),
        pytest.param(("undo", "1", "--time-out", "inf"), "Invalid value", id="without end"),
        pytest.param(("history", "x", "--limit", "-1"), "Invalid value", id="less than none"),
        pytest.param(("deliveries", "retry", "9" * 20), "Invalid value", id="no such delivery"),
    ],
)
def test_numbers_that_cannot_be(known, words, says):
    assert says in known(*words, expect=2).output


def test_no_receipts_yet(known):
    assert "No decisions yet." in known("receipts").output
    assert known.json("receipts") == {"receipts": []}


# -- buffers
def test_units_are_kept_back_from_a_store(baselined):
    said = baselined("buffer", JACKET, "2", "us", "--yes").output
    assert "2 units kept back from us: 1 levels changed" in said
    with serving():
        ask(_until_quiet)
    assert shown(baselined) == [50, 48]
    told = baselined.json("buffer", "slim-fit-denim-jacket", "0", "--yes")
    assert (told["buffer"], told["store"], told["levels"], len(told["pools"])) == (0, None, 1, 3)


def test_units_of_all_are_kept_back(baselined):
    assert baselined.json("buffer", "ALL", "1", "--yes") == {
        "pools": "all",
        "buffer": 1,
        "store": None,
        "levels": 12,
    }


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        pytest.param((JACKET,), "name the product and how many units", 2, id="no units"),
        pytest.param(("2",), "name the product and how many units", 2, id="no product"),
        pytest.param((JACKET, "two"), "name the product", 2, id="units in words"),
        pytest.param((JACKET, "2", "mars", "--yes"), "mars is not a destination", 2, id="mars"),
        pytest.param((JACKET, "9999999", "--yes"), "from 0 to 1,000,000", 2, id="too many"),
        pytest.param((JACKET, "2"), "add --yes", 2, id="nobody to ask"),
        pytest.param(("zebra", "2"), "No synced product matches", 1, id="no such product"),
        pytest.param(("fit", "2"), "products match. Choose one", 1, id="too many products"),
    ],
)
def test_wrong_words_about_buffers(known, words, says, code):
    assert says in known("buffer", *words, expect=code).output


# -- packs
def test_a_store_sells_in_packs(alone):
    with serving():
        told = alone.json("pack", JACKET, "6", "us", "--yes")
        alone.work(all_settled_as(alone, [50, 8]))
    lines = [(each["store"], each["what"], each["expected"]) for each in told["lines"]]
    assert (told["pack"], told["done"], lines) == (6, True, [("us", "write", 8)])
    assert "in packs of 6" in alone("stock", JACKET).output
    with serving():
        said = alone.at_rest("pack", JACKET, "1", "us", "--yes").output
    assert "us: 8 → 50" in said
    assert "Done, receipt" in said
    assert "packs of 6 in US, before 1" in alone("history", JACKET).output


def all_settled_as(tipo, numbers):
    async def holds(_service):
        return shown(tipo) == numbers

    return holds


def test_a_pack_size_is_shown_before_it_is_asked_for(alone, person):
    said = alone("pack", JACKET, "6", "us", says="n\n")
    assert "us: 50 → 8" in said.output
    assert "Nothing was changed." in said.output
    said = alone("pack", JACKET, "6", "us", says="y\n").output
    assert "`tipo serve` isn't running; it is done when it starts" in said


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        pytest.param((JACKET,), "name the product and how many shared units", 2, id="no units"),
        pytest.param(("all", "6", "us"), "name the product", 2, id="all products"),
        pytest.param((JACKET, "0", "us", "--yes"), "1 to 100,000", 2, id="nothing"),
        pytest.param((JACKET, "1", "us", "--yes"), "is 1 already in us", 2, id="no change"),
        pytest.param((JACKET, "6", "mars", "--yes"), "mars is not a destination", 2, id="mars"),
        pytest.param((JACKET, "6", "us"), "add --yes", 2, id="nobody to ask"),
        pytest.param(("zebra", "6"), "No synced product matches", 1, id="no such product"),
        pytest.param(("fit", "6"), "products match. Choose one", 1, id="too many products"),
    ],
)
def test_wrong_words_about_packs(baselined, words, says, code):
    assert says in baselined("pack", *words, expect=code).output


# -- places
@pytest.fixture
def outlets(known):
    """Each store has a second location, of another name."""
    known.shops["eu"].add_location("Outlet Paris")
    known.shops["us"].add_location("Outlet Boston")
    for shop in known.shops.values():
        shop.connect(JACKET, max(shop.locations))
    known.work(_has_free)
    return known


async def _has_free(service):
    _, free = await service.location_groups()
    return sum(map(len, free.values())) == 2


def test_locations_of_different_names_are_put_together_by_hand(outlets):
    said = outlets("locations", expect=1).output
    assert "tipo locations set NAME" in said
    number = max(outlets.shops["eu"].locations)
    said = outlets(
        "locations", "set", "Outlets", f"eu={number}", "us=outlet boston", "--yes"
    ).output
    assert "Outlets is eu" in said
    told = outlets.json("locations")
    assert [each["name"] for each in told["location_groups"]] == ["Berlin warehouse", "Outlets"]
    assert told["unmapped"] == []
    outlets.work(_two_pools)


async def _two_pools(service):
    return len(await service.stock(JACKET, live=False)) == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(("New", "eu=Outlet Paris"), "would be in eu alone", id="one store"),
        pytest.param(("New", "mars=1", "us=2"), "the stores are eu, us", id="unknown store"),
        pytest.param(("New", "eu", "us"), "the stores are eu, us", id="no location"),
        pytest.param(("New", "eu=77", "us=2"), "eu has no open location 77; it has", id="unknown"),
        pytest.param(
            ("New", "eu=Berlin warehouse", "us=Outlet Boston", "--yes"), "is in", id="used twice"
        ),
        pytest.param(
            ("berlin WAREHOUSE", "us=Outlet Boston", "--yes"), "can't be moved", id="in use"
        ),
        pytest.param(("New", "eu=Outlet Paris", "us=Outlet Boston"), "add --yes", id="nobody"),
        pytest.param(("New",), "Missing argument", id="nothing"),
    ],
)
def test_wrong_words_about_places(outlets, words, says):
    assert says in outlets("locations", "set", *words, expect=2).output


# -- modes
def test_a_mode_is_compared_first_and_nothing_changes_without_an_answer(known, person):
    """People decide on what the stores hold now, not on what Tipo last heard."""
    rest()
    known.shops["us"].edit(JACKET, by=-20)
    said = known("mode", "two-way", says="n\n").output
    assert "Compared just now: 11 stock levels match, 1 don't, by 20 units" in said
    assert "Slim Fit Denim Jacket (M)  us" in said
    assert "Nothing was changed." in said
    assert known.json("mode")["modes"] == {"us": "off"}


def test_a_mode_may_be_chosen_where_no_comparison_is_possible(known, person):
    """The brake must work on the very day on which a store is down."""
    rest()
    known.shops["us"].faults.outage = True
    said = known("mode", "one-way", says="y\n").output
    assert "Not compared: the stores couldn't be compared: us:" in said
    assert "12 stock levels have a match" in said
    assert known.json("mode")["modes"] == {"us": "one-way"}


def test_off_needs_no_comparison(baselined, person):
    rest()
    said = baselined("mode", "off", says="y\n").output
    assert "Compared just now" not in said
    assert baselined.json("mode")["modes"] == {"us": "off"}
