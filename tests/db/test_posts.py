"""What was said in channels, and is still to be said: nothing twice, nothing lost."""

import pytest

from sync_core.domain.views import Post
from tests.db.conftest import NOON, after
from tests.db.proposal_helpers import at_once


def post(key="a", **rest):
    return Post(**{"key": key, "channel": "C1", "body": {"n": 1}, "due_at": NOON, **rest})


def write(database, *posts, before=None, to=None):
    believed, wanted = before or {}, before or {} if to is None else to
    return database.run(lambda tx: tx.posts.save(posts, believed, wanted))


def unsent_posts(database, at=0, limit=50):
    found = database.run(lambda tx: tx.posts.unsent(now=after(at), limit=limit))
    return [each.key for each in found]


def known(database, key="a"):
    return database.run(lambda tx: tx.posts.by_key([key])).get(key)


def test_posts_and_cursors_move_together_or_not_at_all(database):
    """A crash between the two would say something twice, or never."""
    assert write(database, post(), to={"notices": 3})
    assert database.run(lambda tx: tx.posts.cursors()) == {"notices": 3}
    assert not write(database, post("b"), before={"notices": 2}, to={"notices": 5})
    assert not write(database, post("b", version=7), before={"notices": 3}, to={"notices": 5})
    assert database.run(lambda tx: tx.posts.cursors()) == {"notices": 3}
    assert known(database, "b") is None
    assert write(database, before={"notices": 3}, to={"notices": 5})


def test_a_post_is_found_by_the_message_that_it_is(database):
    """A click names its message, and nothing else; channels count apart."""
    write(database, post(), post("b", channel="C2"))
    for key, channel in (("a", "C1"), ("b", "C2")):
        database.run(lambda tx, k=key, c=channel: tx.posts.sent(k, 1, "17.1", c))
    found = [database.run(lambda tx, c=c: tx.posts.at(c, "17.1")) for c in ("C1", "C2")]
    assert [each.key for each in found] == ["a", "b"]
    assert database.run(lambda tx: tx.posts.at("C1", "17.2")) is None


def test_of_several_writers_one_moves_the_cursors(database, database_url):
    """Two processes turn the same notices into posts: they are said once."""
    write(database, to={"notices": 3})

    async def work(own, turn):
        mine = [post(f"p{turn}")]
        return await own.transaction(
            lambda tx: tx.posts.save(mine, {"notices": 3}, {"notices": 4 + turn})
        )

    answers = at_once(database_url, 6, work)
    assert sorted(answers) == [False] * 5 + [True]
    winner = answers.index(True)
    assert unsent_posts(database) == [f"p{winner}"]
    assert database.run(lambda tx: tx.posts.cursors()) == {"notices": 4 + winner}


@pytest.mark.parametrize("exists", [True, False], ids=["changed", "new"])
def test_of_several_writers_one_makes_the_next_version(database, database_url, exists):
    """The others have believed in an older one: they read it again, and nothing is lost."""
    if exists:
        write(database, post())

    async def work(own, turn):
        mine = [post(version=1 + exists, body={"by": turn})]
        return await own.transaction(lambda tx: tx.posts.save(mine, {}, {}))

    answers = at_once(database_url, 6, work)
    assert sorted(answers) == [False] * 5 + [True]
    assert known(database).body == {"by": answers.index(True)}
    assert known(database).version == 1 + exists


def test_a_new_version_keeps_what_is_known_of_the_sent_one(database):
    """It is the same message, edited: not a second one."""
    write(database, post())
    database.run(lambda tx: tx.posts.sent("a", 1, "17.5", "C9"))
    assert unsent_posts(database) == []
    assert write(database, post(version=2, body={"n": 2}, channel="C9"))
    assert known(database) == post(version=2, body={"n": 2}, channel="C9", sent=1, ts="17.5")
    assert unsent_posts(database) == ["a"]


def test_a_version_that_was_overtaken_while_it_was_sent_is_followed_by_the_next(database):
    write(database, post())
    write(database, post(version=2))
    database.run(lambda tx: tx.posts.sent("a", 1, "17.5", "C1"))
    assert (known(database).sent, unsent_posts(database)) == (1, ["a"])
    database.run(lambda tx: tx.posts.sent("a", 2, "17.5", "C1"))
    database.run(lambda tx: tx.posts.sent("a", 1, "0", "C0"))  # an answer that comes late
    assert (known(database).sent, known(database).ts, unsent_posts(database)) == (2, "17.5", [])


@pytest.mark.parametrize("posts", [(post(version=2),), (post(), post("b", version=3))])
def test_a_version_that_does_not_follow_writes_nothing(database, posts):
    assert not write(database, *posts)
    assert unsent_posts(database) == []


def test_parents_come_before_their_threads_and_older_before_newer(database):
    """A thread needs the name of the message that it is under."""
    write(database, post("night"), post("night/1", parent="night"), post("night/0", parent="night"))
    write(database, post("alert", due_at=after(-9)))
    assert unsent_posts(database) == ["night", "night/1", "night/0", "alert"]
    write(database, post("night", version=2), post("late", due_at=after(5)))
    assert unsent_posts(database) == ["night", "night/1", "night/0", "alert"]
    assert unsent_posts(database, at=5, limit=2) == ["night", "night/1"]
    assert unsent_posts(database, at=5)[-1] == "late"


def test_what_could_not_be_sent_waits_and_says_when(database):
    """Slack is down, or says how long to wait."""
    write(database, post(), post("b", due_at=after(60)))
    database.run(lambda tx: tx.posts.not_sent("a", "429", until=after(30)))
    assert (unsent_posts(database, at=29), unsent_posts(database, at=30)) == ([], ["a"])
    database.run(lambda tx: tx.posts.sent("a", 1, "1", "C1"))
    assert (unsent_posts(database, at=59), unsent_posts(database, at=60)) == ([], ["b"])


def test_only_what_was_sent_is_forgotten(database):
    write(database, post("old"), post("waits"), post("new", due_at=after(9)))
    for key in ("old", "new"):
        database.run(lambda tx, k=key: tx.posts.sent(k, 1, "1", "C1"))
    assert database.run(lambda tx: tx.retention.forget_posts(before=after(9))) == 1
    assert sorted(database.run(lambda tx: tx.posts.by_key(["old", "waits", "new"]))) == [
        "new",
        "waits",
    ]


def test_one_process_leads_and_another_takes_over_when_it_is_silent(database):
    """Two who post would say everything twice."""

    def take_leadership(owner, at, until, name="posts"):
        return database.run(
            lambda tx: tx.settings.take_leadership(name, owner, now=after(at), until=after(until))
        )

    assert take_leadership("a", 0, 30)
    assert not take_leadership("b", 29, 60)
    assert take_leadership("a", 29, 60), "whoever leads goes on"
    assert not take_leadership("b", 59, 90)
    assert take_leadership("b", 60, 90)
    assert not take_leadership("a", 61, 90)
    assert take_leadership("a", 61, 90, name="nights"), "another job"


def test_many_processes_want_to_lead_and_one_does(database, database_url):
    for round_ in range(3):

        async def work(own, turn, at=round_ * 100):
            return await own.transaction(
                lambda tx: tx.settings.take_leadership(
                    "x", f"o{turn}", now=after(at), until=after(at + 30)
                )
            )

        assert sum(at_once(database_url, 5, work)) == 1


def test_a_post_comes_back_as_it_was_written(database):
    whole = post(parent="p", kind="night", body={"a": [1, {"b": None}]}, due_at=after(3))
    write(database, whole)
    assert known(database) == whole
    assert known(database, "nothing") is None
