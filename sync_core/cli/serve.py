"""`tipo serve`."""

import asyncio
import logging
import socket
from contextlib import nullcontext

import typer
import uvloop

from sync_core import logs, tracing
from sync_core.app.server import App, spared_collector
from sync_core.app.serving_lock import serving_lock
from sync_core.cli.runtime import AsJson, CommandFailed, database_file, database_name, open_parts
from sync_core.settings import Settings, load, needed

log = logging.getLogger(__name__)

LISTEN_BACKLOG = 2048  # connections that wait to be taken


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(*, as_json: AsJson = False) -> None:
    """Keep the stores in sync until stopped (SIGTERM or Ctrl-C).

    Takes webhooks at /webhooks/shopify and answers /healthz, /readyz and /metrics. The log goes
    to stderr; --json logs one JSON object a line, as TIPO_LOG_FORMAT=json does.
    """
    settings = needed(load())
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
        runner.run(_serve(settings, listener))


async def _serve(settings: Settings, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    log.info(
        "serving at http://%s:%d for %s",
        host,
        port,
        ", ".join(settings.stores),
        extra={
            "event": "serving",
            "database": database_name(settings),
            "webhooks": settings.public_url or "none, stores are polled",
        },
    )
    while True:
        app = App(open_parts(settings))
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
