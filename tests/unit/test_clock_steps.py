"""Whether somebody has set the clock, and by how much."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.clock import SteadyClock
from sync_core.domain.clock_steps import NO_STEP, Moment, step_between

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
seconds = st.floats(0, 1e7)
steps = st.floats(-1e7, 1e7)


def moment(at, steady=0.0, boot="one"):
    return Moment(at=NOON + timedelta(seconds=at), boot=boot, steady=steady)


@pytest.mark.parametrize(
    ("before", "now", "step"),
    [
        pytest.param(None, moment(0), 0, id="nobody has ever looked"),
        pytest.param(moment(0), moment(60, 60), 0, id="nobody has set it"),
        pytest.param(moment(0), moment(90, 60), 0, id="by no more than 30 s"),
        pytest.param(moment(0), moment(91, 60), 31, id="forward"),
        pytest.param(moment(0), moment(-3540, 60), -3600, id="back"),
        pytest.param(moment(0, 900), moment(7200, 5, "two"), 0, id="down for two hours, perhaps"),
        pytest.param(moment(0, 900), moment(-10, 5, "two"), 0, id="another machine, 10 s behind"),
        pytest.param(moment(0, 900), moment(-60, 5, "two"), -60, id="back while it was down"),
    ],
)
def test_each_row_of_the_table(before, now, step):
    assert step_between(before, now) == timedelta(seconds=step)


@given(passed=seconds, step=steps)
def test_a_step_is_found_to_the_second_however_long_nobody_looked(passed, step):
    found = step_between(moment(0, 5.0), moment(passed + step, 5.0 + passed))
    assert abs(found - timedelta(seconds=step)) < timedelta(seconds=1) or found == NO_STEP
    assert (found == NO_STEP) == (abs(step) <= 30) or abs(abs(step) - 30) < 0.01


class Machine:
    def __init__(self):
        self.at, self.steady = NOON, 100.0

    def now(self):
        return self.at

    def monotonic(self):
        return self.steady


@given(st.lists(st.tuples(st.floats(0, 1000), steps), max_size=10))
def test_no_interval_is_wrong_whatever_is_done_to_the_machine(history):
    machine = Machine()
    clock = SteadyClock(machine)
    passed = 0.0
    for waits, step in history:
        machine.at += timedelta(seconds=waits + step)
        machine.steady += waits
        passed += waits
        assert abs((clock.now() - NOON).total_seconds() - passed) < 0.01


def test_it_goes_nearer_little_by_little():
    clock = SteadyClock(Machine(), NOON)
    most = timedelta(seconds=0.5)
    for at, after in ((20, 0.5), (20, 1.0), (0.8, 0.8), (-5, 0.3)):
        clock.approach(NOON + timedelta(seconds=at), most)
        assert (clock.now() - NOON).total_seconds() == pytest.approx(after)
