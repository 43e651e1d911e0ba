"""What a comparison of the stores finds: everything that is not plainly as we think it is.

    our level, and its store's export                       the level
    ------------------------------------------------------  ------------------------------------
    no such item                                            MISSING
    made of others / a gift card / its quantity means none  BUNDLE / GIFT_CARD / UNTRACKED
    no level there / not active / no quantity to be read    NOT_STOCKED / INACTIVE / UNKNOWN
    met, and shows another number than its book, or than
    its pool says                                           DIFFERS
    not met, and its source has none of the above trouble   AGREES or DIFFERS: from what the
                                                            source shows, buffer and pack counted
    not met, and nobody knows what the source shows         NO_SOURCE

    a variant that is kept in a location group, in no pool  the variant
    ------------------------------------------------------  ------------------------------------
    made of others / a gift card                            BUNDLE / GIFT_CARD
    some store has several variants of the same key         AMBIGUOUS
    any other                                               NO_PARTNER

    a variant that we know by another handle or SKU, or
    that sells below zero where it did not, or no more      RENAMED

An export is no snapshot: whoever acts on a suspect reads it again, by id, before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sync_core.domain.values import Alias, ItemId, LevelId, LocationId, PoolId, Suspension


class DiscrepancyKind(StrEnum):
    """Why a level or a variant is not plainly fine."""

    MISSING = "missing"
    BUNDLE = "bundle"
    GIFT_CARD = "gift_card"
    UNTRACKED = "untracked"
    NOT_STOCKED = "not_stocked"
    INACTIVE = "inactive"
    UNKNOWN = "unknown"
    DIFFERS = "differs"
    AGREES = "agrees"  # not odd: told only if asked for
    NO_SOURCE = "no_source"
    NO_PARTNER = "no_partner"
    AMBIGUOUS = "ambiguous"
    RENAMED = "renamed"


class Busy(StrEnum):
    """What is under way with a level, so that its numbers may be about to change."""

    OPEN = "open"  # an adjustment is written down or sent
    DUE = "due"  # one will be
    REFRESH = "refresh"  # it awaits a read by id


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantNames:
    """What a variant goes by, and how it sells."""

    handle: str
    sku: str
    policy: str  # deny, continue


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownVariant:
    """A variant as its store's export describes it."""

    names: VariantNames
    title: str  # the product's
    options: tuple[tuple[str, str], ...]
    tracked: bool | None
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLevel:
    """How we think a level stands."""

    level: LevelId
    pool: PoolId
    baselined: bool
    counts: bool
    book: int | None
    suspended: Suspension | None
    busy: Busy | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """One level, or one variant, that is not plainly fine."""

    what: DiscrepancyKind
    store: Alias
    item: ItemId
    location_group: int | None = None
    location: LocationId | None = None
    exported: int | None = None  # what the store shows, as far as that is known
    should_show: int | None = (
        None  # by its pool, or by the source's number when it is not baselined
    )
    known_level: KnownLevel | None = None  # of a level
    sold: UnknownVariant | None = None  # of a variant
    was: VariantNames | None = None  # of a variant that is renamed


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCount:
    """What an export holds, beside what we expected of it. Others judge whether to believe it."""

    store: Alias
    variants: int
    tracked: int
    levels: int  # active ones, in location groups
    units: int  # available there, of what can be compared
    known_variants: int
    seen_variants: int  # of these, in the export
    known_levels: int  # ours, in location groups
    seen_levels: int  # of these, with an item in the export
    unmapped_levels: int  # ours, elsewhere: they were not compared


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelGap:
    """A destination's level that does not show what follows from the source's number."""

    pool: PoolId
    level: LevelId
    item: ItemId
    source_shows: int
    shows: int
    should_show: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCount:
    """A destination beside the source, and what would be written if the source were right."""

    store: Alias
    pools: int  # with a level of both
    equal: int
    differing: int
    unusable: int  # one of the two has no number that can be compared
    more: int  # units that the destination would get
    fewer: int  # units that it would lose
    worst: tuple[LevelGap, ...]  # at most ten, the widest first


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonSummary:
    """A comparison in numbers."""

    stores: tuple[StoreCount, ...]
    links: tuple[ConnectionCount, ...]
    kinds: Mapping[tuple[Alias, DiscrepancyKind], int]  # how many suspects there are

    def store(self, alias: Alias) -> StoreCount:
        """Return what one store's export holds."""
        return next(each for each in self.stores if each.store == alias)

    def link(self, alias: Alias) -> ConnectionCount:
        """Return how one destination compares."""
        return next(each for each in self.links if each.store == alias)
