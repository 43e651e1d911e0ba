"""The Slack workspace: every call that Tipo makes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.slack_calls import (
    CALL_TIMEOUT_SECONDS,
    HTTP_OK,
    HTTP_SERVER_ERROR,
    HTTP_TOO_MANY_REQUESTS,
    SILENT_LOGGER,
    ApiAnswer,
    Json,
    Showable,
    call,
    code_in,
    is_slack_url,
    seconds_to_wait,
    show_or_fall_back,
    word_in,
)
from bot.slack_errors import SlackNoAnswer, SlackRateLimited, SlackRefused, SlackUnreachable

MAX_MEMBER_PAGES = 20  # of 200 members each: more is no list of approvers
PAGE_SIZE = 200
METADATA_EVENT_TYPE = "tipo_post"  # the event type of our messages' metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class BotIdentity:
    """Who we are in the workspace."""

    team: str
    team_name: str
    user: str
    bot: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody, as the workspace knows them."""

    id: str
    team: str
    name: str
    bot: bool
    deleted: bool
    guest: bool
    stranger: bool
    zone: str = ""  # of their clock: "Europe/Berlin"


class SlackApi:
    """The Web API and the response_urls."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._identity: BotIdentity | None = None

    # -- who
    async def identity(self) -> BotIdentity:
        """Return who we are; asked once.

        Raises:
            SlackError: If Slack does not say.
        """
        if self._identity is None:
            self._identity = await self.fetch_identity()
        return self._identity

    @property
    def known_identity(self) -> BotIdentity | None:
        """Return who we are, if Slack has said so already."""
        return self._identity

    async def fetch_identity(self) -> BotIdentity:
        """Ask Slack who we are, and what we may do."""
        answer = await call(self._client.auth_test())
        scopes = _header(answer, "x-oauth-scopes").split(",")
        return BotIdentity(
            team=word_in(answer.data, "team_id"),
            team_name=word_in(answer.data, "team"),
            user=word_in(answer.data, "user_id"),
            bot=word_in(answer.data, "bot_id"),
            scopes=frozenset(each.strip() for each in scopes if each.strip()),
        )

    async def member(self, user: str) -> Member:
        """Return what the workspace knows of somebody."""
        answer = await call(self._client.users_info(user=user))
        found = answer.data.get("user") or {}
        return Member(
            id=word_in(found, "id"),
            team=word_in(found, "team_id"),
            name=word_in(found, "name"),
            bot=bool(found.get("is_bot")),
            deleted=bool(found.get("deleted")),
            guest=bool(found.get("is_restricted") or found.get("is_ultra_restricted")),
            stranger=bool(found.get("is_stranger")),
            zone=word_in(found, "tz"),
        )

    async def group(self, group: str) -> frozenset[str]:
        """Return the members of a user group."""
        answer = await call(self._client.usergroups_users_list(usergroup=group))
        return frozenset(str(each) for each in answer.data.get("users") or ())

    async def members(self, channel: str) -> frozenset[str]:
        """Return the members of a channel, page by page.

        Raises:
            SlackRefused: If there are more than a list of approvers can have.
        """
        found: set[str] = set()
        cursor = ""
        for _ in range(MAX_MEMBER_PAGES):
            answer = await call(
                self._client.conversations_members(channel=channel, cursor=cursor, limit=PAGE_SIZE)
            )
            found.update(str(each) for each in answer.data.get("members") or ())
            cursor = word_in(answer.data.get("response_metadata") or {}, "next_cursor")
            if not cursor:
                return frozenset(found)
        raise SlackRefused("too_many_members")

    async def channel(self, channel: str) -> Json:
        """Return what the workspace knows of a channel."""
        answer = await call(self._client.conversations_info(channel=channel))
        found: Json = answer.data.get("channel") or {}
        return found

    # -- messages
    async def post(
        self,
        channel: str,
        said: Showable,
        *,
        thread: str | None = None,
        identifiers: Mapping[str, object] | None = None,
    ) -> tuple[str, str]:
        """Post a message; return its channel and its ts. `identifiers` help to find it again."""
        answer = await show_or_fall_back(
            said,
            lambda each: call(
                self._client.chat_postMessage(
                    channel=channel,
                    text=each.text,
                    blocks=each.blocks or None,
                    thread_ts=thread,
                    metadata=_metadata(identifiers),
                    unfurl_links=False,
                    unfurl_media=False,
                )
            ),
        )
        return word_in(answer.data, "channel") or channel, word_in(answer.data, "ts")

    async def permalink(self, channel: str, ts: str) -> str:
        """Return the address of a message."""
        answer = await call(self._client.chat_getPermalink(channel=channel, message_ts=ts))
        return word_in(answer.data, "permalink")

    async def update(
        self,
        channel: str,
        ts: str,
        said: Showable,
        *,
        identifiers: Mapping[str, object] | None = None,
    ) -> None:
        """Change a message of ours."""
        await show_or_fall_back(
            said,
            lambda each: call(
                self._client.chat_update(
                    channel=channel,
                    ts=ts,
                    text=each.text,
                    blocks=each.blocks,
                    metadata=_metadata(identifiers),
                )
            ),
            may_repeat=True,
        )

    async def post_ephemeral(
        self, channel: str, user: str, said: Showable, *, thread: str | None = None
    ) -> None:
        """Show a message to one person in a channel, or in one of its threads."""
        await show_or_fall_back(
            said,
            lambda each: call(
                self._client.chat_postEphemeral(
                    channel=channel,
                    user=user,
                    text=each.text,
                    blocks=each.blocks or None,
                    thread_ts=thread,
                )
            ),
            may_repeat=True,
        )

    async def find(
        self, channel: str, key: str, *, oldest: float, thread: str | None = None
    ) -> tuple[str, int] | None:
        """Return ts and version of our message with that key, if it is among the latest."""
        if thread is None:
            asked = self._client.conversations_history(
                channel=channel, oldest=f"{oldest:.6f}", limit=PAGE_SIZE, include_all_metadata=True
            )
        else:
            asked = self._client.conversations_replies(
                channel=channel, ts=thread, limit=PAGE_SIZE, include_all_metadata=True
            )
        answer = await call(asked)
        for message in answer.data.get("messages") or ():
            metadata = message.get("metadata") or {}
            payload = metadata.get("event_payload") or {}
            if metadata.get("event_type") == METADATA_EVENT_TYPE and payload.get("key") == key:
                return word_in(message, "ts"), int(payload.get("version") or 0)
        return None

    # -- views
    async def open_view(self, trigger: str, view: Mapping[str, Any]) -> str:
        """Open a modal; return its id."""
        answer = await call(self._client.views_open(trigger_id=trigger, view=dict(view)))
        return word_in(answer.data.get("view") or {}, "id")

    async def update_view(self, view_id: str, view: Mapping[str, Any]) -> None:
        """Change an open modal."""
        await call(self._client.views_update(view_id=view_id, view=dict(view)))

    async def publish_home(self, user: str, view: Mapping[str, Any], *, seen: str = "") -> str:
        """Show somebody's App Home; return its new hash."""
        answer = await call(
            self._client.views_publish(user_id=user, view=dict(view), hash=seen or None)
        )
        return word_in(answer.data.get("view") or {}, "hash")

    # -- response_urls
    async def respond(
        self, url: str, said: Showable, *, replace: bool = False, public: bool = False
    ) -> None:
        """Answer where somebody typed or clicked."""
        await show_or_fall_back(
            said,
            lambda each: self._respond(url, each, replace=replace, public=public),
            may_repeat=True,
        )

    def _hook(self, url: str) -> AsyncWebhookClient:
        """Return a client of a response_url.

        Raises:
            SlackRefused: If it is not Slack's: what it would be told is nobody else's business.
        """
        if not is_slack_url(url, api_url=self._client.base_url):
            raise SlackRefused("not_slacks_address")
        return AsyncWebhookClient(
            url, timeout=CALL_TIMEOUT_SECONDS, retry_handlers=[], logger=SILENT_LOGGER
        )

    async def _respond(self, url: str, said: Showable, *, replace: bool, public: bool) -> None:
        hook = self._hook(url)
        try:
            async with asyncio.timeout(CALL_TIMEOUT_SECONDS):
                answer = await hook.send(
                    text=said.text,
                    blocks=said.blocks or None,
                    response_type="in_channel" if public else "ephemeral",
                    replace_original=replace,
                    unfurl_links=False,
                    unfurl_media=False,
                )
        except aiohttp.ClientConnectorError as exc:
            raise SlackUnreachable("Slack cannot be reached") from exc
        except (aiohttp.ClientError, OSError, TimeoutError, SlackClientError, ValueError) as exc:
            raise SlackNoAnswer(type(exc).__name__) from exc
        if answer.status_code == HTTP_TOO_MANY_REQUESTS:
            raise SlackRateLimited(seconds_to_wait(answer.headers.get("Retry-After")))
        if answer.status_code >= HTTP_SERVER_ERROR:
            raise SlackNoAnswer(f"HTTP {answer.status_code}", is_server_fault=True)
        if answer.status_code != HTTP_OK:
            raise SlackRefused(code_in(answer.body or "") or f"HTTP {answer.status_code}")

    async def remove(self, url: str) -> None:
        """Take away the message in which somebody clicked."""
        hook = self._hook(url)
        try:
            async with asyncio.timeout(CALL_TIMEOUT_SECONDS):
                await hook.send(delete_original=True)
        except (aiohttp.ClientError, OSError, TimeoutError, SlackClientError, ValueError) as exc:
            raise SlackNoAnswer(type(exc).__name__) from exc


def _header(answer: ApiAnswer, name: str) -> str:
    return next((str(v) for k, v in answer.headers.items() if k.lower() == name), "")


def _metadata(identifiers: Mapping[str, object] | None) -> Json | None:
    return (
        None
        if identifiers is None
        else {"event_type": METADATA_EVENT_TYPE, "event_payload": dict(identifiers)}
    )
