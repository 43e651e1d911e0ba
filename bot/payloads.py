"""Read what Slack sends into values. Pure, and it never raises: what is odd is a value too.

    what comes                               becomes
    ---------------------------------------  ----------
    a slash command                          TypedCommand
    a message to us from a person            TypedCommand, with the message
    a click in a message                     Click
    a click in a view                        Click, with the view
    a submitted modal                        Submission
    the shortcut of a message                Shortcut
    app_home_opened, on "home"               HomeOpened
    member_joined_channel                    Joined
    a message or a tab that is not for us    NotForUs: Slack sends many, and nothing is wrong
    another kind of interaction              NotForUs: over HTTP it gets a 404
    without ids, or a field of another type  Unreadable: over HTTP it gets a 400

A message is to us if it mentions us in a channel, or is a direct one. One that a bot wrote, that
somebody changed or deleted, or that tells of a join is none: answers to those could go round.

Of all of it only team, user and channel are believed: Slack has signed them. What a button carries
is a token to be looked up.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Concatenate, ParamSpec, TypeVar

from bot.payload_fields import (
    MAX_ID_CHARS,
    Json,
    OddField,
    as_map,
    first,
    id_in,
    list_in,
    map_in,
    word_in,
)
from sync_core.domain.proposals import Person
from sync_core.domain.texts import storable
from sync_core.errors import cut

MAX_VALUE_CHARS = 2_000  # characters that a button can carry
MAX_TEXT_CHARS = 4_000  # of a message in which a product is looked for
MAX_BLOCKS, MAX_DEPTH = 100, 8  # of it that are looked at
PLAIN_MESSAGES = {"", "file_share", "thread_broadcast"}  # subtypes of what a person has written
SLACKBOT = "USLACKBOT"  # a bot that Slack's records take for a person
TIMESTAMP = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}")
MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMessage:
    """A message in which somebody asked for something."""

    ts: str
    thread: str = ""  # in whose thread it is, if in one
    direct: bool = False  # in the conversation with us alone
    sent_at: float = 0.0  # seconds since 1970; 0: Slack did not say


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedCommand:
    """Somebody typed a command: as a slash command, or in a message to us."""

    person: Person
    text: str
    channel: str
    response_url: str = ""  # of a slash command
    message: UserMessage | None = None  # None: a slash command


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A modal or an App Home, as it was when somebody clicked or submitted."""

    id: str
    kind: str  # modal, home
    callback: str = ""
    metadata: str = ""
    state: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """Somebody clicked, or chose from a list."""

    person: Person
    action: str
    value: str
    block: str = ""
    channel: str = ""
    ts: str = ""
    response_url: str = ""  # the response_url; none in a view
    trigger: str = ""
    ephemeral: bool = False
    view: View | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Somebody submitted a modal."""

    person: Person
    view: View


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut:
    """Somebody chose a shortcut in the menu of a message."""

    person: Person
    channel: str
    ts: str  # of the message
    thread: str  # in whose thread it is, if in one
    text: str  # all that it says
    response_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeOpened:
    """Somebody looks at the App Home."""

    person: Person
    hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Somebody, perhaps we, has joined a channel."""

    team: str
    user: str
    channel: str


@dataclass(frozen=True, slots=True)
class NotForUs:
    """An event that asks nothing of us, or an interaction that we offer nobody, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that Slack would not send, and why."""

    why: str


P = ParamSpec("P")
T = TypeVar("T")


def _never_raising(
    reading: Callable[Concatenate[Json, P], T],
) -> Callable[Concatenate[Json, P], T | Unreadable]:
    @wraps(reading)
    def answered(body: Json, /, *args: P.args, **kwargs: P.kwargs) -> T | Unreadable:
        try:
            return reading(body, *args, **kwargs)
        except OddField as exc:
            return Unreadable(str(exc))

    return answered


@_never_raising
def read(
    body: Json,
) -> TypedCommand | Click | Shortcut | Submission | NotForUs | Unreadable | None:
    """Read what somebody has typed, clicked or submitted; None for an event, or a question."""
    kind = "command" if word_in(body, "command") else word_in(body, "type")
    reading = READINGS.get(kind)
    return NotForUs(f"nothing here takes {cut(kind)}") if reading is None else reading(body)


def _odd_event(body: Json) -> Unreadable | None:
    """Return what is odd about an event; its handler reads it once more, after the ack."""
    kind = word_in(map_in(body, "event"), "type")
    if not kind:
        return Unreadable("an event without a type")
    reading = EVENT_READINGS.get(kind)
    found = None if reading is None else reading(body)
    return found if isinstance(found, Unreadable) else None


def _odd_challenge(body: Json) -> Unreadable | None:
    return None if word_in(body, "challenge") else Unreadable("no challenge")


def _of_no_kind(body: Json) -> Unreadable | None:
    if word_in(body, "ssl_check"):
        return None  # Slack looks whether the address is there, and Bolt answers
    return Unreadable("neither a command, an interaction nor an event")


@_never_raising
def read_command(body: Json) -> TypedCommand | Unreadable:
    """Read a slash command."""
    person = _person(id_in(body, "team_id"), id_in(body, "user_id"), word_in(body, "user_name"))
    response_url = word_in(body, "response_url")
    if person is None or not response_url:
        return Unreadable("a command without user, team or response_url")
    return TypedCommand(
        person=person,
        text=word_in(body, "text"),
        channel=id_in(body, "channel_id"),
        response_url=response_url,
    )


@_never_raising
def read_click(body: Json) -> Click | Unreadable:
    """Read a click on a button, or a choice from a list."""
    person = _clicker(body)
    actions = body.get("actions")
    action = actions[0] if isinstance(actions, list) and actions else None
    if person is None or not isinstance(action, Mapping) or not id_in(action, "action_id"):
        return Unreadable("a click without user, team or action")
    option = map_in(action, "selected_option")
    value = first(word_in(action, "value"), word_in(option, "value"))
    if len(value) > MAX_VALUE_CHARS:
        return Unreadable("a click that carries too much")
    container = map_in(body, "container")
    return Click(
        person=person,
        action=id_in(action, "action_id"),
        value=value,
        block=id_in(action, "block_id"),
        channel=first(id_in(map_in(body, "channel"), "id"), id_in(container, "channel_id")),
        ts=id_in(container, "message_ts"),
        response_url=word_in(body, "response_url"),
        trigger=id_in(body, "trigger_id"),
        ephemeral=container.get("is_ephemeral") is True,
        view=_view(body),
    )


@_never_raising
def read_shortcut(body: Json) -> Shortcut | Unreadable:
    """Read a shortcut in the menu of a message, and what the message says."""
    person, message = _clicker(body), map_in(body, "message")
    ts, response_url = _ts_in(body, "message_ts"), word_in(body, "response_url")
    if person is None or not ts or not response_url:
        return Unreadable("a shortcut without user, team, message or response_url")
    said = [word_in(message, "text"), *_texts(message.get("blocks"))]
    return Shortcut(
        person=person,
        channel=id_in(map_in(body, "channel"), "id"),
        ts=ts,
        thread=_ts_in(message, "thread_ts"),
        text=" ".join(said)[:MAX_TEXT_CHARS],
        response_url=response_url,
    )


def _texts(blocks: object, depth: int = 0) -> Iterator[str]:
    """Yield what blocks say, whatever app has made them."""
    if depth > MAX_DEPTH:
        return
    if isinstance(blocks, list):
        for each in blocks[:MAX_BLOCKS]:
            yield from _texts(each, depth + 1)
    elif isinstance(blocks, Mapping):
        if isinstance(text := blocks.get("text"), str):
            yield storable(text)
        for name in ("text", "elements", "rows", "fields"):
            yield from _texts(blocks.get(name), depth + 1)


@_never_raising
def read_submission(body: Json) -> Submission | Unreadable:
    """Read a submitted modal."""
    person, view = _clicker(body), _view(body)
    if person is None or view is None or not view.kind or not view.callback:
        return Unreadable("a submission without user, team or view")
    return Submission(person=person, view=view)


@_never_raising
def read_home(body: Json) -> HomeOpened | NotForUs | Unreadable:
    """Read that somebody opened the App Home."""
    event = map_in(body, "event")
    person = _person(id_in(body, "team_id"), id_in(event, "user"), "")
    if person is None or word_in(event, "tab") != "home":
        return NotForUs("no Home was opened")
    return HomeOpened(person=person, hash=word_in(map_in(event, "view"), "hash"))


@_never_raising
def read_joined(body: Json) -> Joined | Unreadable:
    """Read who has joined which channel."""
    event, team = map_in(body, "event"), id_in(body, "team_id")
    user, channel = id_in(event, "user"), id_in(event, "channel")
    if not team or not user or not channel:
        return Unreadable("somebody joined, without team, user or channel")
    return Joined(team=team, user=user, channel=channel)


@_never_raising
def read_message(body: Json, us: str) -> TypedCommand | NotForUs | Unreadable:
    """Read a message to us, whom people mention by the id `us`."""
    event = map_in(body, "event")
    direct = event.get("type") == "message"
    if direct and event.get("channel_type") != "im":
        return NotForUs("a message that is not to us")
    is_plain = word_in(event, "subtype") in PLAIN_MESSAGES and not event.get("edited")
    if not is_plain or event.get("bot_id") or event.get("bot_profile"):
        return NotForUs("a message that no person has just written")
    team = first(id_in(event, "user_team"), id_in(event, "team"), id_in(body, "team_id"))
    person = _person(team, id_in(event, "user"), "")
    channel, ts = id_in(event, "channel"), _ts_in(event, "ts")
    if person is None or person.id == SLACKBOT or not channel or not ts:
        return NotForUs("a message without user, team, channel or ts")
    thread, words = _ts_in(event, "thread_ts"), _to_us(word_in(event, "text"), us)
    message = UserMessage(ts=ts, thread=thread, direct=direct, sent_at=float(ts))
    return TypedCommand(person=person, text=words, channel=channel, message=message)


READINGS: Mapping[
    str, Callable[[Json], TypedCommand | Click | Shortcut | Submission | Unreadable | None]
] = {
    "command": read_command,
    "block_actions": read_click,
    "message_action": read_shortcut,
    "view_submission": read_submission,
    "event_callback": _odd_event,
    "url_verification": _odd_challenge,
    "": _of_no_kind,
}
EVENT_READINGS: Mapping[str, Callable[[Json], object]] = {
    "app_home_opened": read_home,
    "member_joined_channel": read_joined,
    "app_mention": partial(read_message, us=""),
    "message": partial(read_message, us=""),
}


def _to_us(text: str, user: str) -> str:
    """Return what follows the mention of us; what is before it, if nothing follows."""
    before, mention, after = MENTION.sub(lambda found: f"<@{found[1]}>", text).partition(
        f"<@{user}>"
    )
    words = after if after.strip() else before
    words = words.replace(mention, " ") if mention else words
    return words.strip().lstrip(",:;").rstrip("?! ").strip()


def _ts_in(found: Json, name: str) -> str:
    """Return the id of a message, which is the time when it came; empty if it is no such time."""
    ts = id_in(found, name)
    return ts if TIMESTAMP.fullmatch(ts) else ""


def _clicker(body: Json) -> Person | None:
    """Return who clicked; the team is the person's own, not that of the workspace."""
    user = map_in(body, "user")
    team = first(id_in(user, "team_id"), id_in(map_in(body, "team"), "id"))
    name = first(word_in(user, "username"), word_in(user, "name"))
    return _person(team, id_in(user, "id"), name)


def _person(team: str, user: str, name: str) -> Person | None:
    if not team or not user:
        return None
    return Person(team=team, id=user, name=name[:MAX_ID_CHARS] or user)


def _view(body: Json) -> View | None:
    view = map_in(body, "view")
    if not id_in(view, "id"):
        return None
    return View(
        id=id_in(view, "id"),
        kind=word_in(view, "type"),
        callback=id_in(view, "callback_id"),
        metadata=word_in(view, "private_metadata"),
        state=_state(map_in(map_in(view, "state"), "values")),
    )


def _state(values: Json) -> Json:
    """Return what somebody entered, by block and field, once it is sure to have its shape."""
    for block in values.values():
        for given in as_map(block, "a block of a form").values():
            entered = as_map(given, "a field of a form")
            word_in(entered, "value")
            word_in(entered, "selected_time")
            if not all(isinstance(each, str) for each in list_in(entered, "selected_users")):
                raise OddField("somebody chosen is no text")
            options = list_in(entered, "selected_options")
            for option in (entered.get("selected_option"), *options):
                word_in(as_map(option, "a chosen option"), "value")
    return values
