"""A critical alert calls who can help: once, by day; or the person who is on it."""

from dataclasses import replace
from datetime import time, timedelta
from functools import partial

import pytest

from bot.incidents.ownership import OwnershipAnswer, own, owner_of, snooze
from bot.messages import posts as said
from bot.messages.ownership import ownership_answer
from bot.notifications import LEDGER, QuietHours
from sync_core.domain.proposals import Person
from tests.bot.messages.conftest import NOW, POLICY, notice
from tests.bot.messages.test_notifications import Kept

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
CALLING = replace(POLICY, approvers=("U0ANN", "S0STOCK"))
NIGHTLY = replace(CALLING, quiet=QuietHours(start=time(22), end=time(7)))
NIGHT = NOW.replace(hour=23, minute=0)
MORNING = (NOW + timedelta(days=1)).replace(hour=7, minute=0)
ANN = Person(team="T1", id="U0ANN", name="ann")
BOB = Person(team="T1", id="U0BOB", name="bob")
CALL = "For <@U0ANN>, <!subteam^S0STOCK>."


def oversold(number, at=NOW, *, pool=None, **given):
    facts = {"title": f"Jacket {number}", "units": 1, "acts": []}
    return notice(
        number,
        "oversold",
        f"pool:{pool or number}",
        at=at,
        **{"severity": "critical", "facts": facts, **given},
    )


def text(kept, key, now=NOW):
    return said.render(kept.posts[key], said.NOTHING_FOUND, now).text


def rendered(kept, key, now=NOW):
    post = kept.posts[key]
    reminded = kept.posts.get(said.reminded_incident(post))
    return said.render(post, replace(said.NOTHING_FOUND, incident=reminded), now)


def labels(kept, key, now=NOW):
    blocks = rendered(kept, key, now).blocks
    rows = [each["elements"] for each in blocks if each["type"] == "actions"]
    return [each["text"]["text"] for row in rows for each in row]


def click(kept, change, person=ANN, key="incident:1", now=NOW):
    """Click: what is kept then is one version higher, or why nothing has changed."""
    post = kept.posts[key]
    found = change(post.body, person, now)
    if isinstance(found, OwnershipAnswer):
        return found
    kept.posts[key] = replace(post, body=found, version=post.version + 1)
    return None


# -- mentions
def test_a_critical_alert_calls_the_approvers_in_its_first_line():
    """In the text, too: phones show nothing else."""
    kept = Kept(CALLING)
    kept.fold(oversold(1))
    assert text(kept, "incident:1").endswith(f"is oversold by 1. {CALL}")
    first = said.render(kept.posts["incident:1"], said.NOTHING_FOUND, NOW).blocks[0]
    parts = [each["type"] for each in first["elements"][0]["elements"]]
    assert {"user", "usergroup"} < set(parts)


def test_a_warning_calls_nobody():
    kept = Kept(CALLING)
    kept.fold(notice(1, "suspended", "level:1"))
    assert "For" not in text(kept, "incident:1")
    assert labels(kept, "incident:1")[-1] == "I'm on it"  # no reminder, so nothing to snooze


def test_where_nobody_is_named_nobody_is_called():
    """The whole channel may decide: it is not shouted at."""
    kept = Kept()
    kept.fold(oversold(1))
    assert text(kept, "incident:1").endswith("is oversold by 1.")


def test_only_who_can_be_mentioned_is_and_a_long_list_is_cut():
    """A name that somebody wrote into the setting is no id: Slack would show it as text."""
    many = tuple(f"U0{n:03}" for n in range(35))
    kept = Kept(replace(POLICY, approvers=("@ann", "<!channel>", *many)))
    kept.fold(oversold(1))
    told = text(kept, "incident:1")
    assert told.endswith("<@U0029> and 5 more.")
    assert told.count("<@") == 30
    assert "channel" not in told


def test_of_a_burst_only_the_first_calls():
    """Ten alerts in a minute are one reason to look."""
    kept = Kept(CALLING)
    for n in range(1, 11):
        kept.fold(oversold(n, NOW + n * SECOND))
    kept.fold(oversold(11, NOW + 10 * MINUTE), oversold(12, NOW + 10 * MINUTE + 2 * SECOND))
    calls = [n for n in range(1, 13) if CALL in text(kept, f"incident:{n}")]
    assert calls == [1, 12]


def test_an_update_neither_calls_again_nor_takes_the_call_away():
    kept = Kept(CALLING)
    kept.fold(oversold(1))
    kept.send(NOW)
    kept.fold(oversold(2, NOW + 20 * MINUTE, pool=1))
    assert set(kept.posts) == {LEDGER, "incident:1"}
    assert text(kept, "incident:1").count("U0ANN") == 1


def test_what_gets_worse_calls_once_more_and_ends_a_snooze():
    """A warning called nobody; now it is critical. The person who was on it still is."""
    kept = Kept(CALLING)
    kept.fold(oversold(1, severity="warning"))
    kept.send(NOW + MINUTE)
    assert click(kept, own) is None
    assert click(kept, snooze) is None
    kept.fold(oversold(2, NOW + HOUR, pool=1))
    body = kept.posts["incident:2"].body
    assert body["mentions"] == ["U0ANN", "S0STOCK"]
    assert owner_of(body).id == "U0ANN"
    assert "snoozed" not in body
    assert click(kept, own) is OwnershipAnswer.MOVED


def test_the_call_of_an_alert_that_is_never_said_is_left_to_the_next():
    """A safety stop that ends within its three seconds must not silence what follows."""
    kept = Kept(CALLING)
    stop = {"severity": "critical", "facts": {"store": "eu", "pools": 25}}
    kept.fold(notice(1, "circuit_breaker", "circuit_breaker:eu:1", **stop))
    kept.fold(
        notice(2, "circuit_breaker", "circuit_breaker:eu:1", at=NOW + SECOND, resolved=True, **stop)
    )
    kept.fold(oversold(3, NOW + 2 * SECOND))
    assert CALL in text(kept, "incident:3")


def test_beyond_so_many_an_hour_their_one_message_calls_once():
    kept = Kept(replace(CALLING, per_hour=1))
    kept.fold(oversold(1))
    for n in range(2, 5):
        kept.fold(oversold(n, NOW + (9 + n) * MINUTE))
    (summary,) = [each for each in kept.posts.values() if each.kind == "critical"]
    assert kept.words(summary.key).endswith(f"3 more incidents in this hour. {CALL}")


# -- at night
def test_at_night_it_is_said_and_calls_nobody_until_the_morning():
    """Nobody is woken; when quiet hours end, those who can help are called."""
    kept = Kept(NIGHTLY)
    kept.fold(oversold(1, NIGHT), now=NIGHT)
    assert kept.posts["incident:1"].due_at == NIGHT
    assert CALL not in text(kept, "incident:1")
    [silent] = kept.remind(NIGHT + 4 * HOUR)
    assert CALL not in kept.words(silent.key)
    *_, calling = kept.remind(MORNING)
    assert kept.words(calling.key) == (f"Critical, still open: Jacket 1 is oversold by 1. {CALL}")
    assert kept.remind(MORNING + MINUTE) == []
    *_, later = kept.remind(MORNING + 4 * HOUR)
    assert CALL in kept.words(later.key)


def test_what_is_over_by_the_morning_calls_nobody():
    kept = Kept(NIGHTLY)
    kept.fold(oversold(1, NIGHT), now=NIGHT)
    kept.fold(oversold(2, NIGHT + HOUR, pool=1, resolved=True), now=NIGHT + HOUR)
    assert kept.remind(MORNING) == []


def test_quiet_hours_that_were_made_longer_keep_the_call_until_their_end():
    kept = Kept(NIGHTLY)
    kept.fold(oversold(1, NIGHT), now=NIGHT)
    kept.policy = replace(NIGHTLY, quiet=QuietHours(start=time(22), end=time(8)))
    [silent] = kept.remind(MORNING)
    assert CALL not in kept.words(silent.key)
    *_, calling = kept.remind(MORNING + HOUR)
    assert CALL in kept.words(calling.key)


def test_who_is_on_it_is_named_at_night_and_called_in_the_morning():
    """A name is no mention: a phone beside a bed stays dark."""
    kept = Kept(NIGHTLY)
    kept.fold(oversold(1, NIGHT), now=NIGHT)
    click(kept, own, now=NIGHT)
    assert "ann is on it since" in text(kept, "incident:1", NIGHT)
    [silent] = kept.remind(NIGHT + 4 * HOUR)
    bullets = str(said.render(silent, said.NOTHING_FOUND, NOW).blocks)
    assert "ann" in bullets
    assert "U0ANN" not in bullets
    *_, calling = kept.remind(MORNING)
    assert "U0ANN" in str(said.render(calling, said.NOTHING_FOUND, NOW).blocks)
    assert CALL not in kept.words(calling.key)


# -- who is on it
def test_whoever_is_on_it_is_named_instead_of_a_call():
    kept = Kept(CALLING)
    kept.fold(oversold(1))
    assert labels(kept, "incident:1") == ["Live numbers", "Why?", "I'm on it", "Snooze 1 h"]
    assert click(kept, own) is None
    stamp = (
        f"<!date^{int(NOW.timestamp())}^{{date_short_pretty}} {{time}}|23 Nov 2026, 08:15 (UTC)>"
    )
    assert text(kept, "incident:1").endswith(f" <@U0ANN> is on it since {stamp}.")
    instead = ["Live numbers", "Why?", "I'm on it instead", "Snooze 1 h"]
    assert labels(kept, "incident:1") == instead


def test_another_one_takes_it_over_and_the_message_says_from_whom():
    """From the one whom their message named: of two at once, the second takes it from nobody."""
    kept = Kept()
    kept.fold(oversold(1))
    click(kept, own)
    (row,) = [
        each for each in rendered(kept, "incident:1").blocks if each.get("block_id") == "people.v2"
    ]
    take = row["elements"][0]
    assert (take["value"], "Approvers only" in str(take["confirm"])) == ("U0ANN", True)
    assert click(kept, partial(own, seen=take["value"]), ANN) is OwnershipAnswer.OWNED_BEFORE
    assert click(kept, partial(own, seen=take["value"]), BOB, now=NOW + HOUR) is None
    told = text(kept, "incident:1")
    assert "<@U0BOB> is on it since" in told
    assert told.endswith(", after ann.")
    body = kept.posts["incident:1"].body
    said_to_bob = ownership_answer(answer=OwnershipAnswer.OWNED, body=body, user="U0BOB").text
    assert said_to_bob.endswith(", after ann.")
    carl = Person(team="T1", id="U0CARL", name="carl")
    late = partial(own, seen=take["value"])
    assert click(kept, late, carl, now=NOW + HOUR) is OwnershipAnswer.OWNED_BEFORE
    assert click(kept, partial(own, seen="U0BOB"), carl) is None
    assert owner_of(kept.posts["incident:1"].body).before == "bob"


def test_only_the_first_is_on_it_and_everybody_is_told_who():
    kept = Kept()
    kept.fold(oversold(1))
    assert click(kept, own) is None
    for person in (ANN, BOB):
        assert click(kept, own, person, now=NOW + HOUR) is OwnershipAnswer.OWNED_BEFORE
    body = kept.posts["incident:1"].body
    again = ownership_answer(answer=OwnershipAnswer.OWNED_BEFORE, body=body, user="U0ANN").text
    other = ownership_answer(answer=OwnershipAnswer.OWNED_BEFORE, body=body, user="U0BOB").text
    assert again.startswith("You're on it since <!date^")
    assert other.startswith("<@U0ANN> is on it since <!date^")
    assert other.endswith("Your click changed nothing.")


def test_it_stays_theirs_while_it_goes_on_and_ends_with_it():
    kept = Kept()
    kept.fold(oversold(1))
    kept.send(NOW)
    click(kept, own)
    kept.fold(oversold(2, NOW + MINUTE, pool=1))
    assert owner_of(kept.posts["incident:1"].body).id == "U0ANN"
    kept.fold(oversold(3, NOW + HOUR, pool=1, resolved=True))
    assert "on it" not in text(kept, "incident:1")
    assert labels(kept, "incident:1") == []
    assert click(kept, own, BOB) is OwnershipAnswer.OVER
    kept.fold(oversold(4, NOW + 2 * HOUR, pool=1))  # another one: nobody's
    assert owner_of(kept.posts["incident:4"].body) is None


@pytest.mark.parametrize("kind", ["mode", "baseline", "paused"])
def test_what_somebody_has_just_done_is_nobodys_to_look_after(kind):
    kept = Kept()
    kept.fold(notice(1, kind, "writing", facts={"by": "ann"}))
    assert "I'm on it" not in labels(kept, "incident:1")


def stop(number, at=NOW, **facts):
    return notice(
        number,
        "circuit_breaker",
        "circuit_breaker:eu:1",
        at=at,
        severity="critical",
        facts={"store": "eu", "rule": "emptied", "pools": 25, **facts},
    )


def test_whoever_says_so_at_the_command_line_is_on_a_safety_stop():
    kept = Kept()
    kept.fold(stop(1))
    kept.fold(stop(2, NOW + MINUTE, investigated_by="ops"))
    assert "ops is on it since" in text(kept, "incident:1")
    assert click(kept, own) is OwnershipAnswer.OWNED_BEFORE
    kept.fold(stop(3, NOW + HOUR, investigated_by="ops", pools=26))
    kept.fold(stop(4, NOW + HOUR, investigated_by="dev"))
    assert text(kept, "incident:1").endswith(", after ops.")
    kept = Kept()
    kept.fold(stop(1), stop(2, NOW + MINUTE, investigated_by="ops"))
    assert kept.posts["incident:1"].body["owner"]["since"] == (NOW + MINUTE).isoformat()


def test_what_the_core_says_of_a_click_keeps_who_clicked():
    """Their id, so that a reminder can mention them."""
    kept = Kept()
    kept.fold(stop(1))
    click(kept, own)
    kept.fold(stop(2, NOW + MINUTE, investigated_by="ann"))
    assert owner_of(kept.posts["incident:1"].body).id == "U0ANN"


def test_a_safety_stop_of_before_says_who_is_on_it():
    """Its post was written by an older Tipo, which kept a name and no time."""
    kept = Kept()
    kept.fold(stop(1, investigated_by="ann"))
    post = kept.posts["incident:1"]
    old = {name: value for name, value in post.body.items() if name != "owner"}
    kept.posts["incident:1"] = replace(post, body=old)
    assert text(kept, "incident:1").endswith(" ann is on it.")
    assert "I'm on it" not in labels(kept, "incident:1")
    assert click(kept, partial(own, seen="ann"), BOB) is None
    assert text(kept, "incident:1").endswith(", after ann.")


# -- a snooze
def test_a_snooze_puts_off_the_reminder_and_says_until_when():
    kept = Kept(CALLING)
    kept.fold(oversold(1))
    later = NOW + 3 * HOUR + 30 * MINUTE
    assert click(kept, snooze, BOB, now=later) is None
    assert click(kept, snooze, ANN, now=later + MINUTE) is OwnershipAnswer.SNOOZED_BEFORE
    told = text(kept, "incident:1", later)
    assert "Snoozed until <!date^" in told
    assert told.endswith(" by <@U0BOB>.")
    assert labels(kept, "incident:1", later) == ["Live numbers", "Why?", "I'm on it"]
    assert kept.remind(NOW + 4 * HOUR) == []
    assert kept.remind(later + HOUR - SECOND) == []


def test_when_a_snooze_is_over_people_are_reminded_and_may_snooze_again():
    """A snooze asks for a reminder in an hour, not in four."""
    kept = Kept(CALLING)
    kept.fold(oversold(1))
    kept.send(NOW)
    click(kept, snooze)
    reminder, redrawn = sorted(kept.remind(NOW + HOUR), key=lambda each: each.key, reverse=True)
    assert (reminder.kind, redrawn.key) == ("reminder", "incident:1")
    assert "Snooze 1 h" in labels(kept, "incident:1", NOW + HOUR)
    assert "Snoozed" not in text(kept, "incident:1", NOW + HOUR)
    assert kept.remind(NOW + 5 * HOUR - SECOND) == []
    [_, again] = kept.remind(NOW + 5 * HOUR)
    assert (again.kind, again.version) == ("reminder", 1)


def test_what_is_over_has_no_snooze():
    kept = Kept()
    kept.fold(oversold(1))
    kept.send(NOW)
    click(kept, snooze)
    kept.fold(oversold(2, NOW + MINUTE, pool=1, resolved=True))
    assert "Snoozed" not in text(kept, "incident:1")
    assert kept.remind(NOW + HOUR) == []
    assert click(kept, snooze, BOB) is OwnershipAnswer.OVER


# -- reminders
def test_a_reminder_names_who_has_been_on_it_and_calls_nobody_else():
    kept = Kept(CALLING)
    kept.fold(oversold(1))
    click(kept, own)
    [reminder] = kept.remind(NOW + 4 * HOUR)
    assert kept.words(reminder.key).startswith(
        "Critical, still open: Jacket 1 is oversold by 1. <@U0ANN> has been on it since <!date^"
    )
    assert CALL not in kept.words(reminder.key)


def test_where_nobody_is_on_one_of_them_the_approvers_are_called_for_it():
    kept = Kept(CALLING)
    kept.fold(oversold(1), oversold(2, NOW + SECOND))
    click(kept, own)
    [reminder] = kept.remind(NOW + 4 * HOUR + SECOND)
    assert kept.words(reminder.key) == f"Critical: 2 incidents are still open. {CALL}"


def test_what_is_told_among_many_is_not_forgotten():
    """The 21st critical incident of an hour has a line, and is as open as the first."""
    kept = Kept(replace(CALLING, per_hour=1))
    kept.fold(oversold(1), oversold(2, NOW + SECOND))
    [reminder] = kept.remind(NOW + 4 * HOUR + SECOND)
    assert len(reminder.body["lines"]) == 2
    assert kept.remind(NOW + 4 * HOUR + MINUTE) == []


def test_posts_and_a_ledger_of_before_go_on():
    """Without a key of these: they were written by an older Tipo."""
    kept = Kept(CALLING)
    kept.fold(oversold(1))
    ledger = kept.posts[LEDGER]
    new = {"mentioned", "unmentioned"}
    old = {name: value for name, value in ledger.body.items() if name not in new}
    kept.posts[LEDGER] = replace(ledger, body=old)
    post = kept.posts["incident:1"]
    before = {name: value for name, value in post.body.items() if name != "mentions"}
    kept.posts["incident:1"] = replace(post, body=before)
    kept.fold(oversold(2, NOW + HOUR))
    assert CALL in text(kept, "incident:2")
    [reminder] = kept.remind(NOW + 4 * HOUR)
    assert CALL in kept.words(reminder.key)
    assert click(kept, own) is None


def test_a_reminder_has_the_buttons_of_its_incident_and_loses_them_with_it():
    """It shows the incident as it is: nobody decides in a message that is out of date."""
    kept = Kept(CALLING)
    kept.fold(oversold(1))
    kept.send(NOW)
    [first] = kept.remind(NOW + 4 * HOUR)
    kept.send(NOW + 4 * HOUR)
    assert labels(kept, first.key) == ["Live numbers", "Why?", "I'm on it", "Snooze 1 h"]
    click(kept, own, now=NOW + 5 * HOUR)
    assert "I'm on it instead" in labels(kept, first.key)
    changed = kept.remind(NOW + 8 * HOUR)
    second = next(each for each in changed if each.version == 1)
    assert {each.key for each in changed} == {first.key, second.key}
    kept.send(NOW + 9 * HOUR)
    assert labels(kept, first.key) == []
    assert "Snooze 1 h" in labels(kept, second.key)
    kept.fold(oversold(2, NOW + 9 * HOUR, pool=1, resolved=True))
    kept.send(NOW + 9 * HOUR + MINUTE)
    assert kept.posts[second.key].sent == 2
    assert rendered(kept, second.key).text.startswith("Resolved after 9 h")
    assert labels(kept, second.key) == []


def test_what_got_worse_is_no_longer_looked_after_in_its_reminder():
    """Its reminder leads on, as its message does."""
    kept = Kept(CALLING)
    kept.fold(oversold(1))
    kept.send(NOW)
    [reminder] = kept.remind(NOW + 4 * HOUR)
    post = kept.posts["incident:1"]
    kept.posts["incident:1"] = replace(post, body={**post.body, "open": {}, "moved": "incident:2"})
    assert "It got worse" in rendered(kept, reminder.key).text
    assert labels(kept, reminder.key) == []


def test_a_reminder_of_several_leads_to_their_messages():
    """Whose buttons would it be?"""
    kept = Kept()
    kept.fold(oversold(1), oversold(2))
    kept.send(NOW)
    [reminder] = kept.remind(NOW + 4 * HOUR)
    assert said.reminded_incident(reminder) is None
    assert labels(kept, reminder.key) == []
