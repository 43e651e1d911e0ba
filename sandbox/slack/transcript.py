"""What happened in a workspace as plain text: pure, from the state to lines.

    #stock
    ann types: /tipo status
      Tipo (only ann sees this):
        Both stores are equal.

Versions show in their place in time: what changed is drawn again, marked as such.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from sandbox.slack.block_text import LINE_WIDTH, boxed, each_line, flow, render_blocks
from sandbox.slack.state import (
    Channel,
    HistoryKind,
    SlackHistoryEntry,
    SlackMessage,
    SlackUser,
    SlackView,
    WorkspaceState,
)

_INDENT = "    "


def transcript(state: WorkspaceState, channels: frozenset[str] = frozenset()) -> str:
    """Return all that happened, in order; of these channels only, if any are named."""
    lines: list[str] = []
    last: str | None = None
    for entry in state.history:
        if channels and entry.channel not in channels:
            continue
        if entry.channel and entry.channel != last:
            lines += ["", f"=== {_channel_label(state, entry.channel)} ==="]
            last = entry.channel
        lines += _entry(state, entry)
    return "\n".join(lines).strip() + "\n"


def _channel_label(state: WorkspaceState, key: str) -> str:
    channel = state.channels[key]
    if channel.im_with:
        return f"direct messages with {state.name_of(channel.im_with)}"
    return f"#{channel.name}"


def _entry(state: WorkspaceState, entry: SlackHistoryEntry) -> list[str]:
    time = datetime.fromtimestamp(entry.at, UTC).strftime("%H:%M:%S")
    who = state.name_of(entry.who) or entry.who
    match entry.kind:
        case HistoryKind.POSTED | HistoryKind.CHANGED if entry.message is not None:
            return ["", *_message(state, entry.message, entry.version, time)]
        case HistoryKind.OPENED | HistoryKind.REDRAWN | HistoryKind.HOME:
            return ["", *_view(state, entry, time)]
        case HistoryKind.FAILED:
            return ["", f"{time} Slack tells {who}: {entry.words}"]
        case _:
            return ["", f"{time} {who} {_user_entry(state, entry)}"]


def _user_entry(state: WorkspaceState, entry: SlackHistoryEntry) -> str:
    if entry.kind is HistoryKind.DELETED and entry.message is not None:
        return f"deletes: {_first_line(state, entry.message)}"
    if entry.kind is HistoryKind.CLOSED and entry.view is not None:
        return f"has the modal {entry.view.title!r} closed"
    return f"types: {entry.words}" if entry.kind is HistoryKind.TYPED else entry.words


def _message(state: WorkspaceState, message: SlackMessage, version: int, time: str) -> list[str]:
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
    body = list(each_line(said.blocks, said.text, state.name_of, LINE_WIDTH - len(pad)))
    body += [f"(file: {state.files[key].name})" for key in message.files]
    lines = [f"{pad}{line}".rstrip() for line in body if line or said.blocks]
    return [f"{_INDENT}{head}" if message.thread_ts else head, *lines]


def _first_line(state: WorkspaceState, message: SlackMessage) -> str:
    drawn = each_line(message.blocks, message.text, state.name_of, LINE_WIDTH)
    return next(iter(drawn), "")


def _view(state: WorkspaceState, entry: SlackHistoryEntry, time: str) -> list[str]:
    who = state.name_of(entry.who) or entry.who
    content = entry.content or {"blocks": []}
    body = render_blocks(content["blocks"], state.name_of, LINE_WIDTH - len(_INDENT) - 2)
    if entry.kind is HistoryKind.HOME:
        head, title = f"{time} Home of {who}:", "Home"
    else:
        verb = "opens for" if entry.kind is HistoryKind.OPENED else "is redrawn for"
        head, title = f"{time} a modal {verb} {who}:", str(content["title"]["text"])
        body += _feet(content)
    return [head, *(_INDENT + line for line in boxed(title, body, LINE_WIDTH - len(_INDENT)))]


def _feet(content: dict[str, object]) -> list[str]:
    feet = []
    for key in ("close", "submit"):
        text = content.get(key)
        if isinstance(text, dict):
            feet.append(f"[{text['text']}]")
    return [" ".join(feet)] if feet else []


def channel_text(state: WorkspaceState, channel: Channel, person: SlackUser) -> str:
    """Return what a person sees in a channel now: threads under their parents, no history."""
    lines: list[str] = [f"=== {_channel_label(state, channel.id)} as {person.name} sees it ==="]
    for message in _threaded(state, channel, person):
        at = float(message.ts)
        time = datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")
        lines += ["", *_message(state, message, len(message.versions) - 1, time)]
    return "\n".join(lines) + "\n"


def _threaded(state: WorkspaceState, channel: Channel, person: SlackUser) -> Iterator[SlackMessage]:
    visible = [m for m in state.in_channel(channel.id) if state.visible(m, person.id)]
    for message in visible:
        if message.thread_ts in {None, message.ts}:
            yield message
            yield from (each for each in visible if each.thread_ts == message.ts != each.ts)


def view_text(state: WorkspaceState, view: SlackView) -> str:
    """Return a modal or Home as it stands now, errors beside its inputs."""
    lines = render_blocks(view.blocks, state.name_of, LINE_WIDTH - 2)
    for block_id, error in view.errors.items():
        lines += flow(f"! {block_id}: {error}", LINE_WIDTH - 2)
    return "\n".join(boxed(view.title or "Home", lines + _feet(view.content))) + "\n"
