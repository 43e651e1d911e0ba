"""Foreign words made harmless; numbers and times as people read them; forms read back."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import text
from bot.messages import location_groups, review
from bot.messages.review import Picked
from bot.policy import AlertPolicy, QuietHours
from sync_core.domain.location_groups import LocationGroup
from sync_core.domain.proposals import Choice
from tests.bot.messages.conftest import NOW, locations, places_of, proposal, report, words


@given(words, st.integers(10, 300))
def test_clean_words_are_one_short_visible_line(dirty, limit):
    """A title must not break the line, hide what follows, or turn it round."""
    kept = text.clean(dirty, limit)
    assert 1 <= len(kept) <= limit
    assert not set(kept) & set("\n\r\t\x00\x1b\u2028\u202e\u202c\u200f\ufeff")
    assert kept.count("\u2068") == kept.count("\u2069") <= 1
    kept.encode()


@given(words)
def test_words_in_mrkdwn_mean_nothing_to_slack(dirty):
    kept = text.mrkdwn(dirty)
    assert not set(kept) & set("<>`")
    assert "&" not in kept.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")


@pytest.mark.parametrize(
    ("dirty", "kept"),
    [
        ("<!channel>", "&lt;!channel&gt;"),
        ("*bold* SKU_12_XL 3*4", "\u2217bold\u2217 SKU_12_XL 3*4"),
        ("_it_ ~no~", "\u02cdit\u02cd \u223cno\u223c"),
        ("R&D", "R&amp;D"),
        ("\u05d0\u05d1", "\u2068\u05d0\u05d1\u2069"),
        ("", "(no name)"),
    ],
)
def test_what_slack_would_read_is_named_in_words(dirty, kept):
    assert text.mrkdwn(dirty) == kept


@pytest.mark.parametrize("between", ["", "\u200b", "\u200d", "\u202e"])
def test_a_tower_of_marks_is_cut_whatever_is_between_them(between):
    """It climbs over the lines above; what is invisible does not begin another letter."""
    kept = text.clean("a" + between.join(["\u0301" * 3] * 5) + "b")
    assert kept.count("\u0301") == text.MAX_COMBINING_MARKS
    assert (kept[0], kept[-1]) == ("a", "b")


def test_a_flag_and_a_family_stay_whole():
    """Emoji are joined by invisible characters that must stay."""
    assert text.clean("👩‍👩‍👧") == "👩‍👩‍👧"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("U0ANN", "<@U0ANN>"),
        ("S0TEAM", "<!subteam^S0TEAM>"),
        ("U0ANN> <!channel", "U0ANN&gt; &lt;!channel"),
        ("ann", "ann"),
    ],
)
def test_only_an_id_becomes_a_mention(name, told):
    assert text.mention(name) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-1, "0.0 s"),
        (0.4, "0.4 s"),
        (9.96, "10 s"),
        (59, "59 s"),
        (720, "12 min"),
        (3600, "1 h"),
        (11100, "3 h 5 min"),
        (172800, "2 days"),
    ],
)
def test_durations_are_told_in_the_unit_that_people_use(seconds, told):
    assert text.duration(seconds) == told


def test_numbers_are_told_as_people_read_them():
    told = [text.units(1), text.units(1204), text.signed(-5), text.signed(10), text.number(0)]
    assert told == ["1 unit", "1,204 units", "\u22125", "+10", "0"]


@pytest.mark.parametrize(
    ("carried", "number"),
    [
        ("0", 0),
        ("7", 7),
        (f"{2**63 - 1}", 2**63 - 1),
        (f"{2**63}", None),
        ("9" * 2_000, None),
        ("-1", None),
        ("+1", None),
        ("1e3", None),
        (" 1", None),
        ("1_000", None),
        ("\u0663", None),
        ("\u00b2", None),
        ("", None),
    ],
)
def test_a_button_carries_no_number_that_a_database_refuses(carried, number):
    """It would be a failure of Tipo's, with a traceback, whatever page was asked for."""
    assert text.number_in(carried) == number


def test_a_moment_is_shown_in_each_readers_zone():
    assert text.when(NOW) == (
        "<!date^1795421700^{date_short_pretty} {time}|23 Nov 2026, 08:15 (UTC)>"
    )


def state_of(view):
    """What Slack sends back when nobody touches a form."""
    values = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            element = block["element"]
            typed = {"selected_option": element.get("initial_option")}
            if element["type"] != "static_select":
                typed = {"value": element.get("initial_value")}
            values[block["block_id"]] = {element["action_id"]: typed}
    return {"values": values}


@given(n=st.integers(0, 40), name=words)
def test_a_places_form_that_nobody_touches_changes_nothing(n, name):
    """Opening a form and saving it must not move a single location."""
    before = places_of(n, name)
    view = location_groups.location_groups_modal(
        location_groups=before,
        locations=locations(50, name),
        private_metadata="",
        offset=n // 30 * 20,
    )
    assert location_groups.read_location_groups(state_of(view), before=before) == before


def form(**chosen):
    return {
        each.replace("_", "."): {"chosen": {"selected_option": {"value": value}}}
        for each, value in chosen.items()
    }


BERLIN = LocationGroup(id=1, name="Berlin", locations={"eu": 10, "us": 20})


def test_a_places_form_moves_adds_and_removes():
    state = form(location_1_us="none", location_0_eu="11", location_0_us="20")
    state["location.0.name"] = {"chosen": {"value": " Hamburg "}}
    assert location_groups.read_location_groups(state, before=(BERLIN,)) == (
        LocationGroup(id=1, name="Berlin", locations={"eu": 10}),
        LocationGroup(name="Hamburg", locations={"eu": 11, "us": 20}),
    )
    assert location_groups.location_groups_errors(state, before=(BERLIN,)) == {}


def test_a_place_that_keeps_no_location_is_gone():
    state = form(location_1_us="none", location_1_eu="none")
    assert location_groups.read_location_groups(state, before=(BERLIN,)) == ()


@pytest.mark.parametrize(
    ("state", "name", "errors"),
    [
        (
            form(location_0_eu="11"),
            "",
            {"location.0.name": "Enter a name for the new shared location."},
        ),
        (
            form(location_0_eu="10"),
            "Hamburg",
            {"location.0.eu": "This location is shared elsewhere already."},
        ),
        (form(), "X", {"location.0.name": "Choose at least one location for it."}),
        (
            form(location_0_eu="11"),
            "berlin",
            {"location.0.name": "Another shared location has this name."},
        ),
    ],
    ids=["no name", "twice", "no location", "same name"],
)
def test_a_places_form_says_what_is_wrong(state, name, errors):
    state = {**state, "location.0.name": {"chosen": {"value": name}}}
    assert location_groups.location_groups_errors(state, before=(BERLIN,)) == errors


def test_a_review_that_nobody_touches_decides_nothing_new():
    """Turning pages must not decide."""
    chosen = {2: Picked(Choice.USE_NUMBER, 47), 3: Picked(Choice.KEEP)}
    view = review.review_modal(
        report=report(9, "x"),
        total=9,
        proposals=[proposal(n, "x") for n in range(8)],
        offset=0,
        chosen=chosen,
        private_metadata="",
    )
    assert review.chosen_after({}, state_of(view)) == chosen
    assert review.chosen_after(chosen, state_of(view)) == chosen


def test_what_is_set_back_to_open_is_forgotten():
    """Else somebody decides what they had thought better of."""
    chosen = {2: Picked(Choice.KEEP), 40: Picked(Choice.IGNORE)}
    for state in (form(choice_2="rest"), form(choice_2_leave_0="leave")):
        assert review.chosen_after(chosen, state) == {40: Picked(Choice.IGNORE)}


def test_what_is_left_open_on_purpose_is_remembered():
    """A choice for all others must not decide it."""
    state = form(choice_2="leave")
    assert review.chosen_after({}, state) == {2: Picked(None)}
    state = form(choice_2_accept_1="leave")
    assert review.chosen_after({}, state) == {2: Picked(None, is_safe=True)}


@pytest.mark.parametrize(
    ("choice", "typed", "errors"),
    [
        ("use_number", "47", {}),
        ("use_number", None, {"number.2": "Enter a whole number, 0 or more."}),
        ("use_number", "-4", {"number.2": "Enter a whole number, 0 or more."}),
        ("use_number", "4.5", {"number.2": "Enter a whole number, 0 or more."}),
        ("use_number", "9" * 400, {"number.2": "Enter a whole number, 0 or more."}),
        ("leave", "47", {"number.2": "Choose to enter a number, or leave this empty."}),
        ("keep", None, {}),
    ],
)
def test_a_review_says_what_is_wrong(choice, typed, errors):
    state = {**form(choice_2=choice), "number.2": {"chosen": {"value": typed}}}
    assert review.review_errors(state) == errors


def test_one_number_is_read_from_its_form():
    assert review.read_number({"values": {"number": {"chosen": {"value": "47"}}}}) == 47
    assert review.read_number({"number": {"chosen": {"value": "forty"}}}) is None


BERLIN_NIGHT = AlertPolicy(
    channel="C1", quiet=QuietHours(start=time(22), end=time(7)), zone="Europe/Berlin"
)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        (datetime(2026, 11, 23, 20, 59, tzinfo=UTC), None),
        (datetime(2026, 11, 23, 21, tzinfo=UTC), datetime(2026, 11, 24, 6, tzinfo=UTC)),
        (datetime(2026, 11, 24, 5, 59, tzinfo=UTC), datetime(2026, 11, 24, 6, tzinfo=UTC)),
        (datetime(2026, 11, 24, 6, tzinfo=UTC), None),
        (datetime(2026, 10, 24, 23, tzinfo=UTC), datetime(2026, 10, 25, 6, tzinfo=UTC)),
        (datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 5, tzinfo=UTC)),
    ],
    ids=["before", "first minute", "last minute", "after", "clocks go back", "clocks go on"],
)
def test_quiet_hours_are_those_of_the_zone(at, until):
    """A change of clocks makes a night longer or shorter, and wakes nobody."""
    assert BERLIN_NIGHT.quiet_until(at) == until


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)), st.times())  # noqa: DTZ001
def test_the_next_time_of_day_lies_within_two_days(naive, wanted):
    at = naive.replace(tzinfo=UTC)
    due = BERLIN_NIGHT.next(wanted.replace(tzinfo=None), at)
    assert timedelta(0) < due - at <= timedelta(hours=49)
