"""What a comparison makes of a level that was read again by id."""

import pytest

from sync_core.domain.drift import SUSPENDED, DriftVerdict, cause, should_show, verdict
from sync_core.domain.values import Mode, Suspension
from tests.unit.builders import at, level, new_level, pool, read

EU, US = 1, 2
ONE_WAY = {"mode": Mode.ONE_WAY}


def said(of, available, *, source=50, trouble=None):
    """Return the verdict on us, when it and the source were read so."""
    readings = {EU: read("eu", source), US: read("us", available, trouble=trouble)}
    return verdict(of, of.level(US), readings)


@pytest.mark.parametrize("available", [50, 44, None])
@pytest.mark.parametrize(
    "facts",
    [
        {"mode": Mode.OFF},
        {"mode": Mode.OFF, "suspended": Suspension.REFUSED},
        {"open": True},
        {"open": True, "suspended": Suspension.REFUSED},
        {"manual_delta": -3, "baselined": False},
        {"refresh_at": at(0)},
    ],
)
def test_what_is_off_or_worked_on_is_left_to_the_engine(facts, available):
    """A difference that is being written right now is none."""
    assert said(pool(50, level("eu"), level("us", **facts)), available) is DriftVerdict.FINE


@pytest.mark.parametrize("why", Suspension)
@pytest.mark.parametrize("available", [50, 44, None])
def test_a_suspended_level_is_said_to_be(why, available):
    """Whatever it shows: the engine does not sync it."""
    of = pool(50, level("eu"), level("us", suspended=why, refresh_at=at(9)))
    is_stopped = why is Suspension.UNBALANCED
    assert said(of, available) is (DriftVerdict.BOOKS if is_stopped else DriftVerdict.SUSPENDED)
    sentence = cause("suspended", {"store": "us", "why": why.value})
    assert sentence == f"US: {SUSPENDED[why.value]}"


@pytest.mark.parametrize("made", [level, new_level])
@pytest.mark.parametrize("facts", [{}, ONE_WAY])
def test_what_cannot_be_believed_is_looked_at(made, facts):
    """The engine suspends it, and says why."""
    of = pool(50, level("eu"), made("us", 50, **facts))
    assert said(of, None) is DriftVerdict.REFRESH
    assert said(of, 50, trouble=Suspension.INACTIVE) is DriftVerdict.REFRESH


@pytest.mark.parametrize(
    ("of", "shows", "expected"),
    [
        (pool(50, level("eu"), new_level("us", 44)), 50, DriftVerdict.REFRESH),
        (pool(50, level("eu"), new_level("us", 50)), 44, DriftVerdict.DIFFERS),
        (pool(50, level("eu"), new_level("us", buffer=5)), 45, DriftVerdict.REFRESH),
        (pool(50, level("eu"), new_level("us", buffer=5)), 50, DriftVerdict.DIFFERS),
        (pool(None, new_level("eu"), new_level("us")), 50, DriftVerdict.REFRESH),
        (pool(None, new_level("eu"), new_level("us")), 44, DriftVerdict.DIFFERS),
        (pool(50, level("eu"), level("us")), 50, DriftVerdict.FINE),
        (pool(50, level("eu"), level("us")), 44, DriftVerdict.MISSED),
        (pool(50, level("eu"), level("us", 44)), 44, DriftVerdict.FINE),
        (pool(50, level("eu"), level("us", 44)), 50, DriftVerdict.MISSED),
        (pool(50, level("eu"), level("us", **ONE_WAY)), 50, DriftVerdict.FINE),
        (pool(50, level("eu"), level("us", **ONE_WAY)), 44, DriftVerdict.ONE_WAY),
        (pool(50, level("eu"), level("us", 44, **ONE_WAY)), 44, DriftVerdict.ONE_WAY),
        (pool(50, level("eu"), level("us", 44, **ONE_WAY)), 50, DriftVerdict.FINE),
        (pool(50, level("eu"), level("us", 44, due=True, **ONE_WAY)), 44, DriftVerdict.FINE),
        (pool(50, level("eu"), level("us", 16, pack=3, **ONE_WAY)), 16, DriftVerdict.FINE),
    ],
)
def test_each_row_of_the_table(of, shows, expected):
    """One verdict each."""
    assert said(of, shows) is expected


def test_a_level_that_was_not_read_is_left_in_peace():
    """Its store did not answer: nothing can be said."""
    of = pool(50, level("eu"), level("us", 44))
    assert verdict(of, of.level(US), {EU: read("eu", 50)}) is DriftVerdict.FINE


@pytest.mark.parametrize(
    ("of", "source", "expected"),
    [
        (pool(50, level("eu"), level("us", buffer=5)), 1, 45),
        (pool(None, new_level("eu"), new_level("us", pack=3)), 50, 16),
        (pool(None, new_level("eu"), new_level("us")), None, None),
    ],
)
def test_what_a_level_should_show_is_its_pools_or_the_sources(of, source, expected):
    """Before an agreement the source is what people compare with."""
    readings = {EU: read("eu", source)}
    assert should_show(of, of.level(US), readings) == expected


def test_the_source_is_not_compared_with_itself():
    """Before an agreement there is nothing else."""
    of = pool(None, new_level("eu"), new_level("us"))
    assert should_show(of, of.level(EU), {EU: read("eu", 50)}) is None
    assert verdict(of, of.level(EU), {EU: read("eu", 50)}) is DriftVerdict.FINE
    assert should_show(of, of.level(US), {}) is None


UNTOLD = "US dropped 50 → 44; Shopify sent no notification and there is no matching order"
FACTS = {"store": "us", "shows": 44, "should_show": 50, "book": 50}


@pytest.mark.parametrize(
    ("kind", "facts", "sentence"),
    [
        (
            "missed",
            {"order": "order #7"},
            "US dropped 50 → 44; Shopify sent no notification of order #7",
        ),
        (
            "missed",
            {"order": None},
            UNTOLD,
        ),
        ("missed", {}, UNTOLD),
        ("differs", {"was_off": True}, "edited while off: US shows 44, expected 50"),
        ("differs", {"was_off": False}, "initial comparison: US shows 44, expected 50"),
        ("differs", {"should_show": None}, "initial comparison: US shows 44, expected ?"),
        ("one_way", {}, "changed in US, which is one-way: shows 44, expected 50"),
        ("no_partner", {}, "only US sells it"),
        ("ambiguous", {"by": "SKU"}, "several variants in US have the same SKU"),
        ("ambiguous", {"by": None}, "several variants in US have the same key"),
        ("renamed", {}, "it has a new handle in US; it is still synced"),
        ("oversold", {"units": 3}, "oversold by 3"),
        ("suspended", {"why": "odd"}, "US: it cannot be read"),
        ("writing_back", {"why": "somebody else syncs it"}, "somebody else syncs it"),
        ("writing_back", {}, "writing back"),
    ],
)
def test_each_cause_is_a_sentence(kind, facts, sentence):
    """People read it: no None, no braces."""
    assert cause(kind, {**FACTS, **facts}) == sentence


def test_what_a_merchant_wrote_is_not_taken_for_a_pattern():
    """A store's words may hold braces."""
    assert cause("no_partner", {"store": "{units}{x!r}"}) == "only {units}{x!r} sells it"
