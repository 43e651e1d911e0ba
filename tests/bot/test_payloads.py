"""What Slack sends is read into values; whatever else arrives is a value too, never a crash."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.payloads import (
    Click,
    HomeOpened,
    NotForUs,
    Submission,
    TypedCommand,
    Unreadable,
    UserMessage,
    View,
    read,
    read_click,
    read_command,
    read_home,
    read_message,
    read_submission,
)
from sync_core.domain.proposals import Person
from sync_core.domain.texts import storable

ANN = Person(team="T1", id="U1", name="ann")


def test_a_command_is_read():
    """People are known by their ids; the name is only for the record."""
    body = {
        "team_id": "T1",
        "user_id": "U1",
        "user_name": "ann",
        "text": "status",
        "channel_id": "C1",
        "response_url": "https://hooks.slack.com/1",
        "trigger_id": "1.2",
    }
    assert read_command(body) == TypedCommand(
        person=ANN,
        text="status",
        channel="C1",
        response_url="https://hooks.slack.com/1",
    )


def read_us(body):
    return read_message(body, "U9")


def mention(text, **more):
    event = {"type": "app_mention", "user": "U1", "text": text, "ts": "1.2", "channel": "C1"}
    return {"team_id": "T1", "event": {**event, **more}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<@U9> denim jacket", "denim jacket"),
        ("<@U9|tipo>: status", "status"),
        ("hey <@U9> why SFDJ-M?", "why SFDJ-M"),
        ("denim jacket <@U9>", "denim jacket"),
        ("<@U9>", ""),
        ("<@U9> approvers <@U1>", "approvers <@U1>"),
        ("<@U9> status <@U9>", "status"),
    ],
)
def test_a_mention_is_read(text, words):
    """What follows the mention is the command; what is before it if nothing follows."""
    assert read_us(mention(text)) == TypedCommand(
        person=Person(team="T1", id="U1", name="U1"),
        text=words,
        channel="C1",
        message=UserMessage(ts="1.2", sent_at=1.2),
    )


@pytest.mark.parametrize(
    "more",
    [
        {"bot_id": "B1"},
        {"bot_profile": {"id": "B1"}},
        {"subtype": "message_changed"},
        {"subtype": "message_deleted"},
        {"subtype": "channel_join"},
        {"edited": {"user": "U1", "ts": "1.3"}},
        {"user": "USLACKBOT"},
        {"user": None},
        {"ts": "nan"},
        {"ts": "1e999"},
        {"type": "message"},
        {"type": "message", "channel_type": "channel"},
    ],
)
def test_what_nobody_has_just_written_to_us_is_not_read(more):
    """An answer to a bot may be answered, and so on; one to a change was given before."""
    assert isinstance(read_us(mention("<@U9> pause", **more)), NotForUs)


def test_a_direct_message_in_a_thread_is_read():
    """It is answered there; a file beside the words changes nothing."""
    more = {"type": "message", "channel_type": "im", "thread_ts": "1.1", "subtype": "file_share"}
    found = read_us(mention("status", **more, user_team="T2"))
    assert found.text == "status"
    assert found.person.team == "T2"
    assert found.message == UserMessage(ts="1.2", thread="1.1", direct=True, sent_at=1.2)


def test_a_click_in_a_message_is_read():
    """The value is a token and nothing else: no number on a button is believed."""
    body = {
        "user": {"id": "U1", "username": "ann", "team_id": "T1"},
        "team": {"id": "T9"},
        "container": {"type": "message", "message_ts": "1.2", "is_ephemeral": True},
        "channel": {"id": "C1"},
        "response_url": "https://hooks.slack.com/1",
        "trigger_id": "1.2",
        "actions": [{"action_id": "decide.confirm", "block_id": "b", "value": "token"}],
    }
    assert read_click(body) == Click(
        person=ANN,
        action="decide.confirm",
        value="token",
        block="b",
        channel="C1",
        ts="1.2",
        response_url="https://hooks.slack.com/1",
        trigger="1.2",
        ephemeral=True,
    )


def test_a_stranger_is_of_their_own_team():
    """In a shared channel `team` is ours; the person's own team decides."""
    body = {
        "user": {"id": "U1", "username": "eve", "team_id": "T2"},
        "team": {"id": "T1"},
        "actions": [{"action_id": "x"}],
    }
    assert read_click(body).person.team == "T2"


def test_a_choice_from_a_list_is_read():
    """Its value is where a button's would be."""
    body = {
        "user": {"id": "U1", "username": "ann", "team_id": "T1"},
        "actions": [{"action_id": "choose.stock", "selected_option": {"value": "7"}}],
    }
    assert read_click(body).value == "7"


def test_a_submission_is_read():
    """With what was typed, and what we had put into it."""
    body = {
        "user": {"id": "U1", "username": "ann", "team_id": "T1"},
        "view": {
            "id": "V1",
            "type": "modal",
            "callback_id": "places",
            "hash": "h",
            "private_metadata": "m",
            "state": {"values": {"b": {"a": {"value": "1"}}}},
        },
    }
    assert read_submission(body) == Submission(
        person=ANN,
        view=View(
            id="V1",
            kind="modal",
            callback="places",
            metadata="m",
            state={"b": {"a": {"value": "1"}}},
        ),
    )


def test_an_opened_home_is_read():
    """The messages tab is not the Home."""
    body = {"team_id": "T1", "event": {"user": "U1", "tab": "home"}}
    assert read_home(body) == HomeOpened(person=Person(team="T1", id="U1", name="U1"))
    assert isinstance(read_home({**body, "event": {"user": "U1", "tab": "messages"}}), NotForUs)


def test_a_button_cannot_carry_more_than_slack_lets_it():
    """Nothing unbounded reaches the core."""
    body = {
        "user": {"id": "U1", "team_id": "T1"},
        "actions": [{"action_id": "x", "value": "v" * 2001}],
    }
    assert read_click(body) == Unreadable("a click that carries too much")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["user", "team", "id", "team_id", "actions", "action_id", "view", "event"]
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=6) | JSON)
def test_reading_never_raises(body):
    """Slack may change its mind about a field; an ack must not be lost over it."""
    if not isinstance(body, dict):
        body = {"user": body, "actions": body, "view": body, "event": body}
    for each in (read_command, read_click, read_submission, read_home, read_us):
        found = each(body)
        known = (Unreadable, NotForUs, TypedCommand, Click, Submission, HomeOpened)
        assert isinstance(found, known)


USER = {"id": "U1", "username": "ann", "team_id": "T1"}
CLICK = {
    "type": "block_actions",
    "user": USER,
    "team": {"id": "T1"},
    "container": {"message_ts": "1.2", "channel_id": "C1"},
    "channel": {"id": "C1"},
    "view": {"id": "V1", "type": "home"},
    "trigger_id": "1.2",
    "response_url": "https://hooks.slack.com/1",
    "actions": [
        {"action_id": "x", "block_id": "b", "value": "1", "selected_option": {"value": ""}}
    ],
}
FIELDS = {"value": "1", "selected_option": {"value": "a"}, "selected_options": [{"value": "b"}]}
FORM = {"id": "V1", "type": "modal", "callback_id": "bulk", "private_metadata": ""}
SENT = {
    "a click": CLICK,
    "a submission": {
        "type": "view_submission",
        "user": USER,
        "view": {**FORM, "state": {"values": {"b": {"field": FIELDS}}}},
    },
    "a message": {"type": "event_callback", **mention("<@U9> status", thread_ts="1.1")},
    "a Home": {
        "type": "event_callback",
        "team_id": "T1",
        "event": {"type": "app_home_opened", "user": "U1", "tab": "home", "view": {"hash": "1"}},
    },
    "a command": {
        "command": "/tipo",
        "text": "status",
        "team_id": "T1",
        "user_id": "U1",
        "user_name": "ann",
        "channel_id": "C1",
        "response_url": "https://x",
    },
}


def places_of(found, way=()):
    """Yield the way to each value."""
    for key, value in found.items() if isinstance(found, dict) else enumerate(found):
        yield (*way, key)
        if isinstance(value, dict | list):
            yield from places_of(value, (*way, key))


def changed(found, way, value):
    """Return it with another value at one place."""
    copy = dict(found) if isinstance(found, dict) else list(found)
    head, *rest = way
    copy[head] = changed(found[head], rest, value) if rest else value
    return copy


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
def test_no_field_may_be_of_another_type(sent):
    """A number for an id, a list for an object: Slack sends none, and nobody acts upon it."""
    assert not isinstance(read(sent), Unreadable)
    for way in places_of(sent):
        for odd in (5, 1.5, True, [[]], "x" * 1_000_000):
            found = read(changed(sent, way, odd))
            is_text = isinstance(odd, str) and not f"{way[-1]}".endswith("id")
            assert isinstance(found, Unreadable) or is_text, (way, odd)


ANY = st.text(st.characters(codec=None) | st.sampled_from("\0\ud800\udfff"))


@example("\0", "\ud800")
@given(ANY, ANY)
def test_what_people_type_can_be_stored_and_sent(words, name):
    """Half of an emoji is pasted easily; neither a database nor Slack would take it."""
    command = {"team_id": "T1", "user_id": "U1", "user_name": name, "text": words}
    asked = read_command(command | {"response_url": "https://x"})
    user = {"id": "U1", "team_id": "T1", "name": name}
    click = read_click({"user": user, "actions": [{"action_id": "x", "value": words}]})
    for each in (asked.text, asked.person.name, click.value, click.person.name):
        assert storable(each) == each
