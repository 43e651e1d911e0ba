"""All of Tipo with imitation stores and an imitation Slack, asked in this process.

A request goes to the ASGI application, or as bytes to the protocol that uvicorn runs: no sockets,
so thousands are a matter of seconds.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import select, text
from starlette.routing import Mount
from uvicorn.server import ServerState

from sandbox.sample_shops import build_shops, environment
from sandbox.server import build_app
from sync_core.app.parts import Parts, assemble
from sync_core.app.server import App
from sync_core.db.tables import LEVEL
from sync_core.settings import load
from sync_core.web.http_limits import LimitedHttpProtocol
from sync_core.workers.auditor import audit_all
from tests.bot.conftest import Staff, served, until

READY_SECONDS = 60.0
ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent to the application."""

    path: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back."""

    status: int
    words: str


class Errors(logging.Handler):
    """Keeps what is logged as an error: whatever is sent, none of it is Tipo's."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it with its traceback."""
        self.found.append(logging.Formatter().format(record))


@dataclass(eq=False)
class Wire(asyncio.Transport):
    """The other end of a connection: it keeps what was written."""

    written: bytearray = field(default_factory=bytearray)
    closed: bool = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Say nothing of sockets."""
        return default

    def write(self, data: bytes) -> None:  # type: ignore[override]
        """Keep what is written; once it is closed nobody gets it."""
        if not self.closed:
            self.written += data

    def close(self) -> None:
        """Be closed."""
        self.closed = True

    def is_closing(self) -> bool:
        """Say whether it is."""
        return self.closed

    def pause_reading(self) -> None:
        """Nothing waits here."""

    def resume_reading(self) -> None:
        """Nothing waits here."""

    def set_protocol(self, protocol: Any) -> None:
        """Nobody is upgraded."""
        raise AssertionError


@dataclass(kw_only=True)
class Tipo:
    """All of Tipo."""

    parts: Parts
    app: App
    staff: Staff
    shops: dict[str, Any]
    errors: Errors

    def __post_init__(self) -> None:
        """Make the application once."""
        self.web = self.app.web()
        self._config = uvicorn.Config(
            self.web, log_config=None, http=LimitedHttpProtocol, ws="none"
        )
        self._config.load()
        self.listeners = next(iter(self.app._frontends))._bot.listeners  # type: ignore[attr-defined]

    async def ask(self, request: Request) -> Answer:
        """Return the answer to one request."""
        sent = [{"type": "http.request", "body": request.body, "more_body": False}]
        said: list[Any] = []

        async def receive() -> Any:
            return sent.pop() if sent else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": request.path,
            "raw_path": request.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": request.headers,
            "client": None,
            "server": None,
        }
        async with asyncio.timeout(ANSWER_SECONDS):
            await self.web(scope, receive, send)
        words = b"".join(each.get("body", b"") for each in said).decode("utf-8", "replace")
        return Answer(said[0]["status"], words)

    async def speak(self, pieces: list[bytes]) -> bytes:
        """Return what comes back when bytes arrive in pieces, and then no more."""
        state = ServerState()
        connection = LimitedHttpProtocol(self._config, state, {}, asyncio.get_running_loop())
        wire = Wire()
        connection.connection_made(wire)
        for each in pieces:
            if wire.closed:
                break
            connection.data_received(each)
            await asyncio.sleep(0)
        async with asyncio.timeout(ANSWER_SECONDS):
            await asyncio.sleep(0.002)
            connection.connection_lost(None)
            while state.tasks:
                await asyncio.wait(state.tasks)
                await asyncio.sleep(0)
        return bytes(wire.written)

    async def at_rest(self) -> None:
        """Wait until people have their answers, and what stores sent is processed."""
        async with asyncio.timeout(READY_SECONDS):
            while self.listeners._running or await self._unhandled():  # noqa: ASYNC110 - it rings no bell
                await asyncio.sleep(0.01)

    async def _unhandled(self) -> int:
        return (await self.parts.service.overview()).unhandled

    async def quarantined(self) -> int:
        """Return how many webhooks were taken and could not be processed."""
        count, _ = await self.parts.service.quarantined_deliveries()
        return count

    async def books(self) -> int:
        """Return how many products have books that don't add up."""
        return (await audit_all(self.parts.database, self.parts.clock)).wrong

    async def levels(self, alias: str) -> list[tuple[int, int]]:
        """Return the levels of a store, as item and location."""
        rows = select(LEVEL.c.item, LEVEL.c.location).where(LEVEL.c.store == alias).limit(6)
        return await self.parts.database.transaction(
            lambda tx: [tuple(row) for row in tx.run(rows)]
        )


@asynccontextmanager
async def open_tipo(folder: Path) -> AsyncIterator[Tipo]:
    """Serve all of it, in an empty folder that is the present one."""
    errors, staff = Errors(), Staff()
    async with staff.slack.running():
        shops = build_shops(staff.clock.now, products=4)
        async with served([Mount("/", build_app(shops))]) as url:
            slack = {
                "TIPO_DATABASE_URL": f"sqlite:///{folder / 'tipo.db'}",
                "TIPO_SLACK__BOT_TOKEN": staff.slack.app.bot_token,
                "TIPO_SLACK__SIGNING_SECRET": staff.slack.app.signing_secret,
                "TIPO_SLACK__CHANNEL": staff.stock.id,
                "TIPO_SLACK__API_URL": staff.slack.api_url,
            }
            before = dict(os.environ)
            os.environ.update(environment(shops, url) | slack)
            parts = assemble(load())
            os.environ.clear()
            os.environ.update(before)
            tipo = Tipo(parts=parts, app=App(parts), staff=staff, shops=shops, errors=errors)
            working = asyncio.ensure_future(tipo.app.work())
            logging.getLogger().addHandler(errors)
            try:
                await until(lambda: _pools(parts), READY_SECONDS)
                yield tipo
            finally:
                logging.getLogger().removeHandler(errors)
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
                await parts.close()


def _pools(parts: Parts) -> int:
    return int(parts.database.run(lambda tx: tx.run(text("SELECT count(*) FROM pool")).scalar()))
