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

from sync_core.ports import Dumps, LevelLine, VariantLine
from sync_core.workers.drafts import Draft

T = TypeVar("T")
Lines = Sequence[LevelLine] | Sequence[VariantLine]

AT_ONCE = 20_000
SEPARATOR, QUOTE = "\x1f", "\x1e"  # of variants: merchants hardly ever write them
LEVEL_NAMES = (
    "level", "pool", "place", "store", "item", "location", "is_source", "counts", "met", "book",
    "buffer", "pack", "held", "suspended", "busy", "shared",
)  # fmt: skip

LevelStep = Callable[[Callable[[Dumps], Sequence[LevelLine]]], Awaitable[Sequence[LevelLine]]]
VariantStep = Callable[[Callable[[Dumps], Sequence[VariantLine]]], Awaitable[Sequence[VariantLine]]]


async def dump_levels(step: LevelStep, to: Path) -> int:
    """Write all levels to a file, by `records.step`; return how many there are."""
    after, count = 0, 0
    async with Draft(to) as draft:
        await draft.add(level_lines([LEVEL_NAMES]))
        while rows := await step(partial(_levels, after)):
            await draft.add(await asyncio.to_thread(level_lines, rows))
            after, count = rows[-1][0], count + len(rows)
        await draft.keep()
    return count


async def dump_variants(step: VariantStep, to: Path) -> int:
    """Write all variants to a file, by `records.step`; return how many there are."""
    after, count = ("", 0), 0
    async with Draft(to) as draft:
        while rows := await step(partial(_variants, after)):
            await draft.add(await asyncio.to_thread(variant_lines, rows))
            after, count = rows[-1][:2], count + len(rows)
        await draft.keep()
    return count


def level_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Return levels as CSV; nothing stands for null."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def variant_lines(rows: Iterable[VariantLine]) -> bytes:
    """Return variants as lines of fields, quoted where need be: merchants write anything."""
    text = io.StringIO(newline="")
    # Texts with a character of the line's end are quoted, hence both.
    csv.writer(text, delimiter=SEPARATOR, quotechar=QUOTE, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _levels(after: int, ledger: Dumps) -> Sequence[LevelLine]:
    return ledger.levels_dump(after=after, limit=AT_ONCE)


def _variants(after: tuple[str, int], ledger: Dumps) -> Sequence[VariantLine]:
    return ledger.variants_dump(after=after, limit=AT_ONCE)
