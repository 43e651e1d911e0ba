"""Row ↔ value: what a comparison has found, as the words of the domain."""

from collections.abc import Sequence
from typing import Any

import msgspec

from sync_core.domain.discrepancies import (
    Busy,
    Discrepancy,
    DiscrepancyKind,
    KnownLevel,
    LevelGap,
    UnknownVariant,
    VariantNames,
)
from sync_core.domain.values import Alias, ItemId, LevelId, PoolId, Suspension, Variant
from sync_core.ports import Column

DISCREPANCY_KINDS, SUSPENSIONS, BUSY = tuple(DiscrepancyKind), tuple(Suspension), tuple(Busy)


class SelectedOption(msgspec.Struct):
    """An option that was chosen."""

    name: str | None
    value: str | None


class ExportedProduct(msgspec.Struct):
    """The product of a variant."""

    handle: str | None = None
    title: str | None = None
    status: str | None = None


class ExportedItem(msgspec.Struct):
    """What is stocked."""

    id: str
    tracked: bool | None = None


class ExportedVariant(msgspec.Struct, rename="camel"):
    """What an export says of a variant in words."""

    inventory_item: ExportedItem
    product: ExportedProduct
    sku: str | None = None
    inventory_policy: str | None = None
    selected_options: list[SelectedOption | None] | None = None

    @property
    def names(self) -> VariantNames:
        """What it goes by, and how it sells."""
        return VariantNames(
            handle=self.product.handle or "",
            sku=self.sku or "",
            policy=(self.inventory_policy or "").lower(),
        )

    @property
    def chosen(self) -> tuple[tuple[str, str], ...]:
        """The options, in the product's order."""
        given = filter(None, self.selected_options or ())
        return tuple((each.name or "", each.value or "") for each in given)


def gap_of(row: Sequence[Any]) -> LevelGap:
    """Return a pool whose destination does not show what follows from the source."""
    pool, level, item, source_shows, shows, should_show = row
    return LevelGap(
        pool=PoolId(pool),
        level=LevelId(level),
        item=ItemId(item),
        source_shows=source_shows,
        shows=shows,
        should_show=should_show,
    )


def level_discrepancy(alias: Alias, column: Column, row: Sequence[Any]) -> Discrepancy:
    """Return a level that is not plainly fine."""
    level, pool, item, what, exported, should_show, baselined, counts, book, suspended, busy = row
    return Discrepancy(
        what=DISCREPANCY_KINDS[what - 1],
        store=alias,
        item=ItemId(item),
        location_group=column.location_group,
        location=column.location,
        exported=exported,
        should_show=should_show,
        known_level=KnownLevel(
            level=LevelId(level),
            pool=PoolId(pool),
            baselined=baselined,
            counts=counts,
            book=book,
            suspended=SUSPENSIONS[suspended - 1] if suspended else None,
            busy=BUSY[busy - 1] if busy else None,
        ),
    )


def variant_discrepancy(
    alias: Alias, column: Column | None, row: Sequence[Any], line: ExportedVariant
) -> Discrepancy:
    """Return a variant that is not plainly fine."""
    item, what, *was = row
    renamed = DISCREPANCY_KINDS[what - 1] is DiscrepancyKind.RENAMED
    return Discrepancy(
        what=DISCREPANCY_KINDS[what - 1],
        store=alias,
        item=ItemId(item),
        location_group=column.location_group if column else None,
        location=column.location if column else None,
        sold=UnknownVariant(
            names=line.names,
            title=line.product.title or "",
            options=line.chosen,
            tracked=line.inventory_item.tracked,
            status=line.product.status or "",
        ),
        was=VariantNames(handle=was[0], sku=was[1], policy=was[2]) if renamed else None,
    )


def variant_of(alias: Alias, item: int, line: ExportedVariant) -> Variant:
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
