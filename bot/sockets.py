"""Socket Mode, and who watches it: a socket may be open and yet silent for ever.

what is seen                                   then
---------------------------------------------  ---------------------------------------
it does not connect                            again, after 1 s, 2 s … up to 5 min
it is connected, but Slack says no hello       built anew after 30 s
neither an envelope nor a pong                 built anew after 30 s
pongs, but no envelope                         built anew after an hour: it costs nothing
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.workspace import QUIET, open_client
from sync_core.clock import Clock

log = logging.getLogger(__name__)

CONNECT = 15.0  # seconds that connecting may take
GOODBYE = 2.0  # seconds that closing may take
SILENT = 30.0  # seconds without a pong or an envelope
IDLE = 900.0  # seconds without an envelope, pongs or not
PING = 5.0
LOOK = 1.0
LONGEST = 300.0
TRIES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How closely a socket is watched, in seconds."""

    look: float = LOOK
    ping: float = PING
    silent: float = SILENT
    idle: float = IDLE


class Sockets:
    """Keeps one socket to Slack open, and knows how old its last sign of life is."""

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        api_url: str,
        clock: Clock,
        *,
        watch: Watch | None = None,
    ) -> None:
        self._app = app
        self._app_token = app_token
        self._api_url = api_url
        self._clock = clock
        self._limits = watch or Watch()
        self._heard_at: float | None = None  # an envelope, or a pong
        self._envelope_at: float | None = None
        self._pong: float | None = None
        self._greeted = False
        self.built = 0
        self.trouble = "not connected yet"

    def health(self) -> dict[str, object]:
        """Say how old the last sign of life is."""
        now = self._now()
        return {
            "connected": not self.trouble,
            "trouble": self.trouble,
            "last_heard_seconds": _age(self._heard_at, now),
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
                logger=QUIET,
                web_client=open_client(self._app_token, self._api_url),
                ping_interval=self._limits.ping,
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
            await self._clock.sleep(min(LONGEST, 2.0 ** min(failed, TRIES)) if failed else 0.1)

    async def _connect(self, handler: AsyncSocketModeHandler) -> bool:
        """Connect; say clearly why not."""
        try:
            async with asyncio.timeout(CONNECT):
                # Asked by ourselves: the library would ask on for ever, and tell nobody why.
                web = handler.client.web_client
                opened = await web.apps_connections_open(app_token=self._app_token)
                handler.client.wss_uri = opened["url"]
                await handler.connect_async()  # type: ignore[no-untyped-call]
        except SlackApiError as exc:
            code = exc.response.get("error") if exc.response is not None else "no answer"
            self._fails(f"Slack opens no socket ({code}): check TIPO_SLACK__APP_TOKEN")
        except (aiohttp.ClientError, SlackClientError, OSError, TimeoutError, ValueError) as exc:
            self._fails(f"Slack opens no socket: {type(exc).__name__}")
        else:
            self.built += 1
            self.trouble = ""
            self._heard_at = self._envelope_at = self._now()
            self._pong, self._greeted = None, False
            log.info("a socket to Slack is open", extra={"act": "socket_open"})
            return True
        return False

    def _fails(self, why: str) -> None:
        if why != self.trouble:
            log.warning("%s", why, extra={"act": "socket_failed"})
        self.trouble = why

    async def _watch(self, client: Any) -> None:
        """Return when the socket has been silent for too long."""
        while True:
            await self._clock.sleep(self._limits.look)
            now = self._now()
            self._listen_for_pongs(client.last_ping_pong_time, now)
            silent, idle = now - (self._heard_at or now), now - (self._envelope_at or now)
            dumb = not self._greeted and idle > self._limits.silent
            if silent > self._limits.silent or idle > self._limits.idle or dumb:
                self.trouble = "silent: it is built anew"
                log.warning(
                    "the socket to Slack says nothing; building it anew",
                    extra={"act": "socket_silent", "silent": round(silent), "idle": round(idle)},
                )
                return

    def _listen_for_pongs(self, pong: float | None, now: float) -> None:
        """Note a new pong; the first time there is the library's own guess."""
        if pong is not None and pong != self._pong:
            if self._pong is not None:
                self._heard_at = now
            self._pong = pong

    async def _on_message(self, _message: Any) -> None:
        self._greeted = True
        self._heard_at = self._envelope_at = self._now()

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
        await asyncio.wait(left, timeout=GOODBYE)
        async with asyncio.timeout(GOODBYE):
            await handler.close_async()  # type: ignore[no-untyped-call]
    except (aiohttp.ClientError, SlackClientError, OSError, TimeoutError, RuntimeError) as exc:
        log.info("a socket did not close well: %s", type(exc).__name__, extra={"act": "closing"})
    finally:  # also where whoever closes it is told to stop at once
        await client.aiohttp_client_session.close()


def _age(then: float | None, now: float) -> float | None:
    return None if then is None else round(now - then, 1)
