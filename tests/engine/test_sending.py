"""What a store says to our writes, and how long it goes on: through the real engine."""

import pytest

from sandbox.faults import Answer
from tests.simulation.house import assert_at_rest, assert_conserved

MINUTE, HOUR = 60.0, 3600.0


def standing(home):
    return sorted(
        row["kind"] for row in home.rows("SELECT kind FROM finding WHERE closed_at IS NULL")
    )


def told(home, kind):
    """Return the notices of a kind: 1 where one says that it is over."""
    rows = home.rows("SELECT kind, over FROM notice ORDER BY id")
    return [int(row["over"]) for row in rows if row["kind"] == kind]


def batches(home, state):
    rows = home.rows("SELECT state FROM batch WHERE store = 'us'")
    return [row for row in rows if row["state"] == state]


def assert_quiet(home):
    """All is as if nothing had happened."""
    assert_conserved(home)
    assert_at_rest(home)
    assert standing(home) == []
    assert batches(home, "open") == []
    assert home.rows("SELECT id FROM level WHERE due OR suspended IS NOT NULL") == []


def kill_token(home):
    """Withdraw the token; return what gives it back."""
    access = home.shops["us"].access
    known, access.permanent_token = access.permanent_token, "shpat_other"
    return lambda: setattr(access, "permanent_token", known)


def let_pass(home, hours):
    """Let hours pass in which the machine is mostly asleep: virtual time is not for nothing."""
    for _ in range(hours):
        home.advance(3 * MINUTE)
        home.loop.passed += 57 * MINUTE


# -- how long nothing was written


def test_a_token_that_is_dead_for_30_hours_leaves_nothing_unfinished(house):
    """What the store certainly did not execute is as good as never sent."""
    home = house(opened=True)
    give_back = kill_token(home)
    home.act("eu", "SKU-0", -5)
    for hour in range(30):
        home.act("eu", "SKU-1", -1 - hour % 2)
        let_pass(home, 1)
    give_back()
    home.advance(15 * MINUTE)
    assert home.rows("SELECT id FROM adjustment WHERE state = 'doubtful'") == []
    assert home.shows("us", "SKU-0") == 45
    assert told(home, "held") == [0, 1]
    assert_quiet(home)


@pytest.mark.parametrize("code", [401, 402, 403, 404, 423, 429, 430, Answer.THROTTLED])
def test_what_is_certainly_not_executed_is_as_good_as_never_sent(house, code):
    """A store that refuses at the door for a day and more: whatever it says."""
    home = house(opened=True)
    home.shops["us"].faults.answers = {code: 1.0}
    home.act("eu", "SKU-0", -5)
    let_pass(home, 25)
    home.shops["us"].faults.answers = {}
    home.advance(20 * MINUTE)
    assert home.rows("SELECT id FROM adjustment WHERE state = 'doubtful'") == []
    assert_quiet(home)


def test_a_doubtful_sending_stays_doubtful_however_often_it_is_refused_later(house):
    """Only that batch needs a person; all else is written when the token is back."""
    home = house(opened=True)
    home.shops["us"].faults.next = [Answer.DROP_AFTER]
    give_back = kill_token(home)
    give_back()
    home.act("eu", "SKU-0", -5)
    home.advance(0.3)
    assert home.shows("us", "SKU-0") == 45
    give_back = kill_token(home)
    for _ in range(30):
        home.act("eu", "SKU-1", -1)
        let_pass(home, 1)
    give_back()
    home.advance(15 * MINUTE)
    [finding] = home.rows("SELECT kind, facts FROM finding WHERE closed_at IS NULL")
    assert finding["kind"] == "suspended"
    assert '"why": "unfinished"' in finding["facts"]
    assert '"book": 50' in finding["facts"]
    assert '"if_written": 45' in finding["facts"]
    assert len(home.written("us", "SKU-0")) == 1
    assert home.shows("us", "SKU-1") == home.expected("SKU-1")
    assert batches(home, "open") == []
    assert_conserved(home)


def test_a_process_that_dies_while_it_sends_leaves_a_doubtful_batch(house):
    """The stamp is committed before the request leaves: nobody knows what became of it."""
    home = house(opened=True)
    home.shops["us"].faults.next = [Answer.DROP_AFTER]
    home.act("eu", "SKU-0", -5)
    while not home.written("us", "SKU-0"):
        home.advance(0.05)
    home.kill()
    [batch] = home.rows("SELECT first_sent_at FROM batch WHERE store = 'us' AND state = 'open'")
    assert batch["first_sent_at"] is not None
    home.start()
    home.advance(MINUTE)
    assert home.written("us", "SKU-0") == [-5]
    assert_quiet(home)


# -- a key that is spent


def test_a_store_that_spends_every_key_gets_few_of_them_and_people_are_told(house):
    """Each costs a batch and its history: the pauses grow, and one notice says so."""
    home = house(opened=True)
    home.shops["us"].faults.mutations_only = True
    home.shops["us"].faults.answers = {Answer.SPENT: 1.0}
    home.act("eu", "SKU-0", -5)
    home.advance(MINUTE)
    assert standing(home) == []  # it may be over before anybody has read it
    home.advance(9 * MINUTE)
    assert standing(home) == ["updates_failing"]
    home.advance(50 * MINUTE)
    assert len(batches(home, "refused")) <= 130  # one a minute, and some at the beginning
    assert told(home, "updates_failing") == [0]
    home.shops["us"].faults.answers = {}
    home.advance(2 * MINUTE)
    assert told(home, "updates_failing") == [0, 1]
    assert home.written("us", "SKU-0") == [-5]
    assert_quiet(home)


def test_what_one_process_told_the_next_one_says_is_over(house):
    """A restart must leave no alert behind."""
    home = house(opened=True)
    home.shops["us"].faults.mutations_only = True
    home.shops["us"].faults.answers = {Answer.SPENT: 1.0}
    home.act("eu", "SKU-0", -5)
    home.advance(10 * MINUTE)
    assert standing(home) == ["updates_failing"]
    home.kill()
    home.shops["us"].faults.answers = {}
    home.start()
    home.advance(2 * MINUTE)
    assert told(home, "updates_failing") == [0, 1]
    assert_quiet(home)


def test_a_store_that_can_be_read_but_answers_no_write_is_told_of(house):
    """Its reads say that it is there; nothing is written for hours, and that is not silence."""
    home = house(opened=True)
    home.shops["us"].faults.mutations_only = True
    home.shops["us"].faults.answers = {Answer.ERROR_BEFORE: 1.0}
    home.act("eu", "SKU-0", -5)
    home.advance(HOUR)
    assert standing(home) == ["updates_failing"]
    assert told(home, "updates_failing") == [0]
    home.shops["us"].faults.answers = {}
    home.advance(2 * MINUTE)
    assert_quiet(home)


# -- a batch that is refused as a whole


def test_a_refusal_as_a_whole_is_told_once_and_its_end_once(house):
    """Only the answer to a write lifts it: that the store says who it is means nothing."""
    home = house(opened=True)
    shop = home.shops["us"]
    shop.faults.mutations_only = True
    shop.faults.answers = {400: 1.0}
    home.act("eu", "SKU-0", -5)
    before = shop.counts.requests
    for _ in range(60):
        home.act("eu", "SKU-1", -1)
        home.act("eu", "SKU-1", 1)
        home.advance(MINUTE)
    assert told(home, "held") == [0]
    assert standing(home) == ["held"]
    assert len(batches(home, "refused")) <= 12
    assert shop.counts.requests - before < 150
    shop.faults.answers = {}
    home.advance(15 * MINUTE)
    assert told(home, "held") == [0, 1]
    assert home.written("us", "SKU-0") == [-5]
    assert_quiet(home)


def test_a_scope_that_is_missing_for_writes_only_is_told_once(house):
    """The store knows us and lets us read: that must not lift what forbids us to write."""
    home = house(opened=True)
    access = home.shops["us"].access
    whole = access.scopes
    access.scopes = tuple(each for each in whole if each != "write_inventory")
    home.act("eu", "SKU-0", -5)
    home.advance(HOUR)
    assert told(home, "held") == [0]
    access.scopes = whole
    home.advance(15 * MINUTE)
    assert told(home, "held") == [0, 1]
    assert_quiet(home)


def test_a_restart_asks_a_store_that_refused_us_at_once(house):
    """Whoever has mended it restarts Tipo and looks."""
    home = house(opened=True)
    home.shops["us"].faults.mutations_only = True
    home.shops["us"].faults.answers = {400: 1.0}
    home.act("eu", "SKU-0", -5)
    let_pass(home, 5)
    home.kill()
    home.shops["us"].faults.answers = {}
    home.start()
    home.advance(10)
    assert told(home, "held") == [0, 1]
    assert_quiet(home)


@pytest.mark.parametrize(
    "bad", [Answer.DROP_BEFORE, Answer.ERROR_BEFORE, Answer.THROTTLED, Answer.SPENT, 430]
)
def test_a_probe_without_a_clear_answer_lifts_nothing(house, bad):
    """A refusal, then an outage, then the same refusal: one story."""
    home = house(opened=True)
    faults = home.shops["us"].faults
    faults.mutations_only = True
    for answers in ({400: 1.0}, {bad: 1.0}, {400: 1.0}):
        faults.answers = answers
        home.act("eu", "SKU-0", -1)
        home.advance(15 * MINUTE)
        assert told(home, "held") == [0]
    faults.answers = {}
    home.advance(15 * MINUTE)
    assert told(home, "held") == [0, 1]
    assert_quiet(home)


def test_a_refusal_of_the_request_says_nothing_of_an_earlier_sending(house):
    """The first may have been written: planned anew, it would be written twice."""
    home = house(opened=True)
    home.shops["us"].faults.mutations_only = True
    home.shops["us"].faults.next = [Answer.DROP_AFTER, 400, 400]
    home.act("eu", "SKU-0", -5)
    home.advance(30 * MINUTE)
    assert home.written("us", "SKU-0") == [-5]
    assert_quiet(home)
