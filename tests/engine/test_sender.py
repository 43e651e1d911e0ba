"""What a store says to our writes, and how long it goes on: through the real engine."""

import pytest

from sandbox.faults import ShopFault
from tests.simulation.harness import assert_at_rest, assert_conserved

MINUTE, HOUR = 60.0, 3600.0


def standing(harness):
    return sorted(
        row["kind"] for row in harness.rows("SELECT kind FROM finding WHERE closed_at IS NULL")
    )


def told(harness, kind):
    """Return the notices of a kind: 1 where one says that it is over."""
    rows = harness.rows("SELECT kind, resolved FROM notification ORDER BY id")
    return [int(row["resolved"]) for row in rows if row["kind"] == kind]


def batches(harness, state):
    rows = harness.rows("SELECT state FROM batch WHERE store = 'us'")
    return [row for row in rows if row["state"] == state]


def assert_quiet(harness):
    """All is as if nothing had happened."""
    assert_conserved(harness)
    assert_at_rest(harness)
    assert standing(harness) == []
    assert batches(harness, "open") == []
    assert harness.rows("SELECT id FROM level WHERE due OR suspended IS NOT NULL") == []


def kill_token(harness):
    """Withdraw the token; return what gives it back."""
    access = harness.shops["us"].access
    known, access.permanent_token = access.permanent_token, "shpat_other"
    return lambda: setattr(access, "permanent_token", known)


def release_withheld(harness, hours, *, awake=3 * MINUTE):
    """Let hours pass in which the machine is mostly asleep: virtual time is not for nothing."""
    for _ in range(hours):
        harness.advance(awake)
        harness.loop.passed += 60 * MINUTE - awake


# -- how long nothing was written


def test_a_token_that_is_dead_for_30_hours_leaves_nothing_unfinished(build_harness):
    """What the store certainly did not execute is as good as never sent."""
    harness = build_harness(opened=True)
    give_back = kill_token(harness)
    harness.change_stock("eu", "SKU-0", -5)
    for hour in range(30):
        harness.change_stock("eu", "SKU-1", -1 - hour % 2)
        release_withheld(harness, 1)
    give_back()
    harness.advance(15 * MINUTE)
    assert harness.rows("SELECT id FROM adjustment WHERE state = 'doubtful'") == []
    assert harness.shows("us", "SKU-0") == 45
    assert told(harness, "store_blocked") == [0, 1]
    assert_quiet(harness)


@pytest.mark.parametrize("code", [401, 402, 403, 404, 423, 429, 430, ShopFault.THROTTLED])
def test_what_is_certainly_not_executed_is_as_good_as_never_sent(build_harness, code):
    """A store that refuses at the door for a day and more: whatever it says."""
    harness = build_harness(opened=True)
    harness.shops["us"].faults.answers = {code: 1.0}
    harness.change_stock("eu", "SKU-0", -5)
    release_withheld(harness, 25, awake=MINUTE)
    harness.shops["us"].faults.answers = {}
    harness.advance(20 * MINUTE)
    assert harness.rows("SELECT id FROM adjustment WHERE state = 'doubtful'") == []
    assert_quiet(harness)


def test_a_store_is_written_to_once_it_has_said_who_it_is(build_harness):
    """Another store may have taken over its address."""
    harness = build_harness(opened=True)
    harness.process.context.identified.discard("us")
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(14)
    assert harness.written("us", "SKU-0") == []
    harness.process.context.catalogues.notify()
    harness.advance(60)
    assert harness.written("us", "SKU-0") == [-5]
    assert_quiet(harness)


def test_a_doubtful_sending_stays_doubtful_however_often_it_is_refused_later(build_harness):
    """Only that batch needs a person; all else is written when the token is back."""
    harness = build_harness(opened=True)
    harness.shops["us"].faults.next = [ShopFault.DROP_AFTER]
    give_back = kill_token(harness)
    give_back()
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(0.3)
    assert harness.shows("us", "SKU-0") == 45
    give_back = kill_token(harness)
    for _ in range(30):
        harness.change_stock("eu", "SKU-1", -1)
        release_withheld(harness, 1)
    give_back()
    harness.advance(15 * MINUTE)
    [finding] = harness.rows("SELECT kind, facts FROM finding WHERE closed_at IS NULL")
    assert finding["kind"] == "suspended"
    assert '"why": "unfinished"' in finding["facts"]
    assert '"book": 50' in finding["facts"]
    assert '"if_written": 45' in finding["facts"]
    assert len(harness.written("us", "SKU-0")) == 1
    assert harness.shows("us", "SKU-1") == harness.expected("SKU-1")
    assert batches(harness, "open") == []
    assert_conserved(harness)


def test_a_process_that_dies_while_it_sends_leaves_a_doubtful_batch(build_harness):
    """The stamp is committed before the request leaves: nobody knows what became of it."""
    harness = build_harness(opened=True)
    harness.shops["us"].faults.next = [ShopFault.DROP_AFTER]
    harness.change_stock("eu", "SKU-0", -5)
    while not harness.written("us", "SKU-0"):
        harness.advance(0.05)
    harness.kill()
    [batch] = harness.rows("SELECT first_sent_at FROM batch WHERE store = 'us' AND state = 'open'")
    assert batch["first_sent_at"] is not None
    harness.start()
    harness.advance(MINUTE)
    assert harness.written("us", "SKU-0") == [-5]
    assert_quiet(harness)


# -- a key that is spent


def test_a_store_that_spends_every_key_gets_few_of_them_and_people_are_told(build_harness):
    """Each costs a batch and its history: the pauses grow, and one notice says so."""
    harness = build_harness(opened=True)
    harness.shops["us"].faults.mutations_only = True
    harness.shops["us"].faults.answers = {ShopFault.SPENT: 1.0}
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(MINUTE)
    assert standing(harness) == []  # it may be over before anybody has read it
    harness.advance(9 * MINUTE)
    assert standing(harness) == ["updates_failing"]
    harness.advance(50 * MINUTE)
    assert len(batches(harness, "refused")) <= 130  # one a minute, and some at the beginning
    assert told(harness, "updates_failing") == [0]
    harness.shops["us"].faults.answers = {}
    harness.advance(2 * MINUTE)
    assert told(harness, "updates_failing") == [0, 1]
    assert harness.written("us", "SKU-0") == [-5]
    assert_quiet(harness)


def test_what_one_process_told_the_next_one_says_is_over(build_harness):
    """A restart must leave no alert behind."""
    harness = build_harness(opened=True)
    harness.shops["us"].faults.mutations_only = True
    harness.shops["us"].faults.answers = {ShopFault.SPENT: 1.0}
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(10 * MINUTE)
    assert standing(harness) == ["updates_failing"]
    harness.kill()
    harness.shops["us"].faults.answers = {}
    harness.start()
    harness.advance(2 * MINUTE)
    assert told(harness, "updates_failing") == [0, 1]
    assert_quiet(harness)


def test_a_store_that_can_be_read_but_answers_no_write_is_told_of(build_harness):
    """Its reads say that it is there; nothing is written for hours, and that is not silence."""
    harness = build_harness(opened=True)
    harness.shops["us"].faults.mutations_only = True
    harness.shops["us"].faults.answers = {ShopFault.ERROR_BEFORE: 1.0}
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(HOUR)
    assert standing(harness) == ["updates_failing"]
    assert told(harness, "updates_failing") == [0]
    harness.shops["us"].faults.answers = {}
    harness.advance(2 * MINUTE)
    assert_quiet(harness)


# -- a batch that is refused as a whole


def test_a_refusal_as_a_whole_is_told_once_and_its_end_once(build_harness):
    """Only the answer to a write lifts it: that the store says who it is means nothing."""
    harness = build_harness(opened=True)
    shop = harness.shops["us"]
    shop.faults.mutations_only = True
    shop.faults.answers = {400: 1.0}
    harness.change_stock("eu", "SKU-0", -5)
    before = shop.counts.requests
    for _ in range(60):
        harness.change_stock("eu", "SKU-1", -1)
        harness.change_stock("eu", "SKU-1", 1)
        harness.advance(MINUTE)
    assert told(harness, "store_blocked") == [0]
    assert standing(harness) == ["store_blocked"]
    assert len(batches(harness, "refused")) <= 12
    assert shop.counts.requests - before < 150
    shop.faults.answers = {}
    harness.advance(15 * MINUTE)
    assert told(harness, "store_blocked") == [0, 1]
    assert harness.written("us", "SKU-0") == [-5]
    assert_quiet(harness)


def test_a_scope_that_is_missing_for_writes_only_is_told_once(build_harness):
    """The store knows us and lets us read: that must not lift what forbids us to write."""
    harness = build_harness(opened=True)
    access = harness.shops["us"].access
    whole = access.scopes
    access.scopes = tuple(each for each in whole if each != "write_inventory")
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(HOUR)
    assert told(harness, "store_blocked") == [0]
    access.scopes = whole
    harness.advance(15 * MINUTE)
    assert told(harness, "store_blocked") == [0, 1]
    assert_quiet(harness)


def test_a_restart_asks_a_store_that_refused_us_at_once(build_harness):
    """Whoever has mended it restarts Tipo and looks."""
    harness = build_harness(opened=True)
    harness.shops["us"].faults.mutations_only = True
    harness.shops["us"].faults.answers = {400: 1.0}
    harness.change_stock("eu", "SKU-0", -5)
    release_withheld(harness, 5)
    harness.kill()
    harness.shops["us"].faults.answers = {}
    harness.start()
    harness.advance(10)
    assert told(harness, "store_blocked") == [0, 1]
    assert_quiet(harness)


@pytest.mark.parametrize(
    "bad",
    [ShopFault.DROP_BEFORE, ShopFault.ERROR_BEFORE, ShopFault.THROTTLED, ShopFault.SPENT, 430],
)
def test_a_probe_without_a_clear_answer_lifts_nothing(build_harness, bad):
    """A refusal, then an outage, then the same refusal: one story."""
    harness = build_harness(opened=True)
    faults = harness.shops["us"].faults
    faults.mutations_only = True
    for answers in ({400: 1.0}, {bad: 1.0}, {400: 1.0}):
        faults.answers = answers
        harness.change_stock("eu", "SKU-0", -1)
        harness.advance(15 * MINUTE)
        assert told(harness, "store_blocked") == [0]
    faults.answers = {}
    harness.advance(15 * MINUTE)
    assert told(harness, "store_blocked") == [0, 1]
    assert_quiet(harness)


def test_a_refusal_of_the_request_says_nothing_of_an_earlier_sending(build_harness):
    """The first may have been written: planned anew, it would be written twice."""
    harness = build_harness(opened=True)
    harness.shops["us"].faults.mutations_only = True
    harness.shops["us"].faults.next = [ShopFault.DROP_AFTER, 400, 400]
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(30 * MINUTE)
    assert harness.written("us", "SKU-0") == [-5]
    assert_quiet(harness)
