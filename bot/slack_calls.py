"""How Slack is called, and what its answers mean.

Whatever Slack has against the blocks of a message, its words still arrive: every way of showing
one tries again, unless the refusal is about something else. First with plain tables, since not
every workspace takes those that can be sorted; then with the text alone.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack_errors import (
    SlackError,
    SlackNoAnswer,
    SlackRateLimited,
    SlackRefused,
    SlackUnreachable,
)

SLACK_DOMAINS = ("slack.com", "slack-gov.com")
CALL_TIMEOUT_SECONDS = 10  # seconds for one call
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


class Showable(Protocol):
    """What is to be shown: a sentence for phones and readers, and blocks."""

    @property
    def text(self) -> str:
        """Return a whole sentence."""

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """Return the blocks; none: the text alone."""


@dataclass(frozen=True, slots=True)
class Plainer:
    """What is shown where Slack does not take the blocks."""

    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)


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
class ApiAnswer:
    """What Slack has answered."""

    data: Json
    headers: Mapping[str, str]


async def call(asked: Awaitable[Any]) -> ApiAnswer:
    """Return what Slack says.

    Raises:
        SlackError: If it does not, or says no.
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
    return ApiAnswer(data=dict(answer.data), headers=answer.headers)


async def show_or_fall_back(
    said: Showable, show: Callable[[Showable], Awaitable[T]], *, may_repeat: bool = False
) -> T:
    """Show a message; where Slack refuses its blocks, or fails over them, in a plainer form.

    `may_repeat`: showing it twice does no harm, so a failure after which it may be there is no
    reason to leave it.
    """
    try:
        return await show(said)
    except SlackRefused as exc:
        if not said.blocks or exc.code in CODES_NOT_ABOUT_BLOCKS:
            raise
        plainer, why = _with_plain_tables(said), exc.code
    except SlackNoAnswer as exc:
        if not (said.blocks and may_repeat and exc.is_server_fault):
            raise
        plainer, why = Plainer(said.text), str(exc)
    log.warning(
        "Slack does not take the blocks of a message (%s); it is sent in a plainer form",
        why,
        extra={"event": "blocks_refused"},
    )
    if not plainer.blocks or plainer.blocks == said.blocks:
        return await show(Plainer(said.text))
    return await show_or_fall_back(plainer, show, may_repeat=may_repeat)


def _with_plain_tables(said: Showable) -> Plainer:
    """Return a message with plain tables in place of those that can be sorted."""
    return Plainer(said.text, [_plain_table(each) for each in said.blocks])


def _plain_table(block: Json) -> Json:
    if block.get("type") != "data_table":
        return block
    settings = [{"is_wrapped": True} for _ in block["rows"][0]]
    named = {"block_id": block["block_id"]} if "block_id" in block else {}
    return {"type": "table", **named, "rows": block["rows"], "column_settings": settings}


def is_slack_url(url: str, *, api_url: str) -> bool:
    """Whether an address is Slack's, or that of the host which is used in its place.

    A response_url comes in a payload that Slack has signed; should its secret leak, Tipo still
    tells nobody else what people asked, and reaches no address inside the network.
    """
    try:
        given, ours = urlsplit(url), urlsplit(api_url)
        if (given.scheme, given.hostname, given.port) == (ours.scheme, ours.hostname, ours.port):
            return True
        host = given.hostname or ""
        return (
            given.scheme == "https"
            and given.port in {None, 443}
            and given.username is None
            and any(host == each or host.endswith(f".{each}") for each in SLACK_DOMAINS)
        )
    except ValueError:
        return False


def code_in(body: str) -> str:
    """Return Slack's word in the answer of a response_url: it is JSON, or the bare word."""
    try:
        found = json.loads(body)
    except ValueError:
        return body.strip()
    return word_in(found, "error") if isinstance(found, dict) else body.strip()


def _refusal(exc: SlackApiError) -> SlackError:
    """Return what Slack's answer means."""
    answer = exc.response
    status = getattr(answer, "status_code", HTTP_OK)
    headers = getattr(answer, "headers", {})
    data = getattr(answer, "data", answer)
    code = word_in(data, "error") if isinstance(data, Mapping) else ""
    if status == HTTP_TOO_MANY_REQUESTS or code == "ratelimited":
        return SlackRateLimited(seconds_to_wait(headers.get("Retry-After")))
    if status >= HTTP_SERVER_ERROR or code in UNCERTAIN_CODES:
        return SlackNoAnswer(code or f"HTTP {status}", is_server_fault=bool(code))
    return SlackRefused(code)


def seconds_to_wait(header: object) -> float:
    """Return how long Slack asks us to wait; what cannot be read is half a minute."""
    try:
        return min(MAX_RETRY_SECONDS, max(1.0, float(str(header))))
    except ValueError:
        return DEFAULT_RETRY_SECONDS


def word_in(found: Mapping[str, Any], name: str) -> str:
    """Return a text of an answer; empty if it has none of that name."""
    value = found.get(name)
    return value if isinstance(value, str) else ""
