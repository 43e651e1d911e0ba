"""Read what Slack sends into values. Pure, and it never raises: what is odd is a value too.

    what comes                               becomes
    ---------------------------------------  ----------
    a slash command                          TypedCommand
    a message to us from a person            TypedCommand, with the message
    a click in a message                     Click
    a click in a view                        Click, with the view
    a submitted modal                        Submission
    app_home_opened, on "home"               HomeOpened
    a message or a tab that is not for us    NotForUs: Slack sends many, and nothing is wrong
    without ids, or a field of another type  Unreadable: over HTTP it gets a 400

A message is to us if it mentions us in a channel, or is a direct one. One that a bot wrote, that
somebody changed or deleted, or that tells of a join is none: answers to those could go round.

Of all of it only team, user and channel are believed: Slack has signed them. What a button carries
is a token to be looked up.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from sync_core.domain.proposals import Person
from sync_core.domain.texts import storable

MAX_VALUE_CHARS = 2_000  # characters that a button can carry
MAX_ID_CHARS = 255
PLAIN_MESSAGES = {"", "file_share", "thread_broadcast"}  # subtypes of what a person has written
SLACKBOT = "USLACKBOT"  # a bot that Slack's records take for a person
TIMESTAMP = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}")
MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")

Json = Mapping[str, Any]
EMPTY: Json = {}


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
class HomeOpened:
    """Somebody looks at the App Home."""

    person: Person
    hash: str = ""


@dataclass(frozen=True, slots=True)
class NotForUs:
    """An event that asks nothing of us, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that Slack would not send, and why."""

    why: str


class _OddField(ValueError):
    """A field is there, and of another type than Slack's."""


P = ParamSpec("P")
T = TypeVar("T")


def _never_raising(
    reading: Callable[Concatenate[Json, P], T],
) -> Callable[Concatenate[Json, P], T | Unreadable]:
    @wraps(reading)
    def answered(body: Json, /, *args: P.args, **kwargs: P.kwargs) -> T | Unreadable:
        try:
            return reading(body, *args, **kwargs)
        except _OddField as exc:
            return Unreadable(str(exc))

    return answered


@_never_raising
def read(body: Json) -> TypedCommand | Click | Submission | Unreadable | None:
    """Read what somebody has typed, clicked or submitted; None if it is nothing of these."""
    reading = READINGS.get("command" if _word(body, "command") else _word(body, "type"))
    return None if reading is None else reading(body)


def _odd_event(body: Json) -> Unreadable | None:
    """Return what is odd about an event: whoever answers it reads it when it is acked."""
    kind = _word(_map(body, "event"), "type")
    if not kind:
        return Unreadable("an event without a type")
    reading = EVENT_READINGS.get(kind)
    found = None if reading is None else reading(body)
    return found if isinstance(found, Unreadable) else None


def _odd_challenge(body: Json) -> Unreadable | None:
    return None if _word(body, "challenge") else Unreadable("no challenge")


def _of_no_kind(body: Json) -> Unreadable | None:
    if _word(body, "ssl_check"):
        return None  # Slack looks whether the address is there, and Bolt answers
    return Unreadable("neither a command, an interaction nor an event")


@_never_raising
def read_command(body: Json) -> TypedCommand | Unreadable:
    """Read a slash command."""
    person = _person(_id(body, "team_id"), _id(body, "user_id"), _word(body, "user_name"))
    response_url = _word(body, "response_url")
    if person is None or not response_url:
        return Unreadable("a command without user, team or response_url")
    return TypedCommand(
        person=person,
        text=_word(body, "text"),
        channel=_id(body, "channel_id"),
        response_url=response_url,
    )


@_never_raising
def read_click(body: Json) -> Click | Unreadable:
    """Read a click on a button, or a choice from a list."""
    person = _clicker(body)
    actions = body.get("actions")
    action = actions[0] if isinstance(actions, list) and actions else None
    if person is None or not isinstance(action, Mapping) or not _id(action, "action_id"):
        return Unreadable("a click without user, team or action")
    option = _map(action, "selected_option")
    value = _first(_word(action, "value"), _word(option, "value"))
    if len(value) > MAX_VALUE_CHARS:
        return Unreadable("a click that carries too much")
    container = _map(body, "container")
    return Click(
        person=person,
        action=_id(action, "action_id"),
        value=value,
        block=_id(action, "block_id"),
        channel=_first(_id(_map(body, "channel"), "id"), _id(container, "channel_id")),
        ts=_id(container, "message_ts"),
        response_url=_word(body, "response_url"),
        trigger=_id(body, "trigger_id"),
        ephemeral=container.get("is_ephemeral") is True,
        view=_view(body),
    )


@_never_raising
def read_submission(body: Json) -> Submission | Unreadable:
    """Read a submitted modal."""
    person, view = _clicker(body), _view(body)
    if person is None or view is None or not view.callback:
        return Unreadable("a submission without user, team or view")
    return Submission(person=person, view=view)


@_never_raising
def read_home(body: Json) -> HomeOpened | NotForUs | Unreadable:
    """Read that somebody opened the App Home."""
    event = _map(body, "event")
    person = _person(_id(body, "team_id"), _id(event, "user"), "")
    if person is None or _word(event, "tab") != "home":
        return NotForUs("no Home was opened")
    return HomeOpened(person=person, hash=_word(_map(event, "view"), "hash"))


@_never_raising
def read_message(body: Json, us: str) -> TypedCommand | NotForUs | Unreadable:
    """Read a message to us, whom people mention by the id `us`."""
    event = _map(body, "event")
    direct = event.get("type") == "message"
    if direct and event.get("channel_type") != "im":
        return NotForUs("a message that is not to us")
    is_plain = _word(event, "subtype") in PLAIN_MESSAGES and not event.get("edited")
    if not is_plain or event.get("bot_id") or event.get("bot_profile"):
        return NotForUs("a message that no person has just written")
    team = _first(_id(event, "user_team"), _id(event, "team"), _id(body, "team_id"))
    person = _person(team, _id(event, "user"), "")
    channel, ts = _id(event, "channel"), _id(event, "ts")
    if person is None or person.id == SLACKBOT or not channel or not TIMESTAMP.fullmatch(ts):
        return NotForUs("a message without user, team, channel or ts")
    thread, words = _id(event, "thread_ts"), _to_us(_word(event, "text"), us)
    place = UserMessage(
        ts=ts,
        thread=thread if TIMESTAMP.fullmatch(thread) else "",
        direct=direct,
        sent_at=float(ts),
    )
    return TypedCommand(person=person, text=words, channel=channel, message=place)


READINGS: Mapping[str, Callable[[Json], TypedCommand | Click | Submission | Unreadable | None]] = {
    "command": read_command,
    "block_actions": read_click,
    "view_submission": read_submission,
    "event_callback": _odd_event,
    "url_verification": _odd_challenge,
    "": _of_no_kind,
}
EVENT_READINGS: Mapping[str, Callable[[Json], object]] = {
    "app_home_opened": read_home,
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


def _clicker(body: Json) -> Person | None:
    """Return who clicked; the team is the person's own, not that of the workspace."""
    user = _map(body, "user")
    team = _first(_id(user, "team_id"), _id(_map(body, "team"), "id"))
    name = _first(_word(user, "username"), _word(user, "name"))
    return _person(team, _id(user, "id"), name)


def _person(team: str, user: str, name: str) -> Person | None:
    if not team or not user:
        return None
    return Person(team=team, id=user, name=name[:MAX_ID_CHARS] or user)


def _view(body: Json) -> View | None:
    view = _map(body, "view")
    if not _id(view, "id"):
        return None
    return View(
        id=_id(view, "id"),
        kind=_word(view, "type"),
        callback=_id(view, "callback_id"),
        metadata=_word(view, "private_metadata"),
        state=_state(_map(_map(view, "state"), "values")),
    )


def _state(values: Json) -> Json:
    """Return what somebody entered, by block and field, once it is sure to have its shape."""
    for block in values.values():
        for each in _as_map(block, "a block of a form").values():
            entered = _as_map(each, "a field of a form")
            _word(entered, "value")
            several = entered.get("selected_options") or []
            if not isinstance(several, list):
                raise _OddField("selected_options is no list")
            for option in (entered.get("selected_option"), *several):
                _word(_as_map(option, "a chosen option"), "value")
    return values


def _first(*words: str) -> str:
    """Return the first that is there; all of them have been looked at."""
    return next(filter(None, words), "")


def _map(found: Json, name: str) -> Json:
    return _as_map(found.get(name), name)


def _as_map(value: Any, name: str) -> Json:
    if value is not None and not isinstance(value, Mapping):
        raise _OddField(f"{name} is no object")
    return EMPTY if value is None else value


def _word(found: Json, name: str) -> str:
    value = found.get(name)
    if value is not None and not isinstance(value, str):
        raise _OddField(f"{name} is no text")
    return storable(value or "")


def _id(found: Json, name: str) -> str:
    value = _word(found, name)
    if len(value) > MAX_ID_CHARS:
        raise _OddField(f"{name} is too long")
    return value
