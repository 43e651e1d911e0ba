"""The judge itself is judged: a lost unit, an invented one and unequal stores must not pass."""

import pytest

from tests.judge import Change, complaints

START = {"S": 50, "M": 50}
SOLD, RESTOCKED = Change("eu", "S", -5), Change("us", "S", 3)
DOUBTFUL = Change("us", "S", -2, is_sure=False)
UNHEARD = Change("eu", "S", 7, is_sure=False)


def both(s, m=50):
    return {"eu": {"S": s, "M": m}, "us": {"S": s, "M": m}}


@pytest.mark.parametrize(
    ("changes", "quantity"),
    [
        ([], 50),
        ([SOLD], 45),
        ([SOLD, RESTOCKED], 48),
        ([SOLD, DOUBTFUL], 45),
        ([SOLD, DOUBTFUL], 43),
        ([DOUBTFUL, UNHEARD, SOLD], 50),
        ([DOUBTFUL, DOUBTFUL], 46),
    ],
)
def test_what_may_be_passes(changes, quantity):
    assert complaints(START, changes, both(quantity)) == []


@pytest.mark.parametrize(
    ("changes", "final"),
    [
        pytest.param([SOLD], both(46), id="a unit that was sold is there again"),
        pytest.param([RESTOCKED], both(52), id="a unit is lost"),
        pytest.param([SOLD], both(40), id="a sale counts twice"),
        pytest.param([SOLD], both(50), id="a sale does not count"),
        pytest.param([DOUBTFUL], both(49), id="half of a doubtful change"),
        pytest.param([DOUBTFUL], both(46), id="a doubtful change twice"),
        pytest.param([DOUBTFUL, UNHEARD], both(52), id="what no subset comes to"),
        pytest.param([], {"eu": {"S": 50, "M": 50}, "us": {"S": 49, "M": 50}}, id="unequal"),
        pytest.param([], {"eu": {"S": 50, "M": 50}, "us": {"M": 50}}, id="an item is gone"),
    ],
)
def test_what_cannot_be_does_not_pass(changes, final):
    (complaint,) = complaints(START, changes, final)
    assert complaint.startswith("S: ")


def test_a_change_of_one_item_is_no_excuse_for_another():
    assert len(complaints(START, [SOLD], both(50, m=45))) == 2
