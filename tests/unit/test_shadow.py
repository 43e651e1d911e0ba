"""Shadow mode: its two tables, what would be written, and another app that is at work."""

import pytest

from sync_core.domain.frozen import replace
from sync_core.domain.proposals import Choice, ProposalKind, Write
from sync_core.domain.shadow import (
    APART_KINDS,
    EXPLANATIONS,
    SHADOW_WORDS,
    WRONG_KINDS,
    count_doubled,
    is_doubled,
    live_target,
    needs_writing,
    shadow_after,
    would_write,
)
from sync_core.domain.values import Alias, Mode, Suspension
from sync_core.errors import NotAllowed
from tests.unit.builders import pool

US, UK = Alias("us"), Alias("uk")
TWO, ONE, OFF = Mode.TWO_WAY, Mode.ONE_WAY, Mode.OFF


@pytest.mark.parametrize(
    ("mode", "wanted", "is_on", "us", "uk", "after"),
    [
        pytest.param(TWO, True, False, OFF, OFF, True, id="it begins"),
        pytest.param(TWO, True, False, ONE, OFF, "us is connected already", id="this one is live"),
        pytest.param(TWO, True, False, OFF, TWO, "uk is connected already", id="another is live"),
        pytest.param(ONE, True, True, TWO, TWO, True, id="it goes on"),
        pytest.param(TWO, False, True, TWO, ONE, "uk is in shadow mode, too", id="not one alone"),
        pytest.param(TWO, False, True, TWO, OFF, False, id="live"),
        pytest.param(OFF, False, True, TWO, TWO, True, id="off, and another goes on"),
        pytest.param(OFF, False, True, TWO, OFF, False, id="off, and it was the last"),
        pytest.param(OFF, True, False, OFF, OFF, "goes with two-way", id="off in shadow"),
        pytest.param(OFF, True, True, TWO, OFF, "goes with two-way", id="off in shadow, on"),
        pytest.param(TWO, False, False, OFF, TWO, False, id="live as ever"),
        pytest.param(OFF, False, False, TWO, TWO, False, id="off as ever"),
    ],
)
def test_shadow_mode_after_a_change_of_mode(mode, wanted, is_on, us, uk, after):
    """The first table; `us` is asked for."""
    given = (mode, [US], {US: us, UK: uk})
    if isinstance(after, str):
        with pytest.raises(NotAllowed, match=after):
            shadow_after(*given, wanted=wanted, is_on=is_on)
        return
    assert shadow_after(*given, wanted=wanted, is_on=is_on) is after


@pytest.mark.parametrize("choice", Choice)
def test_what_would_have_to_be_written_is_refused(choice):
    """The second table: whatever is not known to be harmless."""
    harmless = {"dismiss", "ignore", "ignore_month", "link", "hold"}
    for kind in ProposalKind:
        expected = kind is not ProposalKind.MODE and choice.value not in harmless
        assert needs_writing(kind, choice) is expected


def test_a_movement_would_be_written_to_the_other_levels_by_their_packs_and_buffers():
    some = pool(50, eu=50, us=50, uk=50)
    packed = some.with_levels(
        replace(each, **{"us": {"buffer": 2}, "uk": {"pack": 6}}.get(each.key.store, {}))
        for each in some.levels
    )
    assert would_write(packed, Alias("eu"), -5, 45) == (
        Write(store=US, before=48, after=43),
        Write(store=UK, before=8, after=7),
    )
    assert would_write(packed, Alias("eu"), -1, 49) == (Write(store=US, before=48, after=47),)
    assert would_write(packed, Alias("eu"), -1, None) == ()


@pytest.mark.parametrize("change", [{"suspended": Suspension.MISSING}, {"baselined": False}])
def test_what_is_not_synced_would_not_be_written(change):
    some = pool(50, eu=50, us=50)
    other = some.with_level(replace(some.levels[1], **change))
    assert would_write(other, Alias("eu"), -5, 45) == ()


@pytest.mark.parametrize(
    ("shared", "eu", "us", "doubled"),
    [(46, 48, 48, True), (48, 48, 48, False), (46, 48, 50, False), (None, 48, 48, False)],
)
def test_stores_that_change_alike_are_synced_by_somebody_else(shared, eu, us, doubled):
    """2 sold in one and 2 taken off the other: Tipo would have counted 4."""
    assert is_doubled(replace(pool(50, eu=eu, us=us), shared=shared)) is doubled


def test_a_few_that_change_alike_are_chance():
    """Half of what moved is an app, and so are not one or two among many."""
    alike, other = (pool(46, eu=48, us=at) for at in (48, 46))
    assert [count_doubled([*[alike] * n, *[other] * 4]) for n in range(6)] == [0, 0, 0, 0, 4, 5]
    assert [count_doubled([alike] * n) for n in range(4)] == [0, 0, 2, 3]


@pytest.mark.parametrize(
    ("us", "uk", "target"),
    [
        (TWO, TWO, (TWO, None)),
        (ONE, OFF, (ONE, US)),
        (TWO, ONE, None),
        (OFF, OFF, None),
    ],
)
def test_going_live_keeps_the_mode(us, uk, target):
    assert live_target({US: us, UK: uk}) == target


def test_every_kind_has_its_words():
    assert set(SHADOW_WORDS) == {*WRONG_KINDS, *APART_KINDS}
    assert set(EXPLANATIONS) <= set(WRONG_KINDS)
