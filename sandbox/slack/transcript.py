"""What happened in a workspace as plain text: pure, from the state to lines.

    #stock
    ann types: /tipo status
      Tipo (only ann sees this):
        Both stores are equal.

Versions show in their place in time: what changed is drawn again, marked as such.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from sandbox.slack.drawing import WIDTH, boxed, draw, each_line, flow
from sandbox.slack.state import Channel, Entry, Kind, Message, Person, State, View

_INDENT = "    "


def transcript(state: State, channels: frozenset[str] = frozenset()) -> str:
    """Return all that happened, in order; of these channels only, if any are named."""
    lines: list[str] = []
    last: str | None = None
    for entry in state.history:
        if channels and entry.channel not in channels:
            continue
        if entry.channel and entry.channel != last:
            lines += ["", f"=== {_place(state, entry.channel)} ==="]
            last = entry.channel
        lines += _entry(state, entry)
    return "\n".join(lines).strip() + "\n"


def _place(state: State, key: str) -> str:
    channel = state.channels[key]
    if channel.im_with:
        return f"direct messages with {state.name_of(channel.im_with)}"
    return f"#{channel.name}"


def _entry(state: State, entry: Entry) -> list[str]:
    time = datetime.fromtimestamp(entry.at, UTC).strftime("%H:%M:%S")
    who = state.name_of(entry.who) or entry.who
    match entry.kind:
        case Kind.POSTED | Kind.CHANGED if entry.message is not None:
            return ["", *_message(state, entry.message, entry.version, time)]
        case Kind.OPENED | Kind.REDRAWN | Kind.HOME:
            return ["", *_view(state, entry, time)]
        case Kind.FAILED:
            return ["", f"{time} Slack tells {who}: {entry.words}"]
        case _:
            return ["", f"{time} {who} {_deed(state, entry)}"]


def _deed(state: State, entry: Entry) -> str:
    if entry.kind is Kind.DELETED and entry.message is not None:
        return f"deletes: {_first_line(state, entry.message)}"
    if entry.kind is Kind.CLOSED and entry.view is not None:
        return f"has the modal {entry.view.title!r} closed"
    return f"types: {entry.words}" if entry.kind is Kind.TYPED else entry.words


def _message(state: State, message: Message, version: int, time: str) -> list[str]:
    said = message.versions[version]
    marks = []
    if message.only_for:
        marks.append(f"only {state.name_of(message.only_for)} sees this")
    if version:
        marks.append(f"updated in place, version {version + 1}")
    if message.thread_ts:
        marks.append("in the thread" + (", also in the channel" if message.broadcast else ""))
    who = state.name_of(message.user) or message.user
    head = f"{time} {who}{' (' + '; '.join(marks) + ')' if marks else ''}:"
    pad = _INDENT * 2 if message.thread_ts else _INDENT
    body = list(each_line(said.blocks, said.text, state.name_of, WIDTH - len(pad)))
    body += [f"(file: {state.files[key].name})" for key in message.files]
    lines = [f"{pad}{line}".rstrip() for line in body if line or said.blocks]
    return [f"{_INDENT}{head}" if message.thread_ts else head, *lines]


def _first_line(state: State, message: Message) -> str:
    drawn = each_line(message.blocks, message.text, state.name_of, WIDTH)
    return next(iter(drawn), "")


def _view(state: State, entry: Entry, time: str) -> list[str]:
    who = state.name_of(entry.who) or entry.who
    content = entry.content or {"blocks": []}
    body = draw(content["blocks"], state.name_of, WIDTH - len(_INDENT) - 2)
    if entry.kind is Kind.HOME:
        head, title = f"{time} Home of {who}:", "Home"
    else:
        verb = "opens for" if entry.kind is Kind.OPENED else "is redrawn for"
        head, title = f"{time} a modal {verb} {who}:", str(content["title"]["text"])
        body += _feet(content)
    return [head, *(_INDENT + line for line in boxed(title, body, WIDTH - len(_INDENT)))]


def _feet(content: dict[str, object]) -> list[str]:
    feet = []
    for key in ("close", "submit"):
        text = content.get(key)
        if isinstance(text, dict):
            feet.append(f"[{text['text']}]")
    return [" ".join(feet)] if feet else []


def look(state: State, channel: Channel, person: Person) -> str:
    """Return what a person sees in a channel now: threads under their parents, no history."""
    lines: list[str] = [f"=== {_place(state, channel.id)} as {person.name} sees it ==="]
    for message in _threaded(state, channel, person):
        at = float(message.ts)
        time = datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")
        lines += ["", *_message(state, message, len(message.versions) - 1, time)]
    return "\n".join(lines) + "\n"


def _threaded(state: State, channel: Channel, person: Person) -> Iterator[Message]:
    visible = [m for m in state.in_channel(channel.id) if state.visible(m, person.id)]
    for message in visible:
        if message.thread_ts in {None, message.ts}:
            yield message
            yield from (each for each in visible if each.thread_ts == message.ts != each.ts)


def look_at_view(state: State, view: View) -> str:
    """Return a modal or Home as it stands now, errors beside its inputs."""
    lines = draw(view.blocks, state.name_of, WIDTH - 2)
    for block_id, error in view.errors.items():
        lines += flow(f"! {block_id}: {error}", WIDTH - 2)
    return "\n".join(boxed(view.title or "Home", lines + _feet(view.content))) + "\n"
