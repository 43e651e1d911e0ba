"""Movements become posts: grouped, counted once, and silent where nobody wants to know."""

from dataclasses import replace
from datetime import time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import activity
from bot.messages import posts as said
from bot.policy import QuietHours
from sync_core.domain.views import NEVER_DUE
from tests.bot.messages.conftest import NOW, POLICY, moved
from tests.bot.messages.test_builders import check_message

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LOUD = replace(POLICY, level="all")


class Kept:
    """Posts as the core keeps them."""

    def __init__(self, policy=LOUD):
        self.posts = {}
        self.policy = policy

    def fold(self, *movements):
        wanted = [activity.LEDGER, *activity.needed_posts(self.posts.get(activity.LEDGER))]
        seen = {key: self.posts[key] for key in wanted if key in self.posts}
        changed = activity.aggregate_movements(seen, movements, now=NOW, policy=self.policy)
        for post in changed:
            old = self.posts.get(post.key)
            assert post.version == (old.version + 1 if old else 1)
            self.posts[post.key] = post
        return [each for each in changed if each.key != activity.LEDGER]

    def told(self):
        return [each for each in self.posts.values() if not each.parent and each.due_at < NEVER_DUE]

    def words(self, key):
        return said.render(self.posts[key], said.NOTHING_FOUND, NOW).text


movements = st.lists(
    st.tuples(
        st.sampled_from(["eu", "us", "uk"]),
        st.integers(-20, 20).filter(bool),
        st.integers(1, 5),
        st.integers(0, 400),
        st.sampled_from(
            ["order #1", "refund of order #1", "restock or edit", "order #1 cancelled"]
        ),
    ),
    max_size=150,
)


def movements_of(drawn):
    at = NOW
    for number, (store, delta, pool, gap, cause) in enumerate(drawn, start=1):
        at += gap * SECOND
        facts = {"store": store, "delta": delta, "counted": delta, "pool": pool, "cause": cause}
        yield moved(number, at, **facts)


@settings(max_examples=100)  # each is a day of sales
@given(drawn=movements, level=st.sampled_from(["all", "digest"]), size=st.integers(1, 9))
def test_each_movement_is_counted_once_whatever_the_batches(drawn, level, size):
    """After a restart the same posts stand there, and every unit is in exactly one of them."""
    given_ = list(movements_of(drawn))
    policy = replace(LOUD, level=level)
    whole, parts = Kept(policy), Kept(policy)
    whole.fold(*given_)
    for start in range(0, len(given_), size):
        parts.fold(*given_[start : start + size])
    alike = [
        {key: (each.body, each.due_at, each.parent) for key, each in kept.posts.items()}
        for kept in (whole, parts)
    ]
    assert alike[0] == alike[1]
    tops = [each.body for each in whole.told()]
    bodies = [b for top in tops for b in top.get("stores", {"": top}).values()]
    assert sum(sum(each["acts"].values()) for each in bodies) == sum(abs(m.delta) for m in given_)
    assert sum(each["movements"] for each in bodies) == len(given_)
    assert whole.fold(*given_) == []
    for each in whole.posts.values():
        if each.key != activity.LEDGER:
            check_message(said.render(each, said.NOTHING_FOUND, NOW))


def test_one_group_is_one_message_and_says_who_follows():
    """The sentence that people read: who sold how much of what, and who follows."""
    kept = Kept()
    kept.fold(
        *(moved(n, NOW + n * SECOND, pool=n % 5, delta=-d) for n, d in enumerate([5, 4, 3], 1))
    )
    assert [(each.key, each.due_at) for each in kept.told()] == [
        ("activity:us:1", NOW + 31 * SECOND)
    ]
    assert kept.words("activity:us:1") == "US sold 12 units of 3 products; EU follows."


def test_five_minutes_of_quiet_end_a_group():
    kept = Kept()
    kept.fold(moved(1), moved(2, NOW + 5 * MINUTE), moved(3, NOW + 10 * MINUTE + SECOND))
    assert [each.key for each in kept.told()] == ["activity:us:1", "activity:us:3"]


def test_a_group_lasts_a_quarter_of_an_hour_at_most():
    kept = Kept()
    kept.fold(*(moved(n, NOW + (n - 1) * 4 * MINUTE) for n in range(1, 7)))
    assert [each.key for each in kept.told()] == ["activity:us:1", "activity:us:5"]


@pytest.mark.parametrize(
    ("delta", "cause", "act"),
    [
        (-5, "order #1002", "sold"),
        (5, "order #1002 cancelled", "refunded"),
        (1, "refund of order #1002", "refunded"),
        (10, "restock or edit", "restocked"),
        (-2, "changed in the store", "changed"),
    ],
)
def test_a_cause_is_told_in_our_own_words(delta, cause, act):
    assert activity.kind_of_change(delta, cause) == act


def test_a_day_is_one_message():
    kept = Kept(POLICY)
    kept.fold(moved(1), moved(2, NOW + 30 * MINUTE, store="eu", delta=10, cause="restock or edit"))
    [post] = kept.told()
    assert (post.key, post.due_at) == ("summary:2026-11-23T09:00", NOW.replace(hour=9, minute=0))
    assert kept.words(post.key).startswith("Daily summary: 5 units sold, 15 units changed in all")


def test_with_problems_only_sales_are_no_news():
    kept = Kept(replace(POLICY, level="problems"))
    kept.fold(moved(1))
    assert kept.told() == []


def test_quiet_hours_put_off_sales():
    kept = Kept(replace(LOUD, quiet=QuietHours(start=time(8), end=time(9))))
    kept.fold(moved(1))
    assert [each.due_at for each in kept.told()] == [NOW.replace(hour=9, minute=0)]


def test_a_thread_goes_on_in_pages_and_ends():
    kept = Kept()
    kept.fold(*(moved(n, NOW + n * SECOND / 2) for n in range(1, 501)))
    pages = [each for each in kept.posts.values() if each.parent]
    assert [len(each.body["rows"]) for each in pages] == [40] * 10
    assert kept.words("activity:us:1").startswith("US sold 2,500 units of ")


@pytest.mark.parametrize("had", [1, 2], ids=["an older version", "the newest"])
def test_updates_that_come_close_together_are_said_together(had):
    """Slack may have got the first version only while the second was being written."""
    kept = Kept()
    kept.fold(moved(1))
    kept.fold(moved(2, NOW + SECOND))
    key = "activity:us:1"
    kept.posts[key] = replace(kept.posts[key], sent=had, ts="1.1")
    dues = []
    for n in range(3, 9):
        kept.fold(moved(n, NOW + MINUTE + (n - 3) * 10 * SECOND))
        dues.append((kept.posts[key].due_at - NOW - MINUTE).total_seconds())
    assert dues == [15, 25, 35, 45, 45, 45]


def test_one_message_tells_so_many_products_apart():
    """A body must not grow without end; what it says stays true."""
    kept = Kept()
    kept.fold(*(moved(n, NOW + n * SECOND / 99, pool=n) for n in range(1, 5003)))
    assert kept.words("activity:us:1").startswith(
        "US sold 25,010 units of more than 5,000 products"
    )
