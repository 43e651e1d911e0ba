"""A loopback proxy before a PostgreSQL, which can stop forwarding: a network partition.

Its own kernel goes on answering for both ends, so that neither keepalives nor time-outs of TCP
notice anything: the hardest kind, that of a proxy or firewall that swallows.
"""

import asyncio
from contextlib import asynccontextmanager, suppress

from sqlalchemy.engine import make_url


class Partition:
    """Forwards, or holds everything and answers nobody."""

    def __init__(self, host, port):
        self._server = host, port
        self._open = asyncio.Event()
        self._open.set()
        self._writers = set()

    async def serve(self, reader, writer):
        """Forward one connection in both directions."""
        await self._open.wait()
        behind, ahead = await asyncio.open_connection(*self._server)
        self._writers |= {writer, ahead}
        try:
            await asyncio.gather(self._pump(reader, ahead), self._pump(behind, writer))
        finally:
            self._writers -= {writer, ahead}

    async def _pump(self, reader, writer):
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    def begin(self):
        """Forward nothing any more, and end nothing."""
        self._open.clear()

    def heal(self, *, reset=False):
        """Forward again; `reset`: what was open before is gone."""
        if reset:
            for each in list(self._writers):
                each.transport.abort()
        self._open.set()


@asynccontextmanager
async def partitioned(url):
    """Yield a proxy, and the URL of the same database behind it."""
    real = make_url(url)
    proxy = Partition(real.host, real.port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield proxy, real.set(port=port).render_as_string(hide_password=False)
    finally:
        server.close()
        proxy.heal(reset=True)
        await asyncio.sleep(0.05)
