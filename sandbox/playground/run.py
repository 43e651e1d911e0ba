"""Run the playground: the page, and behind it the world."""

import asyncio
import secrets
import signal
from collections.abc import Callable
from pathlib import Path

from sandbox.demo.environment import HOST, DemoFailed, listen, served
from sandbox.playground.guard import Guard
from sandbox.playground.server import build_page
from sandbox.playground.session import Session
from sync_core.clock import WallClock

__all__ = ["DemoFailed", "run_playground"]


async def run_playground(
    folder: Path, *, port: int, seed: int, is_up: Callable[[str], None]
) -> None:
    """Serve the page until SIGTERM or Ctrl-C.

    Args:
        folder: Where it keeps its files; exists, and is empty.
        port: On 127.0.0.1; 0 for one of the system's choosing.
        seed: Of what is left to chance.
        is_up: Called with the page's address.

    Raises:
        DemoFailed: If the port is taken.
    """
    try:
        listener = listen(port)
    except OSError as exc:
        raise DemoFailed(f"port {port} is taken: tipo playground --port {port + 1}") from exc
    token = secrets.token_urlsafe(24)
    session = Session(folder, WallClock(), seed=seed, boot=token)
    taken = listener.getsockname()[1]
    app = Guard(build_page(session, token), port=taken, token=token)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(session.run())
        async with served(app, listener):
            is_up(f"http://{HOST}:{taken}/")
            await stopped.wait()
        running.cancel()
