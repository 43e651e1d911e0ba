"""One rule for how long to wait, and a limit that holds."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.backoff import Backoff, retry
from sync_core.errors import NoAnswer, Throttled

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
backoffs = st.builds(
    Backoff,
    first=st.floats(0.01, 60),
    longest=st.floats(60, 3600),
    factor=st.floats(1, 4),
    jitter=st.floats(0, 1),
)


class Waits:
    """A clock that passes only while somebody sleeps."""

    def __init__(self):
        self.slept = []

    def now(self):
        return NOON + timedelta(seconds=sum(self.slept))

    async def sleep(self, seconds):
        self.slept.append(seconds)


class Work:
    """Fails as often as it is told to."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [
        pytest.param(Backoff(first=1, longest=30), [1, 2, 4, 8, 16, 30, 30], id="doubles"),
        pytest.param(Backoff(first=30, factor=4, longest=600), [30, 120, 480, 600], id="by four"),
        pytest.param(Backoff(first=60, longest=60), [60, 60, 60], id="always the same"),
    ],
)
def test_each_wait_is_longer_up_to_the_longest(backoff, delays):
    """Soon after a chance failure, seldom in an outage."""
    assert [backoff.delay(n) for n in range(1, len(delays) + 1)] == delays


@given(backoff=backoffs, failures=st.integers(-1, 10**9), seed=st.integers())
def test_a_wait_is_never_too_long_and_never_none(backoff, failures, seed):
    """However often it has failed: a year of failures neither overflows nor stops trying."""
    whole = backoff.delay(failures)
    assert min(backoff.first, backoff.longest) <= whole <= backoff.longest
    assert whole * (1 - backoff.jitter) <= backoff.delay(failures, Random(seed)) <= whole


@given(lasted=st.floats(0, 10**7), seed=st.integers())
def test_a_store_that_is_silent_for_long_is_asked_seldom(lasted, seed):
    """By its time, not by its failures: four workers ask the same store."""
    wait = Backoff(first=0.5, longest=60).delay_after(lasted, Random(seed))
    assert 0.5 <= wait <= max(1, min(60, lasted / 2))


async def again(work, backoff=None, **given):
    waits = Waits()
    given.setdefault("may_help", lambda exc: isinstance(exc, NoAnswer | Throttled))
    try:
        return await retry(work, backoff or Backoff(first=1, longest=8), waits, **given), waits
    except Exception as exc:  # noqa: BLE001 - the test looks at it
        return exc, waits


async def test_it_goes_on_until_it_works():
    done, waits = await again(Work(NoAnswer("a"), NoAnswer("b")))
    assert (done, waits.slept) == ("done", [1, 2])


async def test_the_last_attempt_is_the_last():
    """The caller gets the error itself, and nobody waits for nothing."""
    work = Work(*(NoAnswer(f"{n}") for n in range(9)))
    failed, waits = await again(work, Backoff(first=1, longest=8, attempts=3))
    assert (str(failed), work.calls, waits.slept) == ("2", 3, [1, 2])


async def test_what_another_attempt_cannot_help_is_raised_at_once():
    failed, waits = await again(Work(ValueError("no")))
    assert (repr(failed), waits.slept) == ("ValueError('no')", [])


async def test_it_ends_in_time():
    """A wait that would end too late is not begun."""
    work = Work(*(NoAnswer(f"{n}") for n in range(9)))
    failed, waits = await again(work, within=timedelta(seconds=10))
    assert (str(failed), waits.slept) == ("3", [1, 2, 4])


async def test_it_waits_as_long_as_a_store_asks_for():
    done, waits = await again(Work(Throttled("later", wait=5.0), Throttled("later", wait=0.5)))
    assert (done, waits.slept) == ("done", [5.0, 2])
