"""Which variants of different stores are the same thing."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.domain.matching import MatchBy, Matches, codes_of, key_of, keyed, match, normal
from tests.unit.builders import variant

EU, US, UK = variant("eu"), variant("us"), variant("uk")
TWIN = variant("us", variant_id=2002, item=202)


@pytest.mark.parametrize(
    ("variants", "by", "matches"),
    [
        pytest.param([EU, US], MatchBy.HANDLE, {"groups": ((EU, US),)}, id="one in each"),
        pytest.param([UK, US, EU], MatchBy.SKU, {"groups": ((EU, UK, US),)}, id="source first"),
        pytest.param([EU], MatchBy.HANDLE, {"alone": (EU,)}, id="none in any destination"),
        pytest.param([US], MatchBy.HANDLE, {"alone": (US,)}, id="none in the source"),
        pytest.param([US, UK], MatchBy.HANDLE, {"alone": (US, UK)}, id="in destinations alone"),
        pytest.param(
            [EU, US, TWIN], MatchBy.BARCODE, {"ambiguous": ((EU, US, TWIN),)}, id="twice in a store"
        ),
        pytest.param(
            [variant("eu", sku=""), variant("us", sku=" ")],
            MatchBy.SKU,
            {"alone": (variant("eu", sku=""), variant("us", sku=" "))},
            id="no key",
        ),
        pytest.param(
            [variant("eu", bundle=True), US],
            MatchBy.HANDLE,
            {"left_out": (variant("eu", bundle=True),), "alone": (US,)},
            id="a bundle",
        ),
        pytest.param(
            [EU, variant("us", gift_card=True), US],
            MatchBy.HANDLE,
            {"left_out": (variant("us", gift_card=True),), "groups": ((EU, US),)},
            id="a gift card makes nothing ambiguous",
        ),
        pytest.param([], MatchBy.HANDLE, {}, id="nothing"),
    ],
)
def test_variants_are_matched_by_the_table(variants, by, matches):
    """One row each."""
    assert match(variants, by=by, source="eu") == Matches(**matches)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("SFDJ-M", "sfdj-m", True, id="case"),
        pytest.param("Straße", "STRASSE", True, id="case beyond ASCII"),
        pytest.param(" SFDJ  M ", "SFDJ M", True, id="spaces"),
        pytest.param("SFDJ\u00a0M", "SFDJ M", True, id="a space that does not break"),
        pytest.param("\uff33", "S", True, id="full width"),
        pytest.param("cafe\u0301", "caf\u00e9", True, id="forms of Unicode"),
        pytest.param("SFDJ-M", "SFDJ-L", False, id="another size"),
        pytest.param("SFDJ-M", "SFDJM", False, id="a hyphen"),
    ],
)
def test_keys_are_compared_without_regard_to_their_form(one, other, same):
    """People type them."""
    assert (normal(one) == normal(other)) is same


@pytest.mark.parametrize(
    ("by", "facts", "key"),
    [
        pytest.param(MatchBy.HANDLE, {}, ("slim-fit-denim-jacket", "m"), id="handle and options"),
        pytest.param(
            MatchBy.HANDLE,
            {"options": (("Größe", "M"), ("Farbe", "Blau"))},
            ("slim-fit-denim-jacket", "m", "blau"),
            id="names of options are translated",
        ),
        pytest.param(MatchBy.SKU, {}, ("sfdj-m",), id="SKU"),
        pytest.param(MatchBy.SKU, {"sku": "  "}, None, id="no SKU"),
        pytest.param(MatchBy.BARCODE, {}, ("4006381333931",), id="barcode"),
        pytest.param(MatchBy.BARCODE, {"barcodes": ("", " ")}, None, id="no barcode"),
    ],
)
def test_a_variant_has_the_key_that_was_asked_for(by, facts, key):
    """None is never a key: all variants without a SKU would be one."""
    assert key_of(variant(**facts), by) == key


def test_options_in_another_order_are_another_key():
    """M, Blue and Blue, M could be two things: a person decides."""
    one = variant("eu", options=(("Size", "M"), ("Colour", "Blue")))
    other = variant("us", options=(("Colour", "Blue"), ("Size", "M")))
    assert match([one, other], by=MatchBy.HANDLE, source="eu").alone == (one, other)


# -- several barcodes


def coded(store, number, *codes, **more):
    return variant(store, item=number, barcodes=codes, **more)


A, B = coded("eu", 1, "1", "2"), coded("us", 2, "2", "3")


@pytest.mark.parametrize(
    ("variants", "matches"),
    [
        pytest.param([A, B], {"groups": ((A, B),)}, id="one in common"),
        pytest.param(
            [A, B, coded("uk", 3, "3")],
            {"groups": ((A, coded("uk", 3, "3"), B),)},
            id="what is the same as one of them is the same",
        ),
        pytest.param(
            [A, B, coded("us", 3, "1")],
            {"ambiguous": ((A, B, coded("us", 3, "1")),)},
            id="two in another store",
        ),
        pytest.param(
            [A, B, coded("eu", 3, "3")],
            {"ambiguous": ((A, B, coded("eu", 3, "3")),)},
            id="two in the source, by way of another",
        ),
        pytest.param([A, coded("us", 2, "4")], {"alone": (A, coded("us", 2, "4"))}, id="none"),
        pytest.param(
            [A, B, coded("eu", 3, "1", "3", bundle=True)],
            {"groups": ((A, B),), "left_out": (coded("eu", 3, "1", "3", bundle=True),)},
            id="a bundle leads nowhere",
        ),
    ],
)
def test_variants_match_by_any_barcode(variants, matches):
    """Never by a guess: whatever leads to two variants of one store leads to none."""
    assert match(variants, by=MatchBy.BARCODE, source="eu") == Matches(**matches)


@st.composite
def catalogues(draw):
    codes = st.lists(st.sampled_from("123456789"), max_size=4)
    stores = st.sampled_from(["eu", "us", "uk"])
    rows = draw(st.lists(st.tuples(stores, codes, st.booleans()), max_size=10))
    return [
        coded(store, number, *some, bundle=bundle)
        for number, (store, some, bundle) in enumerate(rows)
    ]


@given(variants=catalogues(), order=st.randoms(use_true_random=False))
def test_no_variant_is_in_two_groups_and_no_barcode_either(variants, order):
    """In whatever order they come: a level may be in one pool at most."""
    found = match(variants, by=MatchBy.BARCODE, source="eu")
    groups = [*found.groups, *found.ambiguous]
    for one, other in combinations([*groups, *((each,) for each in found.alone)], 2):
        assert not {each.item for each in one} & {each.item for each in other}
        codes = [frozenset().union(*map(codes_of, some)) for some in (one, other)]
        in_source = [any(each.store == "eu" for each in some) for some in (one, other)]
        if in_source[0] and in_source[1]:
            assert not codes[0] & codes[1]
    for group in found.groups:
        assert len({each.store for each in group}) == len(group) > 1
        assert group[0].store == "eu"
    listed = [*(each for some in groups for each in some), *found.alone, *found.left_out]
    assert sorted(each.item for each in listed) == [each.item for each in variants]
    again = list(variants)
    order.shuffle(again)
    keys = {
        each.item: key for key, some in keyed(variants, MatchBy.BARCODE).items() for each in some
    }
    assert keys == {
        each.item: key for key, some in keyed(again, MatchBy.BARCODE).items() for each in some
    }
