"""When a pool below zero is a problem, and when it is what the merchant wants."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.domain.oversell import below_zero_kind, oversold_events
from sync_core.domain.values import InventoryPolicy, Mode, Severity, Suspension
from tests.unit.builders import level, pool

DENY, CONTINUE = InventoryPolicy.DENY, InventoryPolicy.CONTINUE


def below(shared, eu=CONTINUE, us=CONTINUE, **more):
    """Return a pool of two levels with these policies; `more` is of the us."""
    mine = level("us", shared, policy=us, **more)
    return pool(shared, level("eu", shared, policy=eu), mine)


@pytest.mark.parametrize(
    ("of", "kind"),
    [
        pytest.param(below(0, DENY, DENY), None, id="none left"),
        pytest.param(below(-1, DENY, DENY), "oversold", id="both deny"),
        pytest.param(below(-1, CONTINUE, DENY), "oversold", id="one denies"),
        pytest.param(below(-1), "presold", id="both go on"),
        pytest.param(below(-1, us=DENY, mode=Mode.OFF), "presold", id="who denies is off"),
        pytest.param(
            below(-1, us=DENY, baselined=False), "presold", id="who denies shares nothing yet"
        ),
        pytest.param(
            below(-1, us=DENY, suspended=Suspension.MISSING), "presold", id="who denies is gone"
        ),
        pytest.param(
            below(-1, us=DENY, withheld=-5), "presold", id="who denies has not heard of it"
        ),
        pytest.param(
            below(-1, DENY, DENY, suspended=Suspension.MISSING), "oversold", id="one of two is gone"
        ),
        pytest.param(
            pool(-1, level("eu", -1, suspended=Suspension.INACTIVE)),
            "oversold",
            id="nobody shows it",
        ),
        pytest.param(replace(below(-1), shared=None), None, id="nothing agreed"),
    ],
)
def test_a_pool_below_zero_is_judged_by_the_table(of, kind):
    """A wrong Critical is ignored the next time, when it is right."""
    assert below_zero_kind(of) == kind


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        pytest.param(below(3), below(-12), [("presold", "info", 12)], id="a pre-order"),
        pytest.param(below(-12), below(-13), ["oversold", ("presold", "info", 13)], id="one more"),
        pytest.param(below(-13), below(-12), ["oversold"], id="one less"),
        pytest.param(below(-12), below(0), ["oversold", "presold"], id="it has come in"),
        pytest.param(
            below(-12, DENY, DENY),
            below(-12),
            ["oversold", ("presold", "info", 12)],
            id="the oversell is a pre-sale now",
        ),
        pytest.param(
            below(-12),
            below(-12, us=DENY),
            ["presold", ("oversold", "critical", 12)],
            id="the pre-sale is an oversell now",
        ),
        pytest.param(
            below(-12, DENY, DENY),
            below(-12, us=DENY),
            ["presold"],
            id="still oversold, in one store less",
        ),
        pytest.param(below(5), below(5, DENY, DENY), [], id="above zero a policy changes nothing"),
    ],
)
def test_one_story_is_told_at_a_time(before, after, events):
    """What has become another thing ends as what it was."""
    told = [
        each.kind if each.resolved else (each.kind, each.severity.value, each.facts["units"])
        for each in oversold_events(before, after)
    ]
    assert told == events
    assert {each.subject for each in oversold_events(before, after)} <= {"pool:1"}


policies = st.sampled_from([DENY, CONTINUE])
pools = st.builds(below, st.integers(-20, 20), policies, policies)


@given(steps=st.lists(pools, min_size=2, max_size=8))
def test_what_stands_is_what_is(steps):
    """Told one after the other, the findings that stand are never two, and never the wrong one."""
    standing = set()
    for before, after in zip([below(0), *steps], steps, strict=False):
        for each in oversold_events(before, after):
            (standing.discard if each.resolved else standing.add)(each.kind)
        assert standing == ({below_zero_kind(after)} - {None})
    assert Severity.CRITICAL not in {
        each.severity for each in oversold_events(below(3), below(-3)) if each.kind == "presold"
    }
