"""Which variants of different stores are the same thing."""

import pytest

from sync_core.domain.match import MatchBy, Matches, key_of, match, normal
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
        pytest.param(MatchBy.BARCODE, {"barcode": ""}, None, id="no barcode"),
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
