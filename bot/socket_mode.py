"""Socket Mode, and who watches it: a socket may be open and yet silent for ever.

what is seen                                   then
---------------------------------------------  ---------------------------------------
it does not connect                            again, after 1 s, 2 s … up to 5 min
it is connected, but Slack says no hello       built again after 30 s
neither an envelope nor a pong                 built again after 30 s
pongs, but no envelope                         built again after an hour: it costs nothing
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.slack_calls import SILENT_LOGGER, open_client
from sync_core.backoff import Backoff
from sync_core.clock import Clock

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 15.0  # seconds that connecting may take
CLOSE_TIMEOUT_SECONDS = 2.0  # seconds that closing may take
MAX_SILENCE_SECONDS = 30.0  # seconds without a pong or an envelope
MAX_IDLE_SECONDS = 900.0  # seconds without an envelope, pongs or not
PING_INTERVAL_SECONDS = 5.0
CHECK_INTERVAL_SECONDS = 1.0
# Slack allows few connections a minute, and a token that is wrong stays wrong: health says so.
RECONNECT = Backoff(first=1, longest=300)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketTimeouts:
    """How closely a socket is watched, in seconds."""

    check: float = CHECK_INTERVAL_SECONDS
    ping: float = PING_INTERVAL_SECONDS
    silent: float = MAX_SILENCE_SECONDS
    idle: float = MAX_IDLE_SECONDS


class SocketMode:
    """Keeps one socket to Slack open, and knows how old its last sign of life is."""

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        api_url: str,
        clock: Clock,
        *,
        timeouts: SocketTimeouts | None = None,
    ) -> None:
        self._app = app
        self._app_token = app_token
        self._api_url = api_url
        self._clock = clock
        self._timeouts = timeouts or SocketTimeouts()
        self._last_sign_at: float | None = None  # an envelope, or a pong
        self._envelope_at: float | None = None
        self._last_pong: float | None = None
        self._said_hello = False
        self.built = 0
        self.trouble = "not connected yet"

    def health(self) -> dict[str, object]:
        """Say how old the last sign of life is."""
        now = self._now()
        return {
            "connected": not self.trouble,
            "trouble": self.trouble,
            "last_heard_seconds": _age(self._last_sign_at, now),
            "last_envelope_seconds": _age(self._envelope_at, now),
            "built": self.built,
        }

    async def run(self) -> None:
        """Keep a socket open until cancelled."""
        failed = 0
        while True:
            handler = AsyncSocketModeHandler(
                self._app,
                self._app_token,
                logger=SILENT_LOGGER,
                web_client=open_client(self._app_token, self._api_url),
                ping_interval=self._timeouts.ping,
            )
            handler.client.on_message_listeners.append(self._on_message)
            try:
                if await self._connect(handler):
                    failed = 0
                    await self._watch(handler.client)
                else:
                    failed += 1
            finally:
                await _close(handler)
            await self._clock.sleep(RECONNECT.delay(failed) if failed else 0.1)

    async def _connect(self, handler: AsyncSocketModeHandler) -> bool:
        """Connect; say clearly why not."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                # Asked by ourselves: the library would ask on for ever, and tell nobody why.
                web = handler.client.web_client
                opened = await web.apps_connections_open(app_token=self._app_token)
                handler.client.wss_uri = opened["url"]
                await handler.connect_async()  # type: ignore[no-untyped-call]
        except SlackApiError as exc:
            code = exc.response.get("error") if exc.response is not None else "no answer"
            then = "asked again later" if code == "ratelimited" else "check TIPO_SLACK__APP_TOKEN"
            self._note_failure(f"Slack opens no socket ({code}): {then}")
        except (aiohttp.ClientError, SlackClientError, OSError, TimeoutError, ValueError) as exc:
            self._note_failure(f"Slack opens no socket: {type(exc).__name__}")
        else:
            self.built += 1
            self.trouble = ""
            self._last_sign_at = self._envelope_at = self._now()
            self._last_pong, self._said_hello = None, False
            log.info("a socket to Slack is open", extra={"event": "socket_open"})
            return True
        return False

    def _note_failure(self, why: str) -> None:
        if why != self.trouble:
            log.warning("%s", why, extra={"event": "socket_failed"})
        self.trouble = why

    async def _watch(self, client: Any) -> None:
        """Return when the socket has been silent for too long."""
        while True:
            await self._clock.sleep(self._timeouts.check)
            now = self._now()
            self._note_pong(client.last_ping_pong_time, now)
            silent, idle = now - (self._last_sign_at or now), now - (self._envelope_at or now)
            is_mute = not self._said_hello and idle > self._timeouts.silent
            if silent > self._timeouts.silent or idle > self._timeouts.idle or is_mute:
                self.trouble = "silent: reconnecting"
                log.warning(
                    "the socket to Slack is silent; reconnecting",
                    extra={"event": "socket_silent", "silent": round(silent), "idle": round(idle)},
                )
                return

    def _note_pong(self, pong: float | None, now: float) -> None:
        """Note a new pong; the first time there is the library's own guess."""
        if pong is not None and pong != self._last_pong:
            if self._last_pong is not None:
                self._last_sign_at = now
            self._last_pong = pong

    async def _on_message(self, _message: Any) -> None:
        self._said_hello = True
        self._last_sign_at = self._envelope_at = self._now()

    def _now(self) -> float:
        return self._clock.now().timestamp()


async def _close(handler: AsyncSocketModeHandler) -> None:
    """Close a socket, whatever state it is in."""
    client = handler.client
    client.closed, client.auto_reconnect_enabled = True, False
    # First who listens: else closing waits for a goodbye that the listener takes.
    tasks = (client.message_receiver, client.current_session_monitor, client.message_processor)
    left = [each for each in tasks if each is not None]
    for each in left:
        each.cancel()
    try:
        await asyncio.wait(left, timeout=CLOSE_TIMEOUT_SECONDS)
        async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
            await handler.close_async()  # type: ignore[no-untyped-call]
    except (aiohttp.ClientError, SlackClientError, OSError, TimeoutError, RuntimeError) as exc:
        log.info("a socket did not close well: %s", type(exc).__name__, extra={"event": "closing"})
    finally:  # also if the task that closes it is told to stop at once
        await client.aiohttp_client_session.close()


def _age(then: float | None, now: float) -> float | None:
    return None if then is None else round(now - then, 1)
