"""Find out which variants of different stores are the same thing.

    variants with the same key                     they are
    ---------------------------------------------  ---------
    one in the source, one in a destination        matched
    one in a store, none in the source or in any
    destination                                    alone
    more than one in a store                       ambiguous: an answer, not a guess
    no key (an empty SKU or barcode)               alone
    bundles and gift cards                         left out: their stock is not their own

The key of `handle` is the product's handle and the option values in the product's order, for
option names are translated and values are not. Keys are compared without regard to case, spaces
around, and forms of Unicode.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sync_core.domain.values import Alias, Variant

Key = tuple[str, ...]


class MatchBy(StrEnum):
    """What variants are matched by."""

    HANDLE = "handle"
    SKU = "sku"
    BARCODE = "barcode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """What became of a set of variants."""

    groups: tuple[tuple[Variant, ...], ...] = ()  # the source's first
    ambiguous: tuple[tuple[Variant, ...], ...] = ()
    alone: tuple[Variant, ...] = ()
    left_out: tuple[Variant, ...] = field(default=())


def normal(text: str) -> str:
    """Return a text in the form in which it is compared."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def key_of(variant: Variant, by: MatchBy) -> Key | None:
    """Return what a variant is matched by, None if it has no such thing."""
    if by is MatchBy.HANDLE:
        return (normal(variant.handle), *(normal(value) for _, value in variant.options))
    code = normal(variant.sku if by is MatchBy.SKU else variant.barcode)
    return (code,) if code else None


def match(variants: Iterable[Variant], *, by: MatchBy, source: Alias) -> Matches:
    """Group variants of all stores by their key."""
    found: Mapping[Key, list[Variant]] = defaultdict(list)
    alone: list[Variant] = []
    left_out: list[Variant] = []
    for variant in variants:
        key = key_of(variant, by)
        if variant.bundle or variant.gift_card:
            left_out.append(variant)
        elif key is None:
            alone.append(variant)
        else:
            found[key].append(variant)
    groups: list[tuple[Variant, ...]] = []
    ambiguous: list[tuple[Variant, ...]] = []
    for same in found.values():
        stores = [each.store for each in same]
        if len(set(stores)) < len(stores):
            ambiguous.append(tuple(same))
        elif source in stores and len(stores) > 1:
            groups.append(_source_first(same, source))
        else:
            alone.extend(same)
    return Matches(
        groups=tuple(groups),
        ambiguous=tuple(ambiguous),
        alone=tuple(alone),
        left_out=tuple(left_out),
    )


def _source_first(same: Sequence[Variant], source: Alias) -> tuple[Variant, ...]:
    """Return the same variants, the source's first."""
    return tuple(sorted(same, key=lambda each: (each.store != source, each.store)))
