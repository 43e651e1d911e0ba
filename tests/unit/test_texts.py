"""What comes in as text can be stored, whatever somebody wrote."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.domain.texts import codes_in, names_in, storable, storable_json
from sync_core.shopify.fields import decode_json

# Everything a Python text may hold, halves of surrogate pairs among it.
ANY = st.text(st.characters(codec=None) | st.sampled_from('\0\\"/u0d8\ud800\udfff😀'))
GOOD = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def is_storable(text):
    return "\0" not in text and text.encode() is not None


@given(ANY)
def test_any_text_can_be_stored(text):
    assert is_storable(storable(text))
    assert len(storable(text)) == len(text)


@given(GOOD)
def test_a_good_text_stays_as_it_is(text):
    assert storable(text) == text
    for ascii_only in (True, False):
        raw = json.dumps({text: [text]}, ensure_ascii=ascii_only).encode()
        assert storable_json(raw) == raw


@given(st.recursive(ANY, lambda inner: st.lists(inner) | st.dictionaries(ANY, inner)))
def test_any_json_is_read_and_its_texts_can_be_stored(value):
    """A store that escapes what we cannot store sends JSON all the same."""
    raw = json.dumps(value).encode()
    mended = storable_json(raw)
    assert len(mended) == len(raw)
    assert json.loads(mended) == decode_json(raw)
    assert is_storable(json.dumps(json.loads(mended), ensure_ascii=False))
    assert rb"\u0000" not in mended.replace(rb"\\", b"")


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (rb'"\u0000"', "\ufffd"),
        (rb'"\ud800"', "\ufffd"),
        (rb'"\uDFFF\uD800x"', "\ufffd\ufffdx"),
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd😀"),
        (rb'"\\u0000"', "\\u0000"),
        (rb'"\\\u0000"', "\\\ufffd"),
        (rb'"\u00001"', "\ufffd1"),
        (rb'"\u0026 \ud7ff \ue000"', "& \ud7ff \ue000"),
    ],
)
def test_each_escape_is_read_as_what_it_is(raw, read):
    assert decode_json(raw) == read


@given(st.binary())
def test_what_is_no_json_breaks_nothing(raw):
    assert isinstance(storable_json(raw), bytes)


@given(ANY)
def test_to_mend_twice_is_to_mend_once(text):
    raw = json.dumps(text).encode()
    assert storable_json(storable_json(raw)) == storable_json(raw)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Why 42 of the Denim Jacket?", {"Denim Jacket"}),
        ("denim jacket and JACK", {"Denim Jacket", "Jack"}),
        ("Hijacked", set()),
        ("jacket (m), jacket", {"Jacket (M)", "Jacket"}),
        ("", set()),
    ],
)
def test_a_name_is_found_as_whole_words_and_not_inside_of_a_longer_one(text, found):
    names = ["Denim Jacket", "Jacket (M)", "Jacket", "Jack", " "]
    assert names_in(text, names) == found


def test_a_code_is_a_word_with_more_than_letters():
    assert codes_in("why is SFDJ-M 42, not 4006381333931? a.b; sfdj-m") == [
        "sfdj-m",
        "4006381333931",
        "a.b",
    ]
    assert len(codes_in(" ".join(f"A-{n}" for n in range(200)))) == 50
