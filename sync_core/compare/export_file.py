"""Lines of an export, by their numbers: most lines are never needed as texts.

Numbers are counted as DuckDB counts rows: from 0, and empty lines are none.
"""

from collections.abc import Iterator
from itertools import filterfalse, islice
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from sync_core.compare.rows import ExportedVariant
from sync_core.errors import NotCompared


class ExportFile:
    """Reads a file forwards once; goes back to the start when asked for an earlier line."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("rb")
        self._lines: Iterator[bytes] = filterfalse(bytes.isspace, self._file)
        self._next = 0
        self._last = b""

    def __enter__(self) -> Self:
        """Be open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()

    def line(self, number: int, item: int) -> ExportedVariant:
        """Return a line, which is about that item.

        Raises:
            NotCompared: It is about another item: the file was changed meanwhile.
        """
        if number < self._next - 1:  # the same line may be asked for twice
            self._file.seek(0)
            self._next = 0
        if number >= self._next:
            self._last = next(islice(self._lines, number - self._next, None), b"{}")
            self._next = number + 1
        try:
            line = _DECODER.decode(self._last)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise NotCompared(f"line {number + 1} of an export cannot be read") from exc
        if line.inventory_item.id.rpartition("/")[2] != str(item):
            raise NotCompared("an export was changed while it was compared")
        return line


_DECODER = msgspec.json.Decoder(ExportedVariant)
