"""Everything that changes a workspace: posting, changing, deleting, views."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.slack.block_tree import elements
from sandbox.slack.limits import MAX
from sandbox.slack.state import (
    Blocks,
    Channel,
    HistoryKind,
    MessageVersion,
    SlackMessage,
    SlackUser,
    SlackView,
    WorkspaceState,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageContent:
    """What a message shall say."""

    text: str = ""
    blocks: Blocks = field(default_factory=list)
    attachments: Blocks = field(default_factory=list)
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostOptions:
    """How a message is posted."""

    thread_ts: str | None = None
    broadcast: bool = False
    only_for: str | None = None
    files: tuple[str, ...] = ()


def post(
    state: WorkspaceState,
    channel: str,
    user: str,
    content: MessageContent,
    where: PostOptions | None = None,
) -> SlackMessage:
    """Post a message, for all or for one person."""
    where = where or PostOptions()
    message = SlackMessage(
        ts=state.new_ts(),
        channel=channel,
        user=user,
        versions=[_version(state, content)],
        thread_ts=where.thread_ts,
        broadcast=where.broadcast,
        only_for=where.only_for,
        files=list(where.files),
    )
    state.messages[channel, message.ts] = message
    state.enter(HistoryKind.POSTED, user, channel=channel, message=message)
    return message


def change(state: WorkspaceState, message: SlackMessage, content: MessageContent) -> SlackMessage:
    """Give a message a new version."""
    message.versions.append(_version(state, content))
    at = len(message.versions) - 1
    state.enter(
        HistoryKind.CHANGED, message.user, channel=message.channel, message=message, version=at
    )
    return message


def delete(state: WorkspaceState, message: SlackMessage) -> None:
    """Take a message away."""
    message.deleted = state.next_seq()
    at = len(message.versions) - 1
    state.enter(
        HistoryKind.DELETED, message.user, channel=message.channel, message=message, version=at
    )


def _version(state: WorkspaceState, content: MessageContent) -> MessageVersion:
    return MessageVersion(
        seq=state.next_seq(),
        at=state.clock(),
        text=content.text,
        blocks=with_ids(state, content.blocks),
        attachments=content.attachments,
        metadata=content.metadata,
    )


def with_ids(state: WorkspaceState, blocks: Blocks) -> Blocks:
    """Return blocks with the ids that Slack makes up where the app gave none."""
    named = [{**block} for block in blocks]
    for block in named:
        for key in ("child_blocks", "elements", "actions"):
            if isinstance(block.get(key), list):
                block[key] = [{**each} if isinstance(each, dict) else each for each in block[key]]
        if block["type"] == "container":
            block["child_blocks"] = with_ids(state, block["child_blocks"])
        for key in ("element", "accessory"):
            if isinstance(block.get(key), dict):
                block[key] = {**block[key]}
        block.setdefault("block_id", f"b{state.rng.getrandbits(24):06x}")
    for _, element in elements(named):
        element.setdefault("action_id", f"a{state.rng.getrandbits(24):06x}")
    return named


def new_hash(state: WorkspaceState) -> str:
    """Return the mark of a view's version."""
    return f"{int(state.clock())}.{state.rng.getrandbits(32):08x}"


def push_view(
    state: WorkspaceState, user: str, content: dict[str, Any], app_home: str = ""
) -> SlackView:
    """Put a modal on top of a person's stack, or make their Home."""
    stack = [] if app_home else state.modals.setdefault(user, [])
    key = state.new_id("V")
    view = SlackView(
        id=key,
        user=user,
        content={**content, "blocks": with_ids(state, content["blocks"])},
        hash=new_hash(state),
        seq=state.next_seq(),
        root=stack[0].id if stack else key,
        previous=stack[-1].id if stack else None,
    )
    view.versions.append(view.content)
    if app_home:
        state.homes[user] = view
    else:
        stack.append(view)
    kind = HistoryKind.HOME if app_home else HistoryKind.OPENED
    state.enter(kind, user, view=view, content=view.content)
    return view


def redraw(state: WorkspaceState, view: SlackView, content: dict[str, Any]) -> SlackView:
    """Give a view new content; what was typed stays where block and action keep their ids."""
    view.content = {**content, "blocks": with_ids(state, content["blocks"])}
    view.versions.append(view.content)
    view.hash, view.seq, view.errors = new_hash(state), state.next_seq(), {}
    kept = {(block["block_id"], each["action_id"]) for block, each in elements(view.blocks)}
    view.entered = {
        block: {action: v for action, v in values.items() if (block, action) in kept}
        for block, values in view.entered.items()
    }
    kind = HistoryKind.HOME if state.homes.get(view.user) is view else HistoryKind.REDRAWN
    state.enter(kind, view.user, view=view, content=view.content)
    return view


def close_view(state: WorkspaceState, view: SlackView) -> None:
    """Take the view, and whatever lies on it, from the stack."""
    stack = state.modals.get(view.user, [])
    if view not in stack:
        return
    at = stack.index(view)
    for each in stack[at:]:
        each.open = False
    del stack[at:]
    state.next_seq()
    state.enter(HistoryKind.CLOSED, view.user, view=view)


def can_push(state: WorkspaceState, user: str) -> bool:
    """Whether there is room on a person's stack."""
    return len(state.modals.get(user, [])) < MAX["view.stack"]


def direct_channel(state: WorkspaceState, person: SlackUser, bot: SlackUser) -> Channel:
    """Return the direct conversation of a person with the bot, made if need be."""
    for channel in state.channels.values():
        if channel.im_with == person.id and bot.id in channel.members:
            return channel
    key = state.new_id("D")
    made = Channel(
        id=key, name="directmessage", members=[person.id, bot.id], private=True, im_with=person.id
    )
    state.channels[key] = made
    return made


def message_json(
    message: SlackMessage, state: WorkspaceState, bot: Mapping[str, str]
) -> dict[str, Any]:
    """Return a message as the Web API returns it."""
    result: dict[str, Any] = {
        "type": "message",
        "user": message.user,
        "ts": message.ts,
        "text": message.text,
        "team": state.team_id,
    }
    if message.user == bot["user"]:
        result |= {"bot_id": bot["bot"], "app_id": bot["app"]}
    if message.blocks:
        result["blocks"] = message.blocks
    if message.now.attachments:
        result["attachments"] = message.now.attachments
    if message.thread_ts:
        result["thread_ts"] = message.thread_ts
    if message.files:
        result["files"] = [{"id": key, "name": state.files[key].name} for key in message.files]
    return result
