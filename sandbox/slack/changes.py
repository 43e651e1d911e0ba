"""Everything that changes a workspace: posting, changing, deleting, views."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.slack.limits import MOST
from sandbox.slack.state import Blocks, Channel, Kind, Message, Person, State, Version, View
from sandbox.slack.words import elements


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a message shall say."""

    text: str = ""
    blocks: Blocks = field(default_factory=list)
    attachments: Blocks = field(default_factory=list)
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """How a message is posted."""

    thread_ts: str | None = None
    broadcast: bool = False
    only_for: str | None = None
    files: tuple[str, ...] = ()


def post(
    state: State, channel: str, user: str, content: Content, where: Where | None = None
) -> Message:
    """Post a message, for all or for one person."""
    where = where or Where()
    message = Message(
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
    state.enter(Kind.POSTED, user, channel=channel, message=message)
    return message


def change(state: State, message: Message, content: Content) -> Message:
    """Give a message a new version."""
    message.versions.append(_version(state, content))
    at = len(message.versions) - 1
    state.enter(Kind.CHANGED, message.user, channel=message.channel, message=message, version=at)
    return message


def delete(state: State, message: Message) -> None:
    """Take a message away."""
    message.deleted = state.step()
    at = len(message.versions) - 1
    state.enter(Kind.DELETED, message.user, channel=message.channel, message=message, version=at)


def _version(state: State, content: Content) -> Version:
    return Version(
        seq=state.step(),
        at=state.clock(),
        text=content.text,
        blocks=with_ids(state, content.blocks),
        attachments=content.attachments,
        metadata=content.metadata,
    )


def with_ids(state: State, blocks: Blocks) -> Blocks:
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
        block.setdefault("block_id", f"b{state.luck.getrandbits(24):06x}")
    for _, element in elements(named):
        element.setdefault("action_id", f"a{state.luck.getrandbits(24):06x}")
    return named


def new_hash(state: State) -> str:
    """Return the mark of a view's version."""
    return f"{int(state.clock())}.{state.luck.getrandbits(32):08x}"


def push_view(state: State, user: str, content: dict[str, Any], app_home: str = "") -> View:
    """Put a modal on top of a person's stack, or make their Home."""
    stack = [] if app_home else state.modals.setdefault(user, [])
    key = state.new_id("V")
    view = View(
        id=key,
        user=user,
        content={**content, "blocks": with_ids(state, content["blocks"])},
        hash=new_hash(state),
        seq=state.step(),
        root=stack[0].id if stack else key,
        previous=stack[-1].id if stack else None,
    )
    view.versions.append(view.content)
    if app_home:
        state.homes[user] = view
    else:
        stack.append(view)
    kind = Kind.HOME if app_home else Kind.OPENED
    state.enter(kind, user, view=view, content=view.content)
    return view


def redraw(state: State, view: View, content: dict[str, Any]) -> View:
    """Give a view new content; what was typed stays where block and action keep their ids."""
    view.content = {**content, "blocks": with_ids(state, content["blocks"])}
    view.versions.append(view.content)
    view.hash, view.seq, view.errors = new_hash(state), state.step(), {}
    kept = {(block["block_id"], each["action_id"]) for block, each in elements(view.blocks)}
    view.entered = {
        block: {action: v for action, v in values.items() if (block, action) in kept}
        for block, values in view.entered.items()
    }
    kind = Kind.HOME if state.homes.get(view.user) is view else Kind.REDRAWN
    state.enter(kind, view.user, view=view, content=view.content)
    return view


def close_view(state: State, view: View) -> None:
    """Take the view, and whatever lies on it, from the stack."""
    stack = state.modals.get(view.user, [])
    if view not in stack:
        return
    at = stack.index(view)
    for each in stack[at:]:
        each.open = False
    del stack[at:]
    state.step()
    state.enter(Kind.CLOSED, view.user, view=view)


def may_push(state: State, user: str) -> bool:
    """Whether there is room on a person's stack."""
    return len(state.modals.get(user, [])) < MOST["view.stack"]


def direct(state: State, person: Person, bot: Person) -> Channel:
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


def rendered(message: Message, state: State, bot: Mapping[str, str]) -> dict[str, Any]:
    """Return a message as the Web API tells it."""
    told: dict[str, Any] = {
        "type": "message",
        "user": message.user,
        "ts": message.ts,
        "text": message.text,
        "team": state.team_id,
    }
    if message.user == bot["user"]:
        told |= {"bot_id": bot["bot"], "app_id": bot["app"]}
    if message.blocks:
        told["blocks"] = message.blocks
    if message.now.attachments:
        told["attachments"] = message.now.attachments
    if message.thread_ts:
        told["thread_ts"] = message.thread_ts
    if message.files:
        told["files"] = [{"id": key, "name": state.files[key].name} for key in message.files]
    return told
