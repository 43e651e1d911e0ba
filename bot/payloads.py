"""Read what Slack sends into values. Pure, and it never raises: what is odd is a value too.

    what comes                      becomes
    ------------------------------  ----------
    a slash command                 TypedCommand
    a message to us from a person   TypedCommand, with the message
    a click in a message            Click
    a click in a view               Click, with the view
    a submitted modal               Submission
    app_home_opened, on "home"      HomeOpened
    anything else, or without ids   Unreadable

A message is to us if it mentions us in a channel, or is a direct one. One that a bot wrote, that
somebody changed or deleted, or that tells of a join is none: answers to those could go round.

Of all of it only team, user and channel are believed: Slack has signed them. What a button carries
is a token to be looked up.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
class Unreadable:
    """Something that we do not understand, and why."""

    why: str


def read(body: Json) -> TypedCommand | Click | Submission | Unreadable | None:
    """Read what somebody has typed, clicked or submitted; None if it is nothing of these."""
    match "command" if "command" in body else body.get("type"):
        case "command":
            return read_command(body)
        case "block_actions":
            return read_click(body)
        case "view_submission":
            return read_submission(body)
    return None


def read_command(body: Json) -> TypedCommand | Unreadable:
    """Read a slash command."""
    person = _person(_word(body, "team_id"), _word(body, "user_id"), _word(body, "user_name"))
    response_url = _word(body, "response_url")
    if person is None or not response_url:
        return Unreadable("a command without user, team or response_url")
    return TypedCommand(
        person=person,
        text=_word(body, "text"),
        channel=_word(body, "channel_id"),
        response_url=response_url,
    )


def read_click(body: Json) -> Click | Unreadable:
    """Read a click on a button, or a choice from a list."""
    person = _clicker(body)
    actions = body.get("actions")
    action = _map(actions[0]) if isinstance(actions, list) and actions else EMPTY
    name = _word(action, "action_id")
    if person is None or not name or len(name) > MAX_ID_CHARS:
        return Unreadable("a click without user, team or action")
    value = _word(action, "value") or _word(_map(action.get("selected_option")), "value")
    if len(value) > MAX_VALUE_CHARS:
        return Unreadable("a click that carries too much")
    container = _map(body.get("container"))
    return Click(
        person=person,
        action=name,
        value=value,
        block=_word(action, "block_id"),
        channel=_word(_map(body.get("channel")), "id") or _word(container, "channel_id"),
        ts=_word(container, "message_ts"),
        response_url=_word(body, "response_url"),
        trigger=_word(body, "trigger_id"),
        ephemeral=container.get("is_ephemeral") is True,
        view=_view(body),
    )


def read_submission(body: Json) -> Submission | Unreadable:
    """Read a submitted modal."""
    person, view = _clicker(body), _view(body)
    if person is None or view is None or not view.callback:
        return Unreadable("a submission without user, team or view")
    return Submission(person=person, view=view)


def read_home(body: Json) -> HomeOpened | Unreadable:
    """Read that somebody opened the App Home."""
    event = _map(body.get("event"))
    person = _person(_word(body, "team_id"), _word(event, "user"), "")
    if person is None or event.get("tab") != "home":
        return Unreadable("no Home was opened")
    return HomeOpened(person=person, hash=_word(_map(event.get("view")), "hash"))


def read_message(body: Json, us: str) -> TypedCommand | Unreadable:
    """Read a message to us, whom people mention by the id `us`."""
    event = _map(body.get("event"))
    direct = event.get("type") == "message"
    if direct and event.get("channel_type") != "im":
        return Unreadable("a message that is not to us")
    is_plain = _word(event, "subtype") in PLAIN_MESSAGES and not event.get("edited")
    if not is_plain or event.get("bot_id") or event.get("bot_profile"):
        return Unreadable("a message that no person has just written")
    team = _word(event, "user_team") or _word(event, "team") or _word(body, "team_id")
    person = _person(team, _word(event, "user"), "")
    channel, ts = _word(event, "channel"), _word(event, "ts")
    if person is None or person.id == SLACKBOT or not channel or not TIMESTAMP.fullmatch(ts):
        return Unreadable("a message without user, team, channel or ts")
    thread = _word(event, "thread_ts")
    place = UserMessage(
        ts=ts,
        thread=thread if TIMESTAMP.fullmatch(thread) else "",
        direct=direct,
        sent_at=float(ts),
    )
    words = _to_us(_word(event, "text"), us)
    return TypedCommand(person=person, text=words, channel=channel, message=place)


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
    user = _map(body.get("user"))
    team = _word(user, "team_id") or _word(_map(body.get("team")), "id")
    return _person(team, _word(user, "id"), _word(user, "username") or _word(user, "name"))


def _person(team: str, user: str, name: str) -> Person | None:
    if not team or not user or len(team) > MAX_ID_CHARS or len(user) > MAX_ID_CHARS:
        return None
    return Person(team=team, id=user, name=name[:MAX_ID_CHARS] or user)


def _view(body: Json) -> View | None:
    view = _map(body.get("view"))
    if not _word(view, "id"):
        return None
    return View(
        id=_word(view, "id"),
        kind=_word(view, "type"),
        callback=_word(view, "callback_id"),
        metadata=_word(view, "private_metadata"),
        state=_map(_map(view.get("state")).get("values")),
    )


def _map(found: object) -> Json:
    return found if isinstance(found, Mapping) else EMPTY


def _word(found: Json, name: str) -> str:
    value = found.get(name)
    return storable(value) if isinstance(value, str) else ""
