"""`tipo serve`."""

import asyncio
import logging
import socket
from collections.abc import Collection
from contextlib import nullcontext
from typing import Annotated

import typer
import uvloop

from sync_core import logs, tracing
from sync_core.app.server import App, spared_collector
from sync_core.app.serving_lock import serving_lock
from sync_core.cli.runtime import AsJson, CommandFailed, database_file, database_name, open_parts
from sync_core.db.engines import plain_url
from sync_core.domain.process_roles import ALL_ROLES, ProcessRole
from sync_core.settings import Settings, load, needed

log = logging.getLogger(__name__)

LISTEN_BACKLOG = 2048  # connections that wait to be taken


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


Only = Annotated[
    list[ProcessRole] | None,
    typer.Option(help="What this process does, one or several of it; otherwise everything."),
]


def serve(*, only: Only = None, as_json: AsJson = False) -> None:
    """Keep the stores in sync until stopped (SIGTERM or Ctrl-C).

    Takes webhooks at /webhooks/shopify and answers /healthz, /readyz and /metrics. The log goes
    to stderr; --json logs one JSON object a line, as TIPO_LOG_FORMAT=json does. With PostgreSQL,
    several processes may share the work: --only web, worker, bot or scheduler.
    """
    settings = needed(load())
    roles = frozenset(only or ALL_ROLES)
    require_all_roles_on_sqlite(settings, roles)
    if as_json:
        settings = settings.model_copy(update={"log_format": "json"})
    logs.set_up(settings)
    file = database_file(settings)
    with (
        tracing.traced(),
        bind(settings) as listener,
        nullcontext() if file is None else serving_lock(file),
        spared_collector(),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve(settings, roles, listener))


def require_all_roles_on_sqlite(settings: Settings, roles: Collection[ProcessRole]) -> None:
    """Refuse to share the work where there can be no other process.

    Raises:
        CommandFailed: If the database is SQLite, and some role is left out.
    """
    missing = sorted(ALL_ROLES - set(roles))
    url = plain_url(settings.database_url.get_secret_value())
    if missing and url.get_backend_name() == "sqlite":
        raise CommandFailed(
            f"a SQLite file carries one `tipo serve`, so nobody would be {' or '.join(missing)}; "
            "leave out --only, or use PostgreSQL (TIPO_DATABASE_URL=postgresql://…)"
        )


async def _serve(
    settings: Settings, roles: Collection[ProcessRole], listener: socket.socket
) -> None:
    host, port = listener.getsockname()[:2]
    missing = settings.expected_roles - set(roles)
    log.info(
        "serving at http://%s:%d for %s%s",
        host,
        port,
        ", ".join(settings.stores),
        f"; not in this process: {', '.join(sorted(missing))}" if missing else "",
        extra={
            "event": "serving",
            "database": database_name(settings),
            "webhooks": settings.public_url or "none, stores are polled",
        },
    )
    while True:
        app = App(open_parts(settings), roles)
        await app.run(listener=listener.dup())  # who calls meanwhile waits at this one
        if not app.must_restart:
            break
    log.info("stopped", extra={"event": "stopped"})


def bind(settings: Settings) -> socket.socket:
    """Take the port before anything else: a second process must not get as far as the stores.

    Raises:
        CommandFailed: If the port is taken, or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(LISTEN_BACKLOG)
    except OSError as exc:
        listener.close()
        raise CommandFailed(
            f"cannot listen at {settings.host}:{settings.port}: {exc.strerror or exc}; "
            "is another `tipo serve` running? Otherwise set TIPO_HOST and TIPO_PORT"
        ) from exc
    listener.settimeout(0)
    return listener
