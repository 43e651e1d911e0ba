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


class Product(msgspec.Struct):
    """The product of a variant."""

    handle: str | None = None
    title: str | None = None
    status: str | None = None


class Item(msgspec.Struct):
    """What is stocked."""

    id: str
    tracked: bool | None = None


class Line(msgspec.Struct, rename="camel"):
    """What an export says of a variant in words."""

    inventory_item: Item
    product: Product
    sku: str | None = None
    inventory_policy: str | None = None
    selected_options: list[Choice | None] | None = None

    @property
    def names(self) -> Names:
        """What it goes by, and how it sells."""
        return Names(
            handle=self.product.handle or "",
            sku=self.sku or "",
            policy=(self.inventory_policy or "").lower(),
        )

    @property
    def chosen(self) -> tuple[tuple[str, str], ...]:
        """The options, in the product's order."""
        given = filter(None, self.selected_options or ())
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


def variant_suspect(alias: Alias, column: Column | None, row: Sequence[Any], line: Line) -> Suspect:
    """Return a variant that is not plainly fine."""
    item, what, *was = row
    renamed = ODDITIES[what - 1] is Oddity.RENAMED
    return Suspect(
        what=ODDITIES[what - 1],
        store=alias,
        item=ItemId(item),
        place=column.place if column else None,
        location=column.location if column else None,
        sold=Sold(
            names=line.names,
            title=line.product.title or "",
            options=line.chosen,
            tracked=line.inventory_item.tracked,
            status=line.product.status or "",
        ),
        was=Names(handle=was[0], sku=was[1], policy=was[2]) if renamed else None,
    )


def variant_of(alias: Alias, item: int, line: Line) -> Variant:
    """Return as much of a variant as says what it is matched by; an export knows no barcodes."""
    return Variant(
        store=alias,
        variant_id=0,
        product_id=0,
        item=ItemId(item),
        handle=line.names.handle,
        title=line.product.title or "",
        options=line.chosen,
        sku=line.names.sku,
        barcodes=(),
        tracked=bool(line.inventory_item.tracked),
        bundle=False,
        gift_card=False,
        status=line.product.status or "",
    )
