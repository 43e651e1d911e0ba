"""Seals: any change of any sealed thing is seen, and nothing else is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.domain.seals import (
    AlteredSeal,
    Digester,
    Seal,
    SealedContent,
    SealedKind,
    check_chain,
    check_contents,
    digest_of,
    line,
)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CONTENTS = {kind: SealedContent(rows=n, digest=f"{n:x}") for n, kind in enumerate(SealedKind)}
LINES = {kind: 100 + n for n, kind in enumerate(SealedKind)}
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(),
    st.datetimes(timezones=st.just(UTC)),
)


def seal(number=1, before=None, **given):
    """A closed seal."""
    usual = {"id": number, "day": f"2026-11-{22 + number}", "format": 1, "drawn_at": NOON}
    previous = 0 if before is None else before.id
    made = Seal(
        **{**usual, "previous": previous, "lines": LINES, "contents": CONTENTS, "open": (7,)}
    )
    made = replace(made, **given)
    return replace(made, digest=digest_of(made, "" if before is None else before.digest))


def content(rows):
    digester = Digester()
    digester.add(rows)
    return digester.content()


def test_a_row_is_the_same_line_for_ever():
    """Written down here: a seal that was made today is verified in ten years."""
    row = (12, "sale", None, True, NOON, -4, "#1042 “é”")
    assert line(row) == (
        b'[12,"sale",null,true,1795435200000000,-4,"#1042 \\u201c\\u00e9\\u201d"]\n'
    )


def test_a_moment_is_the_same_in_every_zone():
    there = NOON.astimezone(timezone(timedelta(hours=9)))
    assert line((there,)) == line((NOON,))
    assert line((NOON + timedelta(microseconds=1),)) != line((NOON,))


@given(rows=st.lists(st.tuples(values, values), max_size=6), cut=st.integers(0, 6))
def test_it_does_not_matter_in_how_many_pieces_rows_are_read(rows, cut):
    digester = Digester()
    digester.add(rows[:cut])
    digester.add(rows[cut:])
    assert digester.content() == content(rows)
    assert digester.content().rows == len(rows)


@given(
    rows=st.lists(st.tuples(values, values), min_size=1, max_size=5),
    other=st.tuples(values, values),
    data=st.data(),
)
def test_a_row_that_is_altered_added_or_gone_is_seen(rows, other, data):
    where = data.draw(st.integers(0, len(rows) - 1))
    sealed = content(rows)
    assert content(rows[:where] + rows[where + 1 :]) != sealed
    assert content([*rows[:where], other, *rows[where:]]) != sealed
    if line(other) != line(rows[where]):
        assert content([*rows[:where], other, *rows[where + 1 :]]) != sealed


def test_a_chain_that_is_whole_is():
    first = seal()
    second = seal(2, first)
    assert check_chain(first, None) is None
    assert check_chain(second, first) is None


@pytest.mark.parametrize(
    "change",
    [
        {"day": "2026-11-01"},
        {"format": 2},
        {"drawn_at": NOON + timedelta(hours=1)},
        {"lines": {**LINES, SealedKind.MOVEMENTS: 99}},
        pytest.param(
            {"contents": {**CONTENTS, SealedKind.EFFECTS: SealedContent(rows=2, digest="0")}},
            id="a hash",
        ),
        pytest.param(
            {"contents": {**CONTENTS, SealedKind.EFFECTS: SealedContent(rows=9, digest="2")}},
            id="a count",
        ),
        {"open": ()},
        {"oldest": NOON},
        {"previous": 9},
        {"digest": "0" * 64},
    ],
    ids=lambda each: next(iter(each)),
)
def test_whatever_is_altered_in_a_seal_is_seen(change):
    first = seal()
    second = replace(seal(2, first), **change)
    assert check_chain(second, first) == AlteredSeal(day=second.day, what="seal")


def test_a_seal_that_is_made_again_breaks_the_next():
    """Whoever alters a day and seals it again would have to seal every day since."""
    first = seal()
    second = seal(2, first)
    again = seal(contents={**CONTENTS, SealedKind.MOVEMENTS: SealedContent(rows=5, digest="5")})
    assert check_chain(again, None) is None
    assert check_chain(second, again) == AlteredSeal(day=second.day, what="seal")


def test_a_seal_that_is_gone_is_missed():
    first = seal()
    second = seal(2, first)
    third = seal(3, second)
    assert check_chain(third, first) == AlteredSeal(day=third.day, what="seal")
    assert check_chain(second, None) == AlteredSeal(day=second.day, what="seal")


def test_what_a_day_holds_is_compared_by_kind():
    of = seal()
    assert check_contents(of, CONTENTS) is None
    assert check_contents(of, {}) is None, "what is no longer kept is not compared"
    other = SealedContent(rows=5, digest="x")
    assert check_contents(of, {**CONTENTS, SealedKind.RECEIPTS: other}) == AlteredSeal(
        day=of.day, what="receipts", sealed=1, found=5
    )
