"""The Slack workspace: every call that Tipo makes, and how it can fail.

Whatever Slack has against the blocks of a message, its words still arrive: every way of showing
one tries again with the text alone, unless the refusal is about something else.

SlackTrouble
├── NotSent       it certainly did not happen: Slack cannot be reached
│   └── Throttled Slack asks us to wait `wait` seconds
├── NoAnswer      no answer, or none that can be read: it may have happened
└── Refused       Slack has said no; `code` is Slack's own word for it
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

CALL_TIMEOUT_SECONDS = 10  # seconds for one call
MAX_MEMBER_PAGES = 20  # of 200 members each: more is no list of approvers
PAGE_SIZE = 200
METADATA_EVENT_TYPE = "tipo_post"  # the event type of our messages' metadata
UNCERTAIN_CODES = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", ""}
HTTP_SERVER_ERROR = 500
HTTP_TOO_MANY_REQUESTS = 429
HTTP_OK = 200
CODES_NOT_ABOUT_BLOCKS = {  # refusals that a message without its blocks would meet, too
    *("channel_not_found", "not_in_channel", "is_archived", "restricted_action", "no_permission"),
    *("message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"),
    *("user_not_in_channel", "user_not_found", "user_disabled", "missing_scope", "not_authed"),
    *("invalid_auth", "account_inactive", "token_revoked", "token_expired", "access_denied"),
    *("expired_url", "used_url", "invalid_url", "no_text", "ekm_access_denied"),
}
DEFAULT_RETRY_SECONDS = 30.0
MAX_RETRY_SECONDS = 300.0

Json = dict[str, Any]
T = TypeVar("T")

log = logging.getLogger(__name__)


class SlackError(Exception):
    """Slack did not do what we asked."""


class SlackUnreachable(SlackError):
    """It certainly did not happen."""


class SlackRateLimited(SlackUnreachable):
    """Slack asks us to wait."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"Slack asks us to wait {wait:.0f} s")
        self.wait = wait


class SlackNoAnswer(SlackError):
    """It may have happened. `is_server_fault`: Slack was there, and failed over what we sent."""

    def __init__(self, message: str, *, is_server_fault: bool = False) -> None:
        super().__init__(message)
        self.is_server_fault = is_server_fault


class SlackRefused(SlackError):
    """Slack has said no."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code[:100]


class Showable(Protocol):
    """What is to be shown: a sentence for phones and readers, and blocks."""

    @property
    def text(self) -> str:
        """Return a whole sentence."""

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """Return the blocks; none: the text alone."""


@dataclass(frozen=True, slots=True)
class TextOnly:
    """What is shown where Slack does not take the blocks."""

    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)


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


class SlackApi:
    """The Web API and the response_urls."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._identity: BotIdentity | None = None

    # -- who
    async def identity(self) -> BotIdentity:
        """Return who we are; asked once.

        Raises:
            SlackTrouble: If Slack does not say.
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
        answer = await _call(self._client.auth_test())
        scopes = _header(answer, "x-oauth-scopes").split(",")
        return BotIdentity(
            team=_word(answer.data, "team_id"),
            team_name=_word(answer.data, "team"),
            user=_word(answer.data, "user_id"),
            bot=_word(answer.data, "bot_id"),
            scopes=frozenset(each.strip() for each in scopes if each.strip()),
        )

    async def member(self, user: str) -> Member:
        """Return what the workspace knows of somebody."""
        answer = await _call(self._client.users_info(user=user))
        found = answer.data.get("user") or {}
        return Member(
            id=_word(found, "id"),
            team=_word(found, "team_id"),
            name=_word(found, "name"),
            bot=bool(found.get("is_bot")),
            deleted=bool(found.get("deleted")),
            guest=bool(found.get("is_restricted") or found.get("is_ultra_restricted")),
            stranger=bool(found.get("is_stranger")),
        )

    async def group(self, group: str) -> frozenset[str]:
        """Return the members of a user group."""
        answer = await _call(self._client.usergroups_users_list(usergroup=group))
        return frozenset(str(each) for each in answer.data.get("users") or ())

    async def members(self, channel: str) -> frozenset[str]:
        """Return the members of a channel, page by page.

        Raises:
            Refused: If there are more than a list of approvers can have.
        """
        found: set[str] = set()
        cursor = ""
        for _ in range(MAX_MEMBER_PAGES):
            answer = await _call(
                self._client.conversations_members(channel=channel, cursor=cursor, limit=PAGE_SIZE)
            )
            found.update(str(each) for each in answer.data.get("members") or ())
            cursor = _word(answer.data.get("response_metadata") or {}, "next_cursor")
            if not cursor:
                return frozenset(found)
        raise SlackRefused("too_many_members")

    async def channel(self, channel: str) -> Json:
        """Return what the workspace knows of a channel."""
        answer = await _call(self._client.conversations_info(channel=channel))
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
        answer = await _show_or_fall_back(
            said,
            lambda each: _call(
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
        return _word(answer.data, "channel") or channel, _word(answer.data, "ts")

    async def permalink(self, channel: str, ts: str) -> str:
        """Return the address of a message."""
        answer = await _call(self._client.chat_getPermalink(channel=channel, message_ts=ts))
        return _word(answer.data, "permalink")

    async def update(
        self,
        channel: str,
        ts: str,
        said: Showable,
        *,
        identifiers: Mapping[str, object] | None = None,
    ) -> None:
        """Change a message of ours."""
        await _show_or_fall_back(
            said,
            lambda each: _call(
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

    async def post_ephemeral(self, channel: str, user: str, said: Showable) -> None:
        """Show a message to one person in a channel."""
        await _show_or_fall_back(
            said,
            lambda each: _call(
                self._client.chat_postEphemeral(
                    channel=channel, user=user, text=each.text, blocks=each.blocks or None
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
        answer = await _call(asked)
        for message in answer.data.get("messages") or ():
            metadata = message.get("metadata") or {}
            payload = metadata.get("event_payload") or {}
            if metadata.get("event_type") == METADATA_EVENT_TYPE and payload.get("key") == key:
                return _word(message, "ts"), int(payload.get("version") or 0)
        return None

    # -- views
    async def open_view(self, trigger: str, view: Mapping[str, Any]) -> str:
        """Open a modal; return its id."""
        answer = await _call(self._client.views_open(trigger_id=trigger, view=dict(view)))
        return _word(answer.data.get("view") or {}, "id")

    async def update_view(self, view_id: str, view: Mapping[str, Any], *, seen: str = "") -> None:
        """Change an open modal; only if nobody else has, where `seen` is its hash."""
        await _call(self._client.views_update(view_id=view_id, view=dict(view), hash=seen or None))

    async def publish_home(self, user: str, view: Mapping[str, Any], *, seen: str = "") -> str:
        """Show somebody's App Home; return its new hash."""
        answer = await _call(
            self._client.views_publish(user_id=user, view=dict(view), hash=seen or None)
        )
        return _word(answer.data.get("view") or {}, "hash")

    # -- response_urls
    async def respond(
        self, url: str, said: Showable, *, replace: bool = False, public: bool = False
    ) -> None:
        """Answer where somebody typed or clicked."""
        await _show_or_fall_back(
            said,
            lambda each: self._respond(url, each, replace=replace, public=public),
            may_repeat=True,
        )

    async def _respond(self, url: str, said: Showable, *, replace: bool, public: bool) -> None:
        hook = AsyncWebhookClient(
            url, timeout=CALL_TIMEOUT_SECONDS, retry_handlers=[], logger=SILENT_LOGGER
        )
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
            raise SlackRateLimited(_wait(answer.headers.get("Retry-After")))
        if answer.status_code >= HTTP_SERVER_ERROR:
            raise SlackNoAnswer(f"HTTP {answer.status_code}", is_server_fault=True)
        if answer.status_code != HTTP_OK:
            raise SlackRefused(_code_in(answer.body or "") or f"HTTP {answer.status_code}")

    async def remove(self, url: str) -> None:
        """Take away the message in which somebody clicked."""
        hook = AsyncWebhookClient(
            url, timeout=CALL_TIMEOUT_SECONDS, retry_handlers=[], logger=SILENT_LOGGER
        )
        try:
            async with asyncio.timeout(CALL_TIMEOUT_SECONDS):
                await hook.send(delete_original=True)
        except (aiohttp.ClientError, OSError, TimeoutError, SlackClientError, ValueError) as exc:
            raise SlackNoAnswer(type(exc).__name__) from exc


# Slack's libraries log bodies, addresses with tickets, and texts: ours alone may speak.
SILENT_LOGGER = logging.getLogger("bot.slack")
SILENT_LOGGER.setLevel(logging.CRITICAL)


def open_client(token: str | None, api_url: str) -> AsyncWebClient:
    """Return a client that takes nothing from the environment and tries nothing twice."""
    return AsyncWebClient(
        token=token,
        base_url=api_url if api_url.endswith("/") else f"{api_url}/",
        timeout=CALL_TIMEOUT_SECONDS,
        retry_handlers=[],  # a doubled attempt is a doubled message
        logger=SILENT_LOGGER,
    )


@dataclass(frozen=True, slots=True)
class _ApiAnswer:
    data: Json
    headers: Mapping[str, str]


async def _call(asked: Awaitable[Any]) -> _ApiAnswer:
    """Return what Slack says.

    Raises:
        SlackTrouble: If it does not, or says no.
    """
    try:
        async with asyncio.timeout(CALL_TIMEOUT_SECONDS + 1):
            answer = await asked
    except SlackApiError as exc:
        raise _refusal(exc) from exc
    except aiohttp.ClientConnectorError as exc:
        raise SlackUnreachable("Slack cannot be reached") from exc
    except (aiohttp.ClientError, OSError, TimeoutError, SlackClientError, ValueError) as exc:
        raise SlackNoAnswer(type(exc).__name__) from exc
    return _ApiAnswer(data=dict(answer.data), headers=answer.headers)


async def _show_or_fall_back(
    said: Showable, show: Callable[[Showable], Awaitable[T]], *, may_repeat: bool = False
) -> T:
    """Show a message; where Slack refuses its blocks, or fails over them, its words alone.

    `may_repeat`: showing it twice does no harm, so a failure after which it may be there is no
    reason to leave it.
    """
    try:
        return await show(said)
    except SlackRefused as exc:
        if not said.blocks or exc.code in CODES_NOT_ABOUT_BLOCKS:
            raise
        why = exc.code
    except SlackNoAnswer as exc:
        if not (said.blocks and may_repeat and exc.is_server_fault):
            raise
        why = str(exc)
    log.warning(
        "Slack does not take the blocks of a message (%s); its text is sent alone",
        why,
        extra={"event": "blocks_refused"},
    )
    return await show(TextOnly(said.text))


def _code_in(body: str) -> str:
    """Return Slack's word in the answer of a response_url: it is JSON, or the bare word."""
    try:
        found = json.loads(body)
    except ValueError:
        return body.strip()
    return _word(found, "error") if isinstance(found, dict) else body.strip()


def _refusal(exc: SlackApiError) -> SlackError:
    """Return what Slack's answer means."""
    answer = exc.response
    status = getattr(answer, "status_code", HTTP_OK)
    headers = getattr(answer, "headers", {})
    data = getattr(answer, "data", answer)
    code = _word(data, "error") if isinstance(data, Mapping) else ""
    if status == HTTP_TOO_MANY_REQUESTS or code == "ratelimited":
        return SlackRateLimited(_wait(headers.get("Retry-After")))
    if status >= HTTP_SERVER_ERROR or code in UNCERTAIN_CODES:
        return SlackNoAnswer(code or f"HTTP {status}", is_server_fault=bool(code))
    return SlackRefused(code)


def _wait(header: object) -> float:
    """Return how long Slack asks us to wait; what cannot be read is half a minute."""
    try:
        return min(MAX_RETRY_SECONDS, max(1.0, float(str(header))))
    except ValueError:
        return DEFAULT_RETRY_SECONDS


def _header(answer: _ApiAnswer, name: str) -> str:
    return next((str(v) for k, v in answer.headers.items() if k.lower() == name), "")


def _metadata(identifiers: Mapping[str, object] | None) -> Json | None:
    return (
        None
        if identifiers is None
        else {"event_type": METADATA_EVENT_TYPE, "event_payload": dict(identifiers)}
    )


def _word(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""
