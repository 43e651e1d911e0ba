"""What is proposed about a finding, and what of it is safe."""

import pytest

from sync_core.domain.decisions import participants
from sync_core.domain.fixes import MAX_SAFE_UNITS, fixes
from sync_core.domain.proposals import Choice, Write
from sync_core.domain.values import Mode, Suspension
from tests.unit.builders import level, new_level, pool

US = 2
IGNORE = [Choice.IGNORE_MONTH, Choice.IGNORE]
QUANTITIES = [Choice.USE_SOURCE, Choice.USE_DESTINATION, Choice.USE_LOWER]
ONE_WAY = {"mode": Mode.ONE_WAY}


def offered(kind, of, *, about=US, **shows):
    """Return what is proposed about us, when stores show these numbers."""
    mine = of.level(about)
    values = {each.id: shows[each.key.store] for each in participants(of, about)}
    return fixes(kind, of, mine, values)


def choices(found):
    return [each.choice for each in found.options]


def targets(found):
    return {each.choice: each.target for each in found.options if each.target is not None}


# -- the table


def test_a_missed_change_is_counted_unless_somebody_says_else():
    """It happened: the others follow."""
    found = offered("missed", pool(50, eu=50, us=50), eu=50, us=45)
    assert choices(found) == [Choice.ACCEPT, *QUANTITIES, Choice.USE_NUMBER, *IGNORE]
    assert (found.recommended, found.safe) == (Choice.ACCEPT, True)
    assert targets(found) == {
        Choice.ACCEPT: 45,
        Choice.USE_SOURCE: 50,
        Choice.USE_DESTINATION: 45,
        Choice.USE_LOWER: 45,
    }
    assert found.option(Choice.ACCEPT).writes == (Write(store="eu", before=50, after=45),)
    assert found.option(Choice.ACCEPT).words == "Accept US's change (set EU to 45)"


def test_a_missed_change_of_the_source_speaks_of_the_others():
    """A button that says to use eu would mean both."""
    found = offered("missed", pool(50, eu=50, us=50), about=1, eu=45, us=50)
    assert found.option(Choice.USE_SOURCE).words == "Use the other stores' number: 50"
    assert found.option(Choice.USE_DESTINATION).words == "Use EU's number: 45"


def test_counting_what_one_store_did_counts_what_another_did_too():
    """Both were read, so the button says what becomes of both."""
    found = offered("missed", pool(50, eu=50, us=50, uk=50), eu=50, us=45, uk=48)
    accept = found.option(Choice.ACCEPT)
    assert (accept.words, accept.target) == ("Accept the changes in US and UK: 43", 43)
    assert [(each.store, each.after) for each in accept.writes] == [
        ("eu", 43),
        ("us", 43),
        ("uk", 43),
    ]


def test_a_follower_gets_the_sources_number_or_keeps_fewer():
    """One-way."""
    start = pool(50, level("eu"), level("us", 45, **ONE_WAY))
    found = offered("one_way", start, eu=50, us=45)
    assert choices(found) == [*QUANTITIES, Choice.KEEP, Choice.USE_NUMBER, *IGNORE]
    assert (found.recommended, found.safe) == (Choice.USE_SOURCE, True)
    assert found.option(Choice.KEEP).words == "Keep 5 back from US"
    assert found.option(Choice.KEEP).writes == ()


@pytest.mark.parametrize(("shows", "kept"), [(47, True), (53, False), (-1, False), (0, True)])
def test_a_first_meeting_is_never_safe(shows, kept):
    """The initial comparison decides nothing by itself; more cannot be kept back."""
    found = offered("differs", pool(None, new_level("eu"), new_level("us")), eu=50, us=shows)
    keep = [Choice.KEEP] if kept else []
    assert choices(found) == [*QUANTITIES, *keep, Choice.USE_NUMBER, *IGNORE]
    assert (found.recommended, found.safe) == (Choice.USE_SOURCE, False)
    assert targets(found)[Choice.USE_LOWER] == min(50, shows)


@pytest.mark.parametrize("why", [Suspension.UNFINISHED, Suspension.REFUSED])
def test_a_level_that_was_not_written_is_taken_back(why):
    """What is missing is written."""
    start = pool(50, level("eu"), level("us", 47, suspended=why))
    found = offered("suspended", start, eu=50, us=47)
    expected = [Choice.RETRY, Choice.USE_DESTINATION, Choice.USE_LOWER, Choice.USE_NUMBER]
    assert choices(found) == [*expected, *IGNORE]
    assert (found.recommended, found.safe) == (Choice.RETRY, True)
    assert found.option(Choice.RETRY).writes == (Write(store="us", before=47, after=50),)


@pytest.mark.parametrize("why", sorted({*Suspension} - {Suspension.UNFINISHED, Suspension.REFUSED}))
def test_a_level_that_cannot_share_can_only_be_ignored(why):
    """No number helps a bundle."""
    found = offered("suspended", pool(50, level("eu"), level("us", suspended=why)), eu=50, us=47)
    assert (choices(found), found.recommended, found.safe) == (IGNORE, None, False)


@pytest.mark.parametrize("kind", ["renamed", "oversold", "no_partner", "anything"])
def test_every_finding_may_be_ignored(kind):
    """Where nothing else helps, that does."""
    found = offered(kind, pool(50, eu=50, us=50), eu=50, us=45)
    assert (choices(found), found.recommended, found.safe) == (IGNORE, None, False)


@pytest.mark.parametrize("shows", [{"eu": None, "us": 45}, {"eu": 50, "us": None}])
@pytest.mark.parametrize("kind", ["missed", "one_way", "differs"])
def test_nothing_is_proposed_on_a_number_that_nobody_knows(kind, shows):
    """Unknown is never zero."""
    assert choices(offered(kind, pool(50, eu=50, us=50), **shows)) == IGNORE


def test_a_retry_without_an_agreement_is_no_choice():
    """There is nothing that would be written."""
    start = pool(None, new_level("eu", 50), new_level("us", 47, suspended=Suspension.REFUSED))
    found = offered("suspended", start, eu=50, us=47)
    assert (Choice.RETRY in choices(found), found.recommended, found.safe) == (False, None, False)
    assert Choice.USE_SOURCE in choices(found)


# -- what is safe


@pytest.mark.parametrize(
    ("shared", "shows", "safe"),
    [
        pytest.param(500, 500 - MAX_SAFE_UNITS, True, id="as much as is gentle"),
        pytest.param(500, 499 - MAX_SAFE_UNITS, False, id="one more"),
        pytest.param(500, 500 + MAX_SAFE_UNITS, True, id="upwards"),
        pytest.param(5, 0, False, id="takes a level to zero"),
        pytest.param(5, 1, True, id="leaves one"),
        pytest.param(0, -2, False, id="leaves the pool below zero"),
    ],
)
def test_a_fix_is_safe_only_if_it_is_gentle(shared, shows, safe):
    """Approve all safe must never empty a shop."""
    found = offered("missed", pool(shared, eu=shared, us=shared), eu=shared, us=shows)
    assert (found.recommended, found.safe) == (Choice.ACCEPT, safe)


def test_units_are_counted_over_all_stores():
    """Three stores: two are written to."""
    start = pool(500, eu=500, us=500, uk=500)
    assert offered("missed", start, eu=500, us=450, uk=500).safe
    assert not offered("missed", start, eu=500, us=449, uk=500).safe


# -- buffers and packs


def test_a_buffer_belongs_to_what_a_store_means():
    """The US keeps 5 back and shows 42: it means 47."""
    start = pool(50, level("eu"), level("us", 45, buffer=5))
    found = offered("missed", start, eu=50, us=42)
    assert targets(found) == {
        Choice.ACCEPT: 47,
        Choice.USE_SOURCE: 50,
        Choice.USE_DESTINATION: 47,
        Choice.USE_LOWER: 47,
    }


def test_a_greater_buffer_keeps_what_was_kept_too():
    """5 were kept already; now 8 are."""
    start = pool(50, level("eu"), level("us", 45, buffer=5, **ONE_WAY))
    assert offered("one_way", start, eu=50, us=42).option(Choice.KEEP).words == (
        "Keep 8 back from US"
    )


def test_packs_are_counted_in_shared_units():
    """The US sells in threes: one pack fewer is three units fewer, and two are in no pack."""
    start = pool(50, level("eu"), level("us", 16, pack=3))
    found = offered("missed", start, eu=50, us=15)
    assert targets(found)[Choice.ACCEPT] == 47
    assert targets(found)[Choice.USE_DESTINATION] == 47
    assert found.option(Choice.ACCEPT).writes == (Write(store="eu", before=50, after=47),)
