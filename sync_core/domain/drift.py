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
    if kind == "suspended":
        return f"{facts.get('store')}: {SUSPENDED.get(str(facts.get('why')), 'it cannot be read')}"
    name = "was_off" if kind == "differs" and facts.get("was_off") else kind
    if name not in SENTENCES:
        return str(facts.get("why") or kind.replace("_", " "))
    given = {name: fact for name, fact in facts.items() if fact is not None}
    known = {"order": "no order explains it", "by": "key", **given}
    return SENTENCES[name].format_map(defaultdict(lambda: "?", known))


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
    "missed": "{store} moved from {book} to {shows} and nobody told us ({order})",
    "was_off": "edited while off: {store} shows {shows}, should be {should_show}",
    "differs": "first meeting: {store} shows {shows}, should be {should_show}",
    "one_way": "{store} only follows, and was changed: it shows {shows}, should be {should_show}",
    "no_partner": "{store} sells it, no other store does",
    "ambiguous": "several variants of {store} have the same {by}",
    "renamed": "{store} calls it differently now; it still shares its stock",
    "oversold": "Oversold by {units}",
    "presold": "{units} pre-sold",
    "contested": "another app or a person keeps changing {store} back",
}
SUSPENDED = {
    "missing": "the item is gone, or was never stocked at that place",
    "untracked": "its quantity is not tracked, so it means nothing",
    "inactive": "it is not stocked at the mapped place, or the location is closed",
    "bundle": "a bundle, made of other items: a store lets nobody write it",
    "gift_card": "a gift card",
    "refused": "the store would not take what we wrote",
    "unfinished": "a write may or may not have happened, and its key has expired",
    "contested": "another app or a person keeps changing it back",
    "unbalanced": "its books don't add up",
}
