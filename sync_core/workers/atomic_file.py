"""Files that are there whole or not at all."""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

BUFFER_BYTES = 1 << 20  # bytes to gather before they are written
PARTIAL_SUFFIX = ".part"


class AtomicFile:
    """A file that is being written under another name, off the event loop.

    Leaving the context throws away what was not kept, whatever the reason.
    """

    def __init__(self, to: Path) -> None:
        self._to = to
        self._part = to.with_name(to.name + PARTIAL_SUFFIX)
        self._file: IO[bytes] | None = None
        self._waiting = bytearray()
        self._last = b""
        self.size = 0  # bytes
        self._ends = 0  # of lines

    @property
    def lines(self) -> int:
        """How many lines there are; the last one needs no end."""
        return self._ends + (self._last not in {b"", b"\n"})

    async def __aenter__(self) -> Self:
        """Start over, whatever an earlier attempt has left behind."""
        self._file = await asyncio.to_thread(self._part.open, "wb")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Throw away what was not kept. In line: a cancelled task waits for nothing any more."""
        if self._file is not None:
            self._file.close()
            self._part.unlink(missing_ok=True)

    async def add(self, piece: bytes) -> None:
        """Add some bytes."""
        self.size += len(piece)
        self._ends += piece.count(b"\n")
        self._last = piece[-1:] or self._last
        self._waiting += piece
        if len(self._waiting) >= BUFFER_BYTES:
            await self._flush()

    async def add_lines(self, lines: Iterable[bytes]) -> None:
        """Add some lines."""
        await self.add(b"".join(line + b"\n" for line in lines))

    async def keep(self) -> None:
        """Let the file have its name: from now on it is there, and stays there."""
        await self._flush()
        await asyncio.to_thread(self._rename_into_place)

    async def _flush(self) -> None:
        if self._file is None:
            raise ValueError("the draft is not open")
        waiting, self._waiting = self._waiting, bytearray()
        await asyncio.to_thread(self._file.write, waiting)

    def _rename_into_place(self) -> None:
        if self._file is None:
            raise ValueError("the draft is not open")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._to)
        self._file = None
