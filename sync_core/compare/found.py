"""Row ↔ value: what a comparison has found, as the words of the domain."""

from collections.abc import Sequence
from typing import Any

import msgspec

from sync_core.domain.suspects import Busy, Gap, Names, Oddity, Sold, Stand, Suspect
from sync_core.domain.values import Alias, ItemId, LevelId, PoolId, Suspension, Variant
from sync_core.ports import Column

ODDITIES, SUSPENSIONS, BUSY = tuple(Oddity), tuple(Suspension), tuple(Busy)


class Choice(msgspec.Struct):
    """An option that was chosen."""

    name: str | None
    value: str | None


class Texts(msgspec.Struct):
    """What an export says of a variant in words."""

    handle: str | None
    sku: str
    barcode: str
    title: str | None
    status: str | None
    tracked: bool | None
    options: list[Choice | None] | None

    @property
    def chosen(self) -> tuple[tuple[str, str], ...]:
        """The options, in the product's order."""
        given = filter(None, self.options or ())
        return tuple((each.name or "", each.value or "") for each in given)


def gap_of(row: Sequence[Any]) -> Gap:
    """Return a pool whose destination does not show what follows from the source."""
    pool, level, item, source_shows, shows, should_show = row
    return Gap(
        pool=PoolId(pool),
        level=LevelId(level),
        item=ItemId(item),
        source_shows=source_shows,
        shows=shows,
        should_show=should_show,
    )


def level_suspect(alias: Alias, column: Column, row: Sequence[Any]) -> Suspect:
    """Return a level that is not plainly fine."""
    level, pool, item, what, exported, should_show, met, counts, book, suspended, busy = row
    return Suspect(
        what=ODDITIES[what - 1],
        store=alias,
        item=ItemId(item),
        place=column.place,
        location=column.location,
        exported=exported,
        should_show=should_show,
        stand=Stand(
            level=LevelId(level),
            pool=PoolId(pool),
            met=met,
            counts=counts,
            book=book,
            suspended=SUSPENSIONS[suspended - 1] if suspended else None,
            busy=BUSY[busy - 1] if busy else None,
        ),
    )


def variant_suspect(alias: Alias, column: Column | None, row: Sequence[Any]) -> Suspect:
    """Return a variant that is not plainly fine."""
    item, what, written, *was = row
    texts = msgspec.json.decode(written, type=Texts)
    renamed = ODDITIES[what - 1] is Oddity.RENAMED
    return Suspect(
        what=ODDITIES[what - 1],
        store=alias,
        item=ItemId(item),
        place=column.place if column else None,
        location=column.location if column else None,
        sold=Sold(
            names=Names(handle=texts.handle or "", sku=texts.sku, barcode=texts.barcode),
            title=texts.title or "",
            options=texts.chosen,
            tracked=texts.tracked,
            status=texts.status or "",
        ),
        was=Names(handle=was[0], sku=was[1], barcode=was[2]) if renamed else None,
    )


def variant_of(alias: Alias, item: int, written: str) -> Variant:
    """Return as much of a variant as says what it is matched by."""
    texts = msgspec.json.decode(written, type=Texts)
    return Variant(
        store=alias,
        variant_id=0,
        product_id=0,
        item=ItemId(item),
        handle=texts.handle or "",
        title=texts.title or "",
        options=texts.chosen,
        sku=texts.sku,
        barcode=texts.barcode,
        tracked=bool(texts.tracked),
        bundle=False,
        gift_card=False,
        status=texts.status or "",
    )
