"""What every Web API method works on: state, app, trigger ids, response addresses."""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sandbox.slack.api_call import ApiCall, ApiRefusal
from sandbox.slack.faults import SlackFaults
from sandbox.slack.installed_app import InstalledApp
from sandbox.slack.limits import LIFETIME_SECONDS, RESPONSE_URL_USES
from sandbox.slack.rate_limiter import RateLimiter
from sandbox.slack.state import Channel, SlackMessage, SlackUser, WorkspaceState
from sandbox.slack.workspace_changes import direct_channel

MAX_KEPT_CALLS = 100_000
MAX_KEPT_KEYS = 10_000


@dataclass(slots=True, kw_only=True)
class Trigger:
    """A `trigger_id`: lives three seconds, works once."""

    user: str
    at: float
    used: bool = False
    in_view: str | None = None


@dataclass(slots=True, kw_only=True)
class ResponseUrl:
    """An address for answers: five uses within thirty minutes."""

    user: str
    channel: str
    at: float
    message: SlackMessage | None = None  # what was clicked
    uses: int = 0


class SpentUrlReason(StrEnum):
    """What a spent response address answers."""

    EXPIRED = "expired_url"
    USED = "used_url"


@dataclass(slots=True, kw_only=True)
class ApiContext:
    """What the methods of the Web API share."""

    state: WorkspaceState
    app: InstalledApp
    rate_limiter: RateLimiter
    faults: SlackFaults = field(default_factory=SlackFaults)
    base_url: str = "http://127.0.0.1"
    triggers: dict[str, Trigger] = field(default_factory=dict)
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict)
    tickets: set[str] = field(default_factory=set)  # for sockets, each good once
    calls: deque[ApiCall] = field(default_factory=lambda: deque(maxlen=MAX_KEPT_CALLS))

    @property
    def bot(self) -> SlackUser:
        """The app's own user."""
        return self.state.people[self.app.user_id]

    def new_trigger(self, user: str, in_view: str | None = None) -> str:
        """Return a trigger id for what a person has just done."""
        now = self.state.clock()
        key = f"{int(now * 1000)}.{len(self.triggers) + 1}.{self.state.secret()}"
        drop_oldest(self.triggers)
        self.triggers[key] = Trigger(user=user, at=now, in_view=in_view)
        return key

    def use_trigger(self, key: str) -> Trigger:
        """Return what a trigger stands for, once."""
        trigger = self.triggers.get(key)
        if trigger is None:
            raise ApiRefusal("invalid_trigger_id")
        if trigger.used:
            raise ApiRefusal("exchanged_trigger_id")
        if self.state.clock() - trigger.at > LIFETIME_SECONDS["trigger"]:
            raise ApiRefusal("expired_trigger_id")
        trigger.used = True
        return trigger

    def new_response_url(
        self, user: str, channel: str, message: SlackMessage | None, kind: str
    ) -> str:
        """Return an address for answers to what a person has just done."""
        key = self.state.secret()
        drop_oldest(self.response_urls)
        self.response_urls[key] = ResponseUrl(
            user=user, channel=channel, at=self.state.clock(), message=message
        )
        return f"{self.base_url}/{kind}/{self.state.team_id}/{key}"

    def unusable_reason(self, url: ResponseUrl) -> SpentUrlReason | None:
        """Return why an address no longer works."""
        if self.state.clock() - url.at > LIFETIME_SECONDS["response_url"]:
            return SpentUrlReason.EXPIRED
        return SpentUrlReason.USED if url.uses >= RESPONSE_URL_USES else None

    def readable_channel(self, key: str) -> Channel:
        """Return a channel of that id which the bot may know of."""
        channel = self.state.channels.get(key)
        if channel is None or (channel.private and self.bot.id not in channel.members):
            raise ApiRefusal("channel_not_found")
        return channel

    def writable(self, key: str, *, by_name: bool = False) -> Channel:
        """Return a channel in which the bot may write."""
        if by_name and (person := self.state.people.get(key)):
            return self._direct(person)
        found = self.state.channel_named(key) if by_name else self.state.channels.get(key)
        channel = self.readable_channel(found.id if found else key)
        if channel.archived:
            raise ApiRefusal("is_archived")
        public = "chat:write.public" in self.app.scopes and not channel.private
        if self.bot.id not in channel.members and not public:
            raise ApiRefusal("not_in_channel")
        return channel

    def _direct(self, person: SlackUser) -> Channel:
        if person.deleted or person.is_bot or person.team_id != self.state.team_id:
            raise ApiRefusal("channel_not_found")
        return direct_channel(self.state, person, self.bot)

    def reading(self, channel: Channel, what: str) -> None:
        """Refuse if the token may not read such channels."""
        kind = "im" if channel.im_with else "groups" if channel.private else "channels"
        self.need(f"{kind}:{what}")

    def need(self, *scopes: str) -> None:
        """Refuse if the token has none of these scopes."""
        if not self.app.scopes & set(scopes):
            provided = ",".join(sorted(self.app.scopes))
            raise ApiRefusal("missing_scope", needed=",".join(scopes), provided=provided)

    def known(self, user: str) -> SlackUser:
        """Return a person by id."""
        if user not in self.state.people:
            raise ApiRefusal("user_not_found")
        return self.state.people[user]

    def root(self, channel: str, thread_ts: str | None) -> str | None:
        """Return the thread to post in, if that message can have one."""
        if thread_ts is None:
            return None
        parent = self.state.messages.get((channel, thread_ts))
        if parent is None or parent.deleted or parent.only_for:
            raise ApiRefusal("thread_not_found")
        if parent.thread_ts not in {None, parent.ts}:
            raise ApiRefusal("cannot_reply_to_message")
        return thread_ts


def drop_oldest(kept: dict[str, Any]) -> None:
    """Drop the oldest of what has long run out."""
    if len(kept) >= MAX_KEPT_KEYS:
        del kept[next(iter(kept))]


def page(items: list[str], cursor: str | None, limit: int) -> tuple[list[str], str]:
    """Return one page, and the cursor of the next."""
    place = (cursor or "c:0").removeprefix("c:")
    if not place.isdigit() or (cursor and not cursor.startswith("c:")):
        raise ApiRefusal("invalid_cursor")
    start = int(place)
    end = start + limit
    return items[start:end], f"c:{end}" if end < len(items) else ""
