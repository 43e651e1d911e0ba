"""Build pools, levels, observations and looks with what matters, and leave the rest alone."""

from datetime import UTC, datetime, timedelta

from sync_core.domain.values import (
    NEVER,
    Adjustment,
    Level,
    LevelKey,
    Mode,
    Observation,
    Pool,
    Reading,
    RefreshRequest,
    Role,
    Variant,
)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LONG_AGO = NOON - timedelta(hours=1)
STORES = ("eu", "us", "uk")  # the first is the source
LOCATION = 7


def at(seconds):
    """Return the time so many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def key(store="eu", item=None):
    """Return a spot of that store."""
    number = STORES.index(store) + 1
    return LevelKey(store=store, item=item or 100 + number, location=LOCATION)


def level(store="eu", book=50, **rest):
    """Return a level that is baselined, and has been quiet for an hour."""
    given = {
        "id": STORES.index(store) + 1,
        "key": key(store),
        "role": Role.SOURCE if store == STORES[0] else Role.DESTINATION,
        "mode": Mode.TWO_WAY,
        "book": book,
        "first_book": book,
        "first_shared": book,
        "baselined": True,
        "seen_at": LONG_AGO,
        "reported_at": LONG_AGO,
        "written_at": LONG_AGO,
        "settled_at": LONG_AGO,
        "accounted_at": LONG_AGO,
    }
    return Level(**{**given, **rest})


def new_level(store="eu", book=None, **rest):
    """Return a level before its initial comparison; with a book: read, and not met."""
    fresh = {"first_book": book, "first_shared": None, "baselined": False, "refresh_at": None}
    quiet = dict.fromkeys(
        ("seen_at", "reported_at", "written_at", "settled_at", "accounted_at"), NEVER
    )
    return level(store, book, **{**fresh, **quiet, **rest})


def pool(shared, *levels, **books):
    """Return a pool: of levels, or of levels that are baselined and have these books."""
    mine = levels or tuple(level(store, book) for store, book in books.items())
    return Pool(
        id=1, title="Slim Fit Denim Jacket", shared=shared, first_shared=shared, levels=mine
    )


def seen(store, available, when=0, **rest):
    """Return what a webhook reports; `when`: seconds after noon, or None."""
    updated_at = None if when is None else at(when)
    return Observation(key=key(store), available=available, updated_at=updated_at, **rest)


def read(store, available, when=0, **rest):
    """Return what a read by id finds."""
    updated_at = None if when is None else at(when)
    return Reading(key=key(store), available=available, updated_at=updated_at, **rest)


def refresh_of(of, began=0, **rest):
    """Return a refresh at a level, as it is now."""
    given = {"version": of.version, "mark": of.refresh_mark, **rest}
    return RefreshRequest(level=of.id, key=of.key, began=at(began), **given)


def adjustment(of, delta, **rest):
    """Return an adjustment of a level."""
    return Adjustment(
        **{"id": 1, "batch": 1, "level": of.id, "level_baseline": of.level_baseline, **rest},
        delta=delta,
    )


def books(of):
    """Return what every level of a pool shows, by store."""
    return {each.key.store: each.book for each in of.levels}


def due(of):
    """Return the stores whose levels are due."""
    return {each.key.store for each in of.levels if each.due}


def variant(store="eu", **rest):
    """Return a variant of the jacket."""
    number = STORES.index(store) + 1
    given = {
        "variant_id": 1000 + number,
        "product_id": 10 + number,
        "item": 100 + number,
        "handle": "slim-fit-denim-jacket",
        "title": "Slim Fit Denim Jacket",
        "options": (("Size", "M"),),
        "sku": "SFDJ-M",
        "barcodes": ("4006381333931",),
        "tracked": True,
        "bundle": False,
        "gift_card": False,
        "status": "ACTIVE",
    }
    return Variant(store=store, **{**given, **rest})
