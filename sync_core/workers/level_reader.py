"""Read levels by id, whoever asks: each store and location in as few requests as can be."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sync_core.clock import Clock
from sync_core.domain.decisions import DecisionReading
from sync_core.domain.values import Alias, Level, LevelId, LocationId, Reading
from sync_core.errors import StoreError, cut
from sync_core.ports import Store

log = logging.getLogger(__name__)

ITEMS_PER_REQUEST = 100  # items in one request: each costs the store points


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelReadings:
    """What stores showed just now."""

    reads: Mapping[LevelId, DecisionReading] = field(default_factory=dict)
    silent: Mapping[Alias, str] = field(default_factory=dict)  # stores that did not answer, and why

    @property
    def readings(self) -> dict[LevelId, Reading]:
        """The readings alone."""
        return {level: each.reading for level, each in self.reads.items()}

    @property
    def values(self) -> dict[LevelId, int | None]:
        """What each level shows; None where it cannot be believed."""
        return {
            level: None if each.reading.trouble else each.reading.available
            for level, each in self.reads.items()
        }


async def read_levels(
    levels: Iterable[Level], stores: Mapping[Alias, Store], clock: Clock
) -> LevelReadings:
    """Return what levels show. A store that does not answer costs only its own levels."""
    by_location: dict[tuple[Alias, LocationId], dict[LevelId, Level]] = {}
    for each in levels:
        by_location.setdefault((each.key.store, each.key.location), {})[each.id] = each
    reads: dict[LevelId, DecisionReading] = {}
    silent: dict[Alias, str] = {}
    for (alias, location), some in by_location.items():
        wanted = list(some.values())
        for start in range(0, len(wanted), ITEMS_PER_REQUEST):
            if alias in silent or alias not in stores:
                break
            few = wanted[start : start + ITEMS_PER_REQUEST]
            began = clock.now()
            try:
                readings = await stores[alias].read([each.key.item for each in few], location)
            except StoreError as exc:
                silent[alias] = cut(str(exc)) or type(exc).__name__
                log.warning("%s cannot be read", alias, extra={"event": "live_read_failed"})
                break
            for level, reading in zip(few, readings, strict=True):
                reads[level.id] = DecisionReading(
                    reading=reading, version=level.version, mark=level.refresh_mark, began=began
                )
    return LevelReadings(reads=reads, silent=silent)
