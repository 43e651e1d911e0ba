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

import msgspec

from sync_core.ports import Dumps, LevelLine, VariantLine
from sync_core.workers.drafts import Draft

T = TypeVar("T")
Lines = Sequence[LevelLine] | Sequence[VariantLine]

AT_ONCE = 5000
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
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def variant_lines(rows: Iterable[VariantLine]) -> bytes:
    """Return variants as JSON, one a line: merchants write anything into their texts."""
    encode = _ENCODER.encode
    return b"".join(
        encode(_Variant(store, item, handle, sku, barcode, key, pooled)) + b"\n"
        for store, item, handle, sku, barcode, key, pooled in rows
    )


class _Variant(msgspec.Struct):
    store: str
    item: int
    handle: str
    sku: str
    barcode: str
    key: str
    pooled: int


_ENCODER = msgspec.json.Encoder()


def _levels(after: int, ledger: Dumps) -> Sequence[LevelLine]:
    return ledger.levels_dump(after=after, limit=AT_ONCE)


def _variants(after: tuple[str, int], ledger: Dumps) -> Sequence[VariantLine]:
    return ledger.variants_dump(after=after, limit=AT_ONCE)
