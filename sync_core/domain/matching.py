"""Find out which variants of different stores are the same thing.

    variants with the same key                     they are
    ---------------------------------------------  ---------
    one in the source, one in a destination        matched
    one in a store, none in the source or in any
    destination                                    alone
    more than one in a store                       ambiguous: an answer, not a guess
    no key (an empty SKU, no barcode)              alone
    bundles and gift cards                         left out: their stock is not their own

The key of `handle` is the product's handle and the option values in the product's order, for
option names are translated and values are not. Keys are compared without regard to case, spaces
around, and forms of Unicode.

A variant has up to 20 barcodes. Variants that have one in common are the same, and so is whatever
is the same as one of them: a variant whose barcodes lead to two others of one store is ambiguous,
and so are both of these. A bundle or a gift card leads nowhere.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sync_core.domain.texts import short_name
from sync_core.domain.values import Alias, Variant

Key = tuple[str, ...]

MATCHED_BY = "matched_by"  # the setting that says what the kept keys are made of


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
    if by is MatchBy.SKU:
        code = normal(variant.sku)
        return (code,) if code else None
    return min(((code,) for code in codes_of(variant)), default=None)


def codes_of(variant: Variant) -> frozenset[str]:
    """Return a variant's barcodes in the form in which they are compared."""
    return frozenset(code for each in variant.barcodes if (code := code_of(each)))


def code_of(barcode: str) -> str:
    """Return a barcode in the form in which it is compared, of a length that an index takes."""
    return short_name(normal(barcode))


def keyed(variants: Iterable[Variant], by: MatchBy) -> dict[Key, list[Variant]]:
    """Return the variants that have a key, by their key: those that match have the same.

    By barcode, the key is the smallest barcode of all that match, so all of these must be given.
    """
    given = list(variants)
    smallest = _smallest(given) if by is MatchBy.BARCODE else {}
    found: dict[Key, list[Variant]] = defaultdict(list)
    for variant in given:
        key = key_of(variant, by)
        if key is not None:
            found[key if is_left_out(variant) else smallest.get(key, key)].append(variant)
    return found


def _smallest(variants: Iterable[Variant]) -> dict[Key, Key]:
    """Return for each barcode the smallest of those that variants connect it with."""
    leads: dict[str, str] = {}

    def end(code: str) -> str:
        while (after := leads.setdefault(code, code)) != code:
            leads[code] = leads[after]  # halve the way for whoever comes next
            code = after
        return code

    for variant in variants:
        if not is_left_out(variant):
            ends = sorted(map(end, codes_of(variant)))
            leads.update(dict.fromkeys(ends, ends[0]) if ends else {})
    return {(code,): (end(code),) for code in list(leads)}


def clash(variant: Variant, alike: Iterable[Variant]) -> str:
    """Return why a variant's barcodes do not say what it is the same as, for people.

    of those that have one of its barcodes          it is said
    ----------------------------------------------  ---------------------------------------
    some are in its own store                       which barcode, and what it is on
    several are in another store                    which store, and what they are
    neither: one of them has the same trouble       which barcode, and what it is on
    """
    mine = codes_of(variant)
    sharing = [
        each
        for each in alike
        if (each.store, each.item) != (variant.store, variant.item) and mine & codes_of(each)
    ]
    for each in sharing:
        if each.store == variant.store:
            code = min(mine & codes_of(each))
            return f"barcode {code} is also on {title_of(each)} in this store"
    by_store: dict[str, list[Variant]] = defaultdict(list)
    for each in sharing:
        by_store[each.store].append(each)
    for store, several in sorted(by_store.items()):
        if len(several) > 1:
            titles = ", ".join(sorted(map(title_of, several))[:3])
            return f"barcodes of it are on several variants in {store}: {titles}"
    for each in sharing:
        code = min(mine & codes_of(each))
        where = f"{title_of(each)} in {each.store}"
        return f"barcode {code} is also on {where}, whose barcodes are on several variants"
    return "barcodes of it are on several variants"


def title_of(variant: Variant) -> str:
    """Return what people call a variant: the product's title and its option values."""
    values = [value for _, value in variant.options if normal(value) != "default title"]
    return f"{variant.title} ({', '.join(values)})" if values else variant.title


def is_left_out(variant: Variant) -> bool:
    """Whether a variant has no stock of its own."""
    return variant.bundle or variant.gift_card


def match(variants: Iterable[Variant], *, by: MatchBy, source: Alias) -> Matches:
    """Group variants of all stores by their key."""
    given = list(variants)
    own = [each for each in given if not is_left_out(each)]
    alone = [each for each in own if key_of(each, by) is None]
    groups: list[tuple[Variant, ...]] = []
    ambiguous: list[tuple[Variant, ...]] = []
    for same in keyed(own, by).values():
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
        left_out=tuple(each for each in given if is_left_out(each)),
    )


def _source_first(same: Sequence[Variant], source: Alias) -> tuple[Variant, ...]:
    """Return the same variants, the source's first."""
    return tuple(sorted(same, key=lambda each: (each.store != source, each.store)))
