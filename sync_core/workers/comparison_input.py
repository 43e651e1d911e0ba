"""Write what we think of levels and variants to files that a comparison can read.

One transaction for each few thousand rows: deliveries that come meanwhile are not held up.
"""

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from sync_core.ports import LevelDumpRow, Transaction, VariantDumpRow
from sync_core.workers.atomic_file import AtomicFile

T = TypeVar("T")
Lines = Sequence[LevelDumpRow] | Sequence[VariantDumpRow]

ROWS_PER_STEP = 20_000
SEPARATOR, QUOTE = "\x1f", "\x1e"  # of variants: merchants hardly ever write them
LEVEL_NAMES = (
    "level", "pool", "location_group", "store", "item", "location", "is_source", "counts",
    "baselined", "book", "buffer", "pack", "withheld", "suspended", "busy", "shared",
)  # fmt: skip

LevelTransaction = Callable[
    [Callable[[Transaction], Sequence[LevelDumpRow]]], Awaitable[Sequence[LevelDumpRow]]
]
VariantTransaction = Callable[
    [Callable[[Transaction], Sequence[VariantDumpRow]]], Awaitable[Sequence[VariantDumpRow]]
]


async def dump_levels(transaction: LevelTransaction, to: Path) -> int:
    """Write all levels to a file, by `database.transaction`; return how many there are."""
    after, count = 0, 0
    async with AtomicFile(to) as file:
        await file.add(level_lines([LEVEL_NAMES]))
        while rows := await transaction(partial(_levels, after)):
            await file.add(await asyncio.to_thread(level_lines, rows))
            after, count = rows[-1][0], count + len(rows)
        await file.keep()
    return count


async def dump_variants(transaction: VariantTransaction, to: Path) -> int:
    """Write all variants to a file, by `database.transaction`; return how many there are."""
    after, count = ("", 0), 0
    async with AtomicFile(to) as file:
        while rows := await transaction(partial(_variants, after)):
            await file.add(await asyncio.to_thread(variant_lines, rows))
            after, count = rows[-1][:2], count + len(rows)
        await file.keep()
    return count


def level_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Return levels as CSV; nothing stands for null."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def variant_lines(rows: Iterable[VariantDumpRow]) -> bytes:
    """Return variants as lines of fields, quoted where need be: merchants write anything."""
    text = io.StringIO(newline="")
    # Texts with a character of the line's end are quoted, hence both.
    csv.writer(text, delimiter=SEPARATOR, quotechar=QUOTE, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _levels(after: int, tx: Transaction) -> Sequence[LevelDumpRow]:
    return tx.dumps.levels(after=after, limit=ROWS_PER_STEP)


def _variants(after: tuple[str, int], tx: Transaction) -> Sequence[VariantDumpRow]:
    return tx.dumps.variants(after=after, limit=ROWS_PER_STEP)
