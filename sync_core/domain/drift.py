"""Say what a level that was read by id differs in, if in anything.

    the level                           what was read             verdict
    ----------------------------------  ------------------------  ----------------------------
    is off, or worked on just now       anything                  FINE: the engine has it
    is suspended                        anything                  SUSPENDED, and why
    is one of a pool that is stopped    anything                  BOOKS, for one of them
      since its books don't add up
    is not suspended                    nothing to believe        LOOK: the engine suspends it
    is not baselined                    what the pool wants       LOOK: it may join
    is not baselined                    another number            DIFFERS
    is baselined, and its changes count  what its book says        FINE
    is baselined, and its changes count  another number            MISSED: a change nobody told
    is baselined, and only follows      what the pool wants       FINE
    is baselined, and only follows      another number            ONE_WAY

A verdict is about now: a difference that a webhook under way explains is gone a moment later, so
whoever asks reads MISSED twice.
"""

from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum

from sync_core.domain.audit import finding_level
from sync_core.domain.quantities import target_of
from sync_core.domain.texts import store_name
from sync_core.domain.values import Level, LevelId, Mode, Pool, Reading, Role, Suspension


class DriftVerdict(StrEnum):
    """What a comparison makes of a level; findings carry these words as their kind."""

    FINE = "fine"
    REFRESH = "refresh"
    SUSPENDED = "suspended"
    BOOKS = "books"
    DIFFERS = "differs"
    MISSED = "missed"
    ONE_WAY = "one_way"


def verdict(pool: Pool, level: Level, readings: Mapping[LevelId, Reading]) -> DriftVerdict:
    """Return what a level differs in."""
    reading = readings.get(level.id)
    is_ours = level.mode is not Mode.OFF and not level.open and not level.manual_delta
    if level.suspended is Suspension.UNBALANCED or (is_ours and level.suspended is not None):
        return _suspended(pool, level)
    if not is_ours or level.awaits_refresh or reading is None:
        return DriftVerdict.FINE
    if reading.trouble is not None or reading.available is None:
        return DriftVerdict.REFRESH
    if not level.baselined:
        return _unmet(pool, level, reading.available, readings)
    if not level.counts:
        return _follows(pool, level, reading.available)
    return DriftVerdict.FINE if reading.available == level.book else DriftVerdict.MISSED


def _suspended(pool: Pool, level: Level) -> DriftVerdict:
    """Return the verdict on a level that is suspended."""
    if level.suspended is not Suspension.UNBALANCED:
        return DriftVerdict.SUSPENDED
    return DriftVerdict.BOOKS if finding_level(pool).id == level.id else DriftVerdict.FINE


def _unmet(
    pool: Pool, level: Level, available: int, readings: Mapping[LevelId, Reading]
) -> DriftVerdict:
    """Return the verdict on a level that is not baselined."""
    wanted = should_show(pool, level, readings)
    if wanted is None:
        return DriftVerdict.FINE  # nothing to compare it with
    return DriftVerdict.REFRESH if available == wanted else DriftVerdict.DIFFERS


def _follows(pool: Pool, level: Level, available: int) -> DriftVerdict:
    """Return the verdict on a level whose own changes move nothing."""
    if level.due or pool.shared is None:
        return DriftVerdict.FINE
    return DriftVerdict.FINE if available == target_of(level, pool.shared) else DriftVerdict.ONE_WAY


def should_show(pool: Pool, level: Level, readings: Mapping[LevelId, Reading]) -> int | None:
    """Return what a level should show: by its pool, or by the source where nothing is agreed."""
    if pool.shared is not None:
        return target_of(level, pool.shared)
    source = next((each for each in pool.levels if each.role is Role.SOURCE), None)
    if source is None or source.id == level.id or source.id not in readings:
        return None
    base = readings[source.id].available
    return None if base is None else target_of(level, base * source.pack + source.buffer)


def cause(kind: str, facts: Mapping[str, object]) -> str:
    """Return what happened, in a sentence for people; names of products are not part of it."""
    store = store_name(facts.get("store") or "?")
    if kind == "suspended":
        return f"{store}: {SUSPENDED.get(str(facts.get('why')), 'it cannot be read')}"
    if kind == "missed":
        return f"{store} {_moved(facts)}; {_untold(facts)}"
    name = "was_off" if kind == "differs" and facts.get("was_off") else kind
    if name not in SENTENCES:
        return str(facts.get("why") or kind.replace("_", " "))
    given = {name: fact for name, fact in facts.items() if fact is not None}
    known = {"by": "key", **given, "store": store}
    return SENTENCES[name].format_map(defaultdict(lambda: "?", known))


def _moved(facts: Mapping[str, object]) -> str:
    """Return by what a store's number changed: dropped 46 → 42."""
    book, shows = facts.get("book"), facts.get("shows")
    if not isinstance(book, int) or not isinstance(shows, int):
        return "changed"
    return f"{'dropped' if shows < book else 'rose'} {book} \u2192 {shows}"


def _untold(facts: Mapping[str, object]) -> str:
    """Return that no notification came, and which order explains the change, if one does."""
    order = facts.get("order")
    if order:
        return f"Shopify sent no notification of {order}"
    return "Shopify sent no notification and there is no matching order"


PASSING = frozenset(  # kinds of finding that nobody has to decide about: they end by themselves
    {
        *("store_blocked", "unreachable", "updates_failing", "request_refused", "product_unread"),
        "stock_unread",
        *("webhooks_gone", "webhooks_missed", "location_refused", "export_odd"),
        *("paused", "dead_worker", "delivery_set_aside", "presold"),
        *("lease", "older_database", "weak_mark"),
    }
)
SENTENCES = {
    "was_off": "edited while off: {store} shows {shows}, expected {should_show}",
    "differs": "initial comparison: {store} shows {shows}, expected {should_show}",
    "one_way": "changed in {store}, which is one-way: shows {shows}, expected {should_show}",
    "no_partner": "only {store} sells it",
    "ambiguous": "several variants in {store} have the same {by}",
    "renamed": "it has a new handle in {store}; it is still synced",
    "oversold": "oversold by {units}",
    "presold": "{units} pre-sold",
    "contested": "another app or a person keeps changing {store} back",
}
SUSPENDED = {
    "missing": "the item was deleted, or was never stocked at this location",
    "untracked": "Shopify doesn't track its quantity",
    "inactive": "it isn't stocked at the shared location, or the location is closed",
    "bundle": "a bundle of other items: its quantity can't be set",
    "gift_card": "a gift card",
    "refused": "the store refused an update",
    "unfinished": "it is unclear whether an update went through",
    "contested": "another app or a person keeps changing it back",
    "unbalanced": "its books don't add up",
}
