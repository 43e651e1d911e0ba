"""One of a store's own is several of the pool's: a pack. No unit is made or lost by it."""

import pytest

from sync_core.domain.proposals import Choice, Person
from sync_core.domain.values import Mode
from sync_core.errors import NotAllowed
from tests.simulation.harness import assert_conserved

ANN = Person(team="T", id="U1", name="ann")
LEVELS = "SELECT id, pool_id, store, pack, book, baselined FROM level ORDER BY id"


def ask(harness, pack, sku="SKU-0", alias="us"):
    """Ask whether to use packs; return the question."""
    service = harness.process.service
    pools = harness.do(service.stock(sku, live=False))
    return harness.do(service.ask_pack([each.id for each in pools], pack, alias, ANN))


def confirm(harness, question, seconds=5):
    """Confirm a question, and return what came of it."""
    clicked = harness.do(
        harness.process.service.decide(question.token, Choice.CONFIRM, ANN, "test")
    )
    harness.process.context.requests.notify()
    harness.advance(seconds)
    (line,) = harness.do(harness.process.service.receipt(clicked.receipt)).lines
    return line


def previews(question):
    """Return what would become of each store, in words."""
    return [
        f"{each['store']} {each['what']}: {each['shows']} -> {each['expected']}"
        for each in question.facts["lines"]
    ]


def numbers(harness, sku="SKU-0"):
    return [harness.shows(alias, sku) for alias in harness.shops]


def shared(harness, sku="SKU-0"):
    (found,) = harness.do(harness.process.service.stock(sku, live=False))
    return found.shared


def test_a_store_that_sells_sixes_shows_how_many_sixes_there_are(build_harness):
    """50 are 8 packs and 2 left over; one pack sold takes 6, 3 single ones sold take none."""
    harness = build_harness(opened=True)
    question = ask(harness, 6)
    assert previews(question) == ["us write: 50 -> 8"]
    line = confirm(harness, question)
    assert (line.done, line.moved, [(w.store, w.before, w.after) for w in line.writes]) == (
        True, 0, [("us", 50, 8)],
    )  # fmt: skip
    assert (numbers(harness), shared(harness)) == ([50, 8], 50)
    harness.change_stock("us", "SKU-0", -1)
    harness.advance(3)
    assert (numbers(harness), shared(harness)) == ([44, 7], 44)
    harness.change_stock("eu", "SKU-0", -3)
    harness.advance(3)
    assert (numbers(harness), shared(harness)) == ([41, 6], 41)
    harness.change_stock("us", "SKU-0", 2)
    harness.advance(3)
    assert (numbers(harness), shared(harness)) == ([53, 8], 53)
    assert_conserved(harness)
    assert confirm(harness, ask(harness, 1)).done
    assert (numbers(harness), shared(harness)) == ([53, 53], 53)
    assert_conserved(harness)


def test_a_change_of_packs_is_in_the_history_and_is_set_again_to_undo_it(build_harness):
    harness = build_harness(opened=True)
    confirm(harness, ask(harness, 6))
    service = harness.process.service
    (pool,) = harness.do(service.stock("SKU-0", live=False))
    (entry,) = [each for each in harness.do(service.history(pool.id)) if each.kind == "decision"]
    assert entry.cause == "ann: packs of 6 in US, before 1, receipt 1"
    assert [(each.store, each.pack, each.expected) for each in pool.levels] == [
        ("eu", 1, 50), ("us", 6, 8),
    ]  # fmt: skip
    with pytest.raises(NotAllowed, match="undone; set it again: it was 1"):
        harness.do(service.ask_undo(1, ANN))


def test_a_sale_between_the_question_and_the_answer_needs_another_question(build_harness):
    """50 -> 8 is what was agreed to; 44 -> 7 is not."""
    harness = build_harness(opened=True)
    question = ask(harness, 6)
    harness.change_stock("us", "SKU-0", -6)
    line = confirm(harness, question)
    assert (line.done, line.writes) == (False, ())
    assert "us shows 44 now, not 50" in line.why or "stock has changed" in line.why
    assert numbers(harness) == [44, 44]
    assert previews(ask(harness, 6)) == ["us write: 44 -> 7"]


def test_a_buffer_that_was_set_meanwhile_needs_another_question(build_harness):
    """8 was agreed to; with 14 units kept back it would be 6."""
    harness = build_harness(opened=True)
    question = ask(harness, 6)
    (pool,) = harness.do(harness.process.service.stock("SKU-0", live=False))
    harness.do(
        harness.process.service.pause(by="ann")
    )  # the buffer is not written before the answer
    harness.do(harness.process.service.set_buffer([pool.id], 14, "us", ANN))
    line = confirm(harness, question)
    assert (line.done, line.why) == (False, "the numbers have changed since you were asked")
    harness.do(harness.process.service.resume())
    harness.advance(31)
    assert (numbers(harness), shared(harness)) == ([50, 36], 50)


def test_a_sale_that_nobody_has_told_of_counts_by_the_size_of_its_time(build_harness):
    """Its webhook is lost; the read by id before the change finds it: 5 units, not 5 packs."""
    harness = build_harness(opened=True)
    harness.shops["us"].faults.webhook_lost = 1.0
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(3)
    harness.shops["us"].faults.webhook_lost = 0.0
    question = ask(harness, 6)
    assert previews(question) == ["us write: 45 -> 7"]
    assert confirm(harness, question).done
    assert (numbers(harness), shared(harness)) == ([45, 7], 45)
    assert_conserved(harness)


def test_packs_are_set_before_the_stores_are_connected(build_harness):
    """8 packs beside 50 units are no mismatch: nothing is written, nobody is asked."""
    harness = build_harness()
    item = harness.shops["us"].item("SKU-0").id
    harness.shops["us"].stock(item, next(iter(harness.shops["us"].locations)), 8)
    harness.advance(2)
    question = ask(harness, 6)
    assert previews(question) == ["us off: None -> None"]
    assert confirm(harness, question).done
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(5)
    assert (numbers(harness), shared(harness)) == ([50, 8], 50)
    assert harness.written("us", "SKU-0") == []
    assert harness.rows("SELECT kind FROM finding WHERE closed_at IS NULL") == []


@pytest.mark.parametrize(("shows", "what"), [(8, "fits"), (7, "differs")])
def test_a_mismatch_that_was_a_pack_is_settled_by_its_size(build_harness, shows, what):
    """Where it does not fit, it stays a mismatch with the number that is expected now."""
    harness = build_harness()
    item = harness.shops["us"].item("SKU-0").id
    harness.shops["us"].stock(item, next(iter(harness.shops["us"].locations)), shows)
    harness.open()
    question = ask(harness, 6)
    assert previews(question) == [f"us {what}: {shows} -> 8"]
    assert confirm(harness, question).done
    assert harness.written("us", "SKU-0") == []
    findings = harness.rows("SELECT kind, facts FROM finding WHERE closed_at IS NULL")
    if what == "fits":
        assert findings == []
        harness.change_stock("us", "SKU-0", -1)
        harness.advance(3)
        assert numbers(harness) == [44, 7]
    else:
        assert [row["kind"] for row in findings] == ["differs"]
        assert '"should_show": 8' in findings[0]["facts"]
    assert_conserved(harness)


def test_what_is_being_written_is_waited_for(build_harness):
    harness = build_harness(opened=True)
    harness.shops["us"].faults.outage = True
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(2)
    with pytest.raises(NotAllowed, match="us isn't answering"):
        ask(harness, 6)
    harness.shops["us"].faults.outage = False
    harness.advance(30)
    question = ask(harness, 6)
    harness.shops["us"].faults.outage = True
    clicked = harness.do(
        harness.process.service.decide(question.token, Choice.CONFIRM, ANN, "test")
    )
    harness.process.context.requests.notify()
    harness.advance(5)
    assert harness.do(harness.process.service.receipt(clicked.receipt)).running
    harness.shops["us"].faults.outage = False
    harness.advance(60)
    assert harness.do(harness.process.service.receipt(clicked.receipt)).lines[0].done
    assert numbers(harness) == [45, 7]
    assert_conserved(harness)


def test_what_the_safety_stop_holds_is_decided_first(build_harness):
    """Whether those units are there at all is not known yet."""
    harness = build_harness(items=25, opened=True)
    for sku in harness.skus:
        harness.change_stock("eu", sku, -50, till=True)
    harness.advance(5)
    assert any(row["withheld"] for row in harness.rows("SELECT withheld FROM level"))
    held = next(row for row in harness.rows("SELECT pool_id FROM level WHERE withheld <> 0"))
    with pytest.raises(NotAllowed, match="safety stop"):
        harness.do(harness.process.service.ask_pack([held["pool_id"]], 6, "us", ANN))


@pytest.mark.parametrize(
    ("pack", "alias", "says"),
    [
        (0, "us", "1 to 100,000"),
        (100_001, "us", "1 to 100,000"),
        (1, "us", "is 1 already in us"),
        (6, "eu", "eu is not a destination"),
    ],
)
def test_what_makes_no_sense_is_not_asked(build_harness, pack, alias, says):
    with pytest.raises(NotAllowed, match=says):
        ask(build_harness(opened=True), pack, alias=alias)


def test_all_destinations_are_asked_about_at_once(build_harness):
    harness = build_harness(stores=3)
    harness.open()
    question = ask(harness, 10, alias=None)
    assert sorted(previews(question)) == ["uk write: 50 -> 5", "us write: 50 -> 5"]
    assert confirm(harness, question).done
    harness.change_stock("uk", "SKU-0", -1)
    harness.advance(3)
    assert numbers(harness) == [40, 4, 4]
    assert_conserved(harness)
