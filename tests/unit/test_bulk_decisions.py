"""One choice for many: each row of the table, and what a preview says of it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sync_core.domain.bulk_decisions import (
    FOR_ALL,
    MAX_NAMED_PRODUCTS,
    BulkChoice,
    BulkPreview,
    ChangeTotals,
    taken,
)
from sync_core.domain.proposals import Choice, Option, Proposal, ProposalKind, Write

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def option(choice, **writes):
    made = tuple(Write(store=store, before=a, after=b) for store, (a, b) in writes.items())
    return Option(choice=choice, words="", target=1, writes=made)


def proposal(number, *options, kind=ProposalKind.FIX, title="Jacket"):
    return Proposal(
        id=number,
        token=f"{number}",
        kind=kind,
        title=title,
        facts={"store": "us"},
        options=options,
        opened_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )


UP = proposal(1, option(Choice.USE_LOWER, us=(40, 50)))
DOWN = proposal(2, option(Choice.USE_LOWER, us=(60, 50)))
ZERO = proposal(3, option(Choice.USE_LOWER, us=(7, 0)), title="Scarf")
OTHER = proposal(4, option(Choice.IGNORE))
NEWER = proposal(9, option(Choice.USE_LOWER, us=(1, 2)))
QUESTION = proposal(5, option(Choice.USE_LOWER, us=(1, 2)), kind=ProposalKind.MODE)
SOME = [UP, DOWN, ZERO, OTHER, QUESTION, NEWER]


def chosen(**rest):
    return BulkChoice(choice=Choice.USE_LOWER, **{"upto": 5, **rest})


def test_what_is_taken_is_what_was_shown_and_leaves_stock():
    """Never a product that was not in the preview, and no silent zero."""
    assert list(taken(SOME, chosen())) == [1, 2]
    assert list(taken(SOME, chosen(zeros=True))) == [1, 2, 3]
    assert list(taken(SOME, chosen(without=frozenset({1})))) == [2]
    assert list(taken(SOME, chosen(upto=None))) == [1, 2, 9]


def test_a_preview_counts_each_once():
    """What goes to 0 is counted apart: it is asked for by itself."""
    found = BulkPreview(choice=Choice.USE_LOWER).plus(SOME[:4], chosen(without=frozenset({2})))
    assert found == BulkPreview(
        choice=Choice.USE_LOWER,
        taken=2,
        cannot=1,
        without=1,
        zeros=1,
        empty=("Scarf",),
        upto=4,
        stores=frozenset({"us"}),
        changes={"us": ChangeTotals(ups=1, up=10)},
        emptied={"us": ChangeTotals(downs=1, down=7)},
    )


def test_ten_thousand_titles_are_not_kept():
    """A preview is a sum; of what goes to 0 it names the first."""
    many = [proposal(n, option(Choice.USE_LOWER, us=(3, 0))) for n in range(1, 10_001)]
    found = BulkPreview(choice=Choice.USE_LOWER).plus(many, BulkChoice(choice=Choice.USE_LOWER))
    assert (found.taken, found.zeros, len(found.empty)) == (10_000, 10_000, MAX_NAMED_PRODUCTS)
    assert found.emptied == {"us": ChangeTotals(downs=10_000, down=30_000)}


def test_a_store_at_0_or_below_is_not_emptied_again():
    """It stays as it is, or comes back: nothing is lost by it."""
    assert not option(Choice.USE_LOWER, us=(0, 0)).empties
    assert not option(Choice.USE_LOWER, us=(-3, 0)).empties
    assert not option(Choice.USE_LOWER, us=(None, 0)).empties
    assert option(Choice.USE_LOWER, us=(1, -1), eu=(3, 5)).empties


quantities = st.integers(-5, 60)


@given(st.lists(st.tuples(quantities, quantities), max_size=12), st.sampled_from(FOR_ALL))
def test_a_preview_in_parts_is_the_preview_of_all(pairs, choice):
    """It is read five hundred at a time, and takes exactly what the decision takes."""
    some = [proposal(n, option(choice, us=pair)) for n, pair in enumerate(pairs, 1)]
    wanted = BulkChoice(choice=choice)
    whole = BulkPreview(choice=choice).plus(some, wanted)
    assert BulkPreview(choice=choice).plus(some[:5], wanted).plus(some[5:], wanted) == whole
    assert whole.taken - whole.zeros == len(list(taken(some, wanted)))
    every = BulkChoice(choice=choice, zeros=True)
    assert whole.taken == len(list(taken(some, every)))
