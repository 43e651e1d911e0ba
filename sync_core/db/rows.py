"""Row ↔ value, as explicit functions."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from sync_core.db.tables import (
    CONNECTION,
    LEVEL,
    STORE,
    VARIANT,
)
from sync_core.domain.frozen import made_of
from sync_core.domain.values import (
    Alias,
    InventoryPolicy,
    ItemId,
    Level,
    LevelId,
    LevelKey,
    Mode,
    Role,
    Suspension,
    Variant,
)
from sync_core.ports import StoreState

# What a step may change of a level. Its identity and its pool never change.
MUTABLE = (
    "buffer", "pack", "withheld", "manual_delta", "book", "first_book", "first_shared",
    "baselined", "level_baseline", "open", "due",
    "seen_at", "written_at", "reported_at", "accounted_at", "settled_at", "last_delta",
    "refresh_at", "refresh_since", "refresh_mark", "deferred", "deferred_at", "version",
)  # fmt: skip
LEVEL_COLUMNS = (
    LEVEL.c.id, LEVEL.c.store, LEVEL.c.item, LEVEL.c.location, LEVEL.c.suspended,
    *(LEVEL.c[name] for name in MUTABLE), STORE.c.role, CONNECTION.c.mode,
    VARIANT.c.policy,
)  # fmt: skip

# By what the columns hold: several times as fast as calling the enum.
ROLES = {each.value: each for each in Role}
MODES: dict[str | None, Mode] = {
    None: Mode.TWO_WAY,  # the source has no connection
    **{each.value: each for each in Mode},
}
POLICIES: dict[str | None, InventoryPolicy] = {
    None: InventoryPolicy.DENY,
    "": InventoryPolicy.DENY,
    **{each.value: each for each in InventoryPolicy},
}


def level_of(row: Sequence[Any]) -> Level:
    """Return a level from the columns `LEVEL_COLUMNS`."""
    number, store, item, location, suspended, *mutable, role, mode, policy = row
    fields: dict[str, Any] = dict(zip(MUTABLE, mutable, strict=True))
    fields["id"] = number
    fields["key"] = LevelKey(store=store, item=item, location=location)
    fields["role"] = ROLES[role]
    fields["mode"] = MODES[mode]
    fields["policy"] = POLICIES[policy]
    fields["suspended"] = None if suspended is None else Suspension(suspended)
    return made_of(Level, fields)


def level_changes(level: Level) -> dict[str, Any]:
    """Return what an UPDATE of a level sets, with its id as `key`."""
    changes = {name: getattr(level, name) for name in MUTABLE}
    suspended = None if level.suspended is None else level.suspended.value
    return {"key": level.id, "suspended": suspended, **changes}


def new_level(pool: int, key: LevelKey, **given: Any) -> dict[str, Any]:
    """Return the columns of a level that has no baseline yet."""
    fresh = Level(id=LevelId(0), key=key, role=Role.SOURCE, mode=Mode.OFF, **given)
    columns = level_changes(fresh)
    del columns["key"]
    where = {"store": key.store, "item": key.item, "location": key.location}
    return {"pool_id": pool, **where, **columns}


def store_state(row: Row[Any]) -> StoreState:
    """Return what we know of a store, from its row and its connection's mode."""
    found = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    return StoreState(
        alias=Alias(found["alias"]),
        domain=found["domain"],
        role=Role(found["role"]),
        mode=Mode.TWO_WAY if found["mode"] is None else Mode(found["mode"]),
        shop_id=found["shop_id"],
        name=found["name"],
        scopes=frozenset(found["scopes"].split()),
        catalogue_at=found["catalogue_at"],
        caught_up_to=found["caught_up_to"],
        last_delivery_at=found["last_delivery_at"],
        last_sent_at=found["last_sent_at"],
        blocked_since=found["blocked_since"],
        blocked_why=found["blocked_why"],
        write_refused=found["write_refused"],
    )


def variant_columns(variant: Variant, key: str | None) -> dict[str, Any]:
    """Return the columns of a variant."""
    return {
        "store": variant.store,
        "item": variant.item,
        "variant_id": variant.variant_id,
        "product_id": variant.product_id,
        "handle": variant.handle,
        "title": variant.title,
        "options": variant.options,
        "sku": variant.sku,
        "barcode": next(iter(variant.barcodes), ""),
        "barcodes": variant.barcodes,
        "tracked": variant.tracked,
        "bundle": variant.bundle,
        "gift_card": variant.gift_card,
        "status": variant.status,
        "policy": variant.policy.value,
        "key": key,
    }


def variant_of(row: Row[Any]) -> Variant:
    """Return a variant from its whole row."""
    found = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    codes = found["barcodes"]
    return Variant(
        store=Alias(found["store"]),
        variant_id=found["variant_id"],
        product_id=found["product_id"],
        item=ItemId(found["item"]),
        handle=found["handle"],
        title=found["title"],
        options=found["options"],
        sku=found["sku"],
        barcodes=tuple(filter(None, [found["barcode"]])) if codes is None else codes,
        tracked=found["tracked"],
        bundle=found["bundle"],
        gift_card=found["gift_card"],
        status=found["status"],
        policy=InventoryPolicy(found["policy"]),
    )
