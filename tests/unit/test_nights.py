"""One night per date, whatever the clocks of the place do."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.domain.nights import MAX_LATENESS, begins, due_night, next_night

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kolkata",
         "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Chatham"]  # fmt: skip
CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29), time(2, 0), time(3, 0), 60),
    ("Europe/Berlin", date(2026, 10, 25), time(2, 0), time(3, 0), -60),
    ("America/New_York", date(2026, 3, 8), time(2, 0), time(3, 0), 60),
    ("America/New_York", date(2026, 11, 1), time(1, 0), time(2, 0), -60),
    ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 0), time(2, 30), 30),
    ("Australia/Lord_Howe", date(2026, 4, 5), time(1, 30), time(2, 0), -30),
]
MINUTES = [time(minute // 60, minute % 60) for minute in range(1440)]


@pytest.mark.parametrize(("zone", "night", "first", "last", "jump"), CHANGES)
def test_every_minute_of_a_night_whose_clocks_change(zone, night, first, last, jump):
    """Once: then. Twice: the first time. Never: at the moment the clocks jump over it."""
    place = ZoneInfo(zone)
    jumped = datetime.combine(night, first, place).astimezone(UTC)
    before = None
    for at in MINUTES:
        begun = begins(night, at, place)
        wall = begun.astimezone(place)
        if jump > 0 and first <= at < last:
            assert begun == jumped
        else:
            assert (wall.date(), wall.time(), wall.fold) == (night, at, 0)
        if jump < 0 and first <= at < last:
            twice = datetime.combine(night, at, place).replace(fold=1).astimezone(UTC)
            assert twice - begun == timedelta(minutes=-jump)
        assert before is None or begun >= before, "later by the clock, earlier in truth"
        before = begun


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("at", [time(0, 0), time(1, 45), time(2, 30), time(2, 15), time(23, 59)])
def test_each_date_of_ten_years_has_one_night(zone, at):
    """Never two on one date, never a date without."""
    place = ZoneInfo(zone)
    nights = [date(2020, 1, 1) + timedelta(days=day) for day in range(3653)]
    begun = [begins(night, at, place) for night in nights]
    assert begun == sorted(set(begun))
    assert all(each.microsecond == 0 for each in begun)
    for night, moment, following in zip(nights, begun, begun[1:], strict=False):
        assert due_night(moment, at, place) == night
        second = timedelta(seconds=1)
        assert due_night(moment - second, at, place) in {None, night - timedelta(days=1)}
        assert next_night(moment - second, at, place) == moment
        assert next_night(moment, at, place) == following
        assert timedelta(hours=22) <= following - moment <= timedelta(hours=26)


moments = st.datetimes(datetime(2020, 1, 1), datetime(2029, 12, 1)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=UTC)
)


@given(now=moments, at=st.sampled_from(MINUTES), zone=st.sampled_from(ZONES))
def test_a_night_is_due_from_its_beginning_until_it_is_too_late(now, at, zone):
    """Missed while down: made up for if less than twelve hours late, and left otherwise."""
    place = ZoneInfo(zone)
    night = due_night(now, at, place)
    if night is not None:
        begun = begins(night, at, place)
        assert begun <= now < begun + MAX_LATENESS
        assert due_night(begun + MAX_LATENESS, at, place) != night
    following = next_night(now, at, place)
    assert now < following <= now + timedelta(hours=26)
    last = begins((following.astimezone(place) - timedelta(days=1)).date(), at, place)
    assert (night is None) is (now >= last + MAX_LATENESS or now < last)


def test_a_night_begins_by_the_wall_clock_whatever_its_setting_carries():
    """A time with a zone of its own is read by the place's clocks all the same."""
    berlin = ZoneInfo("Europe/Berlin")
    assert begins(date(2026, 7, 1), time(2, 30, tzinfo=UTC), berlin) == datetime(
        2026, 7, 1, 0, 30, tzinfo=UTC
    )
