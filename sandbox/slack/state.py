"""What a workspace consists of: people, groups, channels, messages, views, and its history.

Pure state: no sockets, no waiting. The time comes in as a clock, randomness as a seed.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from random import Random
from typing import Any

Blocks = list[dict[str, Any]]
MICROSECONDS = 1_000_000
MAX_HISTORY_ENTRIES = 100_000  # entries of the history; older ones are forgotten


class HistoryKind(StrEnum):
    """What can happen."""

    POSTED = "posted"
    CHANGED = "changed"
    DELETED = "deleted"
    TYPED = "typed"  # a slash command
    CLICKED = "clicked"
    OPENED = "opened"  # a modal
    REDRAWN = "redrawn"
    CLOSED = "closed"
    SUBMITTED = "submitted"
    HOME = "home"
    FAILED = "failed"  # what Slack tells a person when the app did not answer


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackUser:
    """Somebody, human or bot."""

    id: str
    name: str
    team_id: str
    real_name: str = ""
    is_bot: bool = False
    is_guest: bool = False
    deleted: bool = False
    tz: str = "Europe/Berlin"  # empty: Slack does not say


@dataclass(slots=True, kw_only=True)
class UserGroup:
    """A user group."""

    id: str
    handle: str
    name: str
    members: list[str]
    disabled: bool = False


@dataclass(slots=True, kw_only=True)
class Channel:
    """A channel, or a direct conversation."""

    id: str
    name: str
    members: list[str]
    private: bool = False
    archived: bool = False
    im_with: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageVersion:
    """What a message said from some moment on."""

    seq: int  # counts every change in the workspace
    at: float
    text: str
    blocks: Blocks = field(default_factory=list)
    attachments: Blocks = field(default_factory=list)
    metadata: dict[str, Any] | None = None


@dataclass(slots=True, kw_only=True)
class SlackMessage:
    """A message; `only_for` makes it ephemeral."""

    ts: str
    channel: str
    user: str
    versions: list[MessageVersion]
    thread_ts: str | None = None
    broadcast: bool = False
    only_for: str | None = None
    deleted: int | None = None  # the number of the change that took it away
    files: list[str] = field(default_factory=list)
    entered: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def now(self) -> MessageVersion:
        """The newest version."""
        return self.versions[-1]

    @property
    def text(self) -> str:
        """Its text."""
        return self.now.text

    @property
    def blocks(self) -> Blocks:
        """Its blocks."""
        return self.now.blocks

    @property
    def metadata(self) -> dict[str, Any] | None:
        """Its metadata."""
        return self.now.metadata

    @property
    def seq(self) -> int:
        """The number of its newest change."""
        return max(self.now.seq, self.deleted or 0)


@dataclass(slots=True, kw_only=True)
class SlackView:
    """A modal in somebody's stack, or somebody's Home."""

    id: str
    user: str
    content: dict[str, Any]
    hash: str
    seq: int
    root: str
    previous: str | None = None
    open: bool = True
    versions: list[dict[str, Any]] = field(default_factory=list)
    entered: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)  # by block, shown beside the inputs

    @property
    def blocks(self) -> Blocks:
        """Its blocks."""
        found: Blocks = self.content["blocks"]
        return found

    @property
    def title(self) -> str:
        """The words on top of a modal."""
        return str(self.content.get("title", {}).get("text", ""))


@dataclass(slots=True, kw_only=True)
class UploadedFile:
    """Something uploaded, or about to be."""

    id: str
    name: str
    length: int
    body: bytes | None = None
    title: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackHistoryEntry:
    """One line of the history."""

    seq: int
    at: float
    kind: HistoryKind
    who: str
    channel: str | None = None
    words: str = ""
    message: SlackMessage | None = None
    version: int = 0
    view: SlackView | None = None
    content: dict[str, Any] | None = None  # the view as it was then


@dataclass(slots=True, kw_only=True)
class WorkspaceState:
    """All of a workspace."""

    clock: Callable[[], float]
    team_id: str = "T00000001"
    domain: str = "urbanwear"
    paid: bool = True
    seed: int = 1
    people: dict[str, SlackUser] = field(default_factory=dict)
    groups: dict[str, UserGroup] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    messages: dict[tuple[str, str], SlackMessage] = field(default_factory=dict)
    modals: dict[str, list[SlackView]] = field(default_factory=dict)  # a stack for each person
    homes: dict[str, SlackView] = field(default_factory=dict)
    files: dict[str, UploadedFile] = field(default_factory=dict)
    history: deque[SlackHistoryEntry] = field(
        default_factory=lambda: deque(maxlen=MAX_HISTORY_ENTRIES)
    )
    changed: Callable[[], None] = lambda: None
    seq: int = 0
    rng: Random = field(init=False)
    _ids: Iterator[int] = field(default_factory=lambda: count(1))
    _last_ts: int = 0

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)

    def new_id(self, prefix: str) -> str:
        """Return an id that nothing else has."""
        return f"{prefix}{next(self._ids):08X}"

    def secret(self) -> str:
        """Return something that nobody guesses (and that the seed repeats)."""
        return f"{self.rng.getrandbits(128):032x}"

    def new_ts(self) -> str:
        """Return a timestamp later than all before."""
        self._last_ts = max(self._last_ts + 1, int(self.clock() * MICROSECONDS))
        return f"{self._last_ts // MICROSECONDS}.{self._last_ts % MICROSECONDS:06d}"

    def next_seq(self) -> int:
        """Count a change."""
        self.seq += 1
        return self.seq

    def enter(self, kind: HistoryKind, who: str, **more: Any) -> SlackHistoryEntry:
        """Write the history, and wake those who wait."""
        entry = SlackHistoryEntry(seq=self.seq, at=self.clock(), kind=kind, who=who, **more)
        self.history.append(entry)
        self.changed()
        return entry

    def name_of(self, key: str) -> str | None:
        """Return the name of a person, a channel or a group."""
        if key in self.people:
            return self.people[key].name
        if key in self.channels:
            return self.channels[key].name
        return self.groups[key].handle if key in self.groups else None

    def channel_named(self, key: str) -> Channel | None:
        """Return a channel by id, name or #name."""
        if key in self.channels:
            return self.channels[key]
        name = key.removeprefix("#")
        return next((c for c in self.channels.values() if c.name == name and not c.im_with), None)

    def in_channel(self, channel: str) -> list[SlackMessage]:
        """Return the messages of a channel, oldest first, deleted and ephemeral ones too."""
        return [each for each in self.messages.values() if each.channel == channel]

    def visible(self, message: SlackMessage, person: str) -> bool:
        """Whether that person sees the message now."""
        if message.deleted or message.only_for not in {None, person}:
            return False
        return person in self.channels[message.channel].members

    def view(self, key: str) -> SlackView | None:
        """Return an open modal or a Home by id or external id."""
        stacks = [view for stack in self.modals.values() for view in stack]
        for view in [*stacks, *self.homes.values()]:
            if key in {view.id, view.content.get("external_id")}:
                return view
        return None
