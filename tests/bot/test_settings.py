"""The settings form: what is wrong is told at its field, nothing that somebody set is lost."""

import json
from datetime import time

import pytest

from bot.payloads import Submission, View
from bot.preferences import BotSettings
from bot.views.settings_form import _made_from
from sandbox.slack.faults import SlackFault
from sandbox.slack.form_input import ImpossibleAction
from sync_core.domain.proposals import Person
from tests.bot.conftest import ACKED_WITHIN_MS, at_work
from tests.bot.test_views import says


@pytest.fixture
async def slack_app(staff, core):
    staff.slack.rate_limiter.enabled = False
    async with at_work(staff, core, approvers=(staff.ann.id, staff.team.id)) as made:
        yield made


async def opened(staff, person=None):
    """Open the form from the App Home."""
    person = person or staff.ann
    await staff.slack.open_home(person)
    await staff.slack.until(lambda: staff.slack.home(person), 5)
    home = staff.slack.home(person)
    interaction = await staff.slack.click(person, home, "settings")
    assert interaction.acked
    await staff.slack.until(
        lambda: "submit" in getattr(staff.slack.modal(person), "content", {}), 5
    )
    return staff.slack.modal(person)


async def errors(staff, view, *, within_ms=ACKED_WITHIN_MS, **values):
    """Submit what does not fit; return what its fields say."""
    interaction = await staff.slack.submit(staff.ann, view, values)
    assert interaction.acked
    assert interaction.ack_ms < within_ms
    return view.errors


async def test_what_is_saved_counts_at_once_and_says_who_set_it(slack_app, staff, core):
    """The Home shows it behind the form, and so do the commands."""
    view = await opened(staff)
    assert "Now from TIPO_SLACK__APPROVERS." in f"{view.blocks}"
    assert "02:30, as TIPO_NIGHTLY__AT says" in f"{view.blocks}"
    given = {"quiet_from": "22:00", "quiet_to": "07:00", "alerts": "all", "nightly": "03:15"}
    await staff.slack.submit(staff.ann, view, given)
    await says(staff, "Saved. It counts from now on.")
    assert core.preferences == {
        "quiet": '["22:00", "07:00"]',
        "alerts": '"all"',
        "nightly": '"03:15"',
    }
    await staff.slack.until(lambda: "03:15 (UTC)" in f"{staff.slack.home(staff.ann).blocks}", 5)
    home = f"{staff.slack.home(staff.ann).blocks}"
    assert "set by ann" in home
    assert "from TIPO_SLACK__APPROVERS" in home
    status = await (
        await staff.slack.command(staff.bob, "/tipo status", channel=staff.stock)
    ).answer()
    assert "Compared each night at 03:15 (UTC), set by ann" in f"{status.blocks}"


async def test_what_is_cleared_is_as_it_was_without_people(slack_app, staff, core):
    """No quiet hours, and the night of the environment."""
    core.preferences |= {"quiet": '["22:00", "07:00"]', "nightly": '"03:15"'}
    view = await opened(staff)
    given = {"quiet_from": None, "quiet_to": None, "nightly": None}
    await staff.slack.submit(staff.ann, view, given)
    await says(staff, "from TIPO_NIGHTLY__AT")
    assert core.preferences == {"quiet": "null", "nightly": "null"}


async def test_approvers_are_chosen_and_user_groups_stay(slack_app, staff, core):
    """The field takes people only: a group on the list must not be lost by saving it."""
    core.preferences["approvers"] = json.dumps([staff.ann.id, staff.team.id])
    view = await opened(staff)
    assert f"<!subteam^{staff.team.id}>" in f"{view.blocks}"
    await staff.slack.submit(staff.ann, view, {"people": [staff.ann.id, staff.carl.id]})
    await says(staff, staff.carl.id)
    listed = json.loads(core.preferences["approvers"])
    assert sorted(listed) == sorted([staff.ann.id, staff.carl.id, staff.team.id])
    await staff.slack.close(staff.ann, staff.slack.modal(staff.ann))
    view = await opened(staff)
    await staff.slack.submit(staff.ann, view, {"who": "channel", "people": None})
    assert view.errors["who"].startswith("To change the people")
    view = staff.slack.modal(staff.ann)
    people = [staff.ann.id, staff.carl.id]
    await staff.slack.submit(staff.ann, view, {"who": "channel", "people": people})
    await says(staff, "every member of the alert channel")
    assert core.preferences["approvers"] == "[]"


WRONG = {
    "one of two times": ({"quiet_from": "22:00"}, {"quiet_to": "Set both times"}),
    "the other of two": ({"quiet_to": "07:00"}, {"quiet_from": "Set both times"}),
    "no length": (
        {"quiet_from": "22:00", "quiet_to": "22:00"},
        {"quiet_to": "must begin and end at different times"},
    ),
    "nobody": ({"who": "listed", "people": None}, {"people": "Name at least one person"}),
    "a bot": ({"who": "listed", "people": "robot"}, {"people": "robot can't be an approver"}),
    "a guest": ({"who": "listed", "people": "guest"}, {"people": "Guests can't"}),
    "not themselves": ({"who": "listed", "people": "bob"}, {"people": "leaves you out"}),
}


@pytest.mark.parametrize("case", WRONG)
async def test_what_is_wrong_is_told_at_its_field(staff, core, case):
    """And nothing is saved; corrected, it is."""
    given, expected = WRONG[case]
    people = given.get("people")
    if people:
        given = {**given, "people": [getattr(staff, people).id]}
    async with at_work(staff, core):
        view = await opened(staff)
        found = await errors(staff, view, **given)
        assert found.keys() == expected.keys()
        (block, words) = next(iter(expected.items()))
        assert words in found[block]
        assert core.preferences == {}
        right = {"who": "environment", "people": None, "quiet_from": None, "quiet_to": None}
        await staff.slack.submit(staff.ann, view, {**right, "alerts": "problems"})
        await says(staff, "Saved.")
    assert core.preferences == {"alerts": '"problems"'}


async def test_while_slack_is_slow_nobody_becomes_an_approver(staff, core):
    """Slack waits three seconds for the answer: it says so at the field, in time."""
    async with at_work(staff, core, running=False):
        view = await opened(staff)
        staff.slack.faults.slow_for = 2.5
        staff.slack.faults.once("users.info", SlackFault.SLOW)
        people = [staff.ann.id, staff.carl.id]
        found = await errors(staff, view, within_ms=2_900, who="listed", people=people)
        assert "Slack doesn't say who they are" in found["people"]
        await staff.slack.submit(staff.ann, view, {"who": "listed", "people": people})
        await says(staff, "Saved.")
    assert sorted(json.loads(core.preferences["approvers"])) == sorted(people)


async def test_two_forms_at_once_lose_nothing(slack_app, staff, core):
    """Different settings are both saved; the same one is not overwritten unseen."""
    core.preferences["approvers"] = json.dumps([staff.ann.id, staff.bob.id])
    anns, bobs = await opened(staff), await opened(staff, staff.bob)
    await staff.slack.submit(staff.ann, anns, {"quiet_from": "22:00", "quiet_to": "07:00"})
    await says(staff, "Saved.")
    await staff.slack.submit(staff.bob, bobs, {"alerts": "all"})
    await says(staff, "Saved.", staff.bob)
    assert core.preferences["quiet"] == '["22:00", "07:00"]'
    assert core.preferences["alerts"] == '"all"'
    for person in (staff.ann, staff.bob):
        await staff.slack.close(person, staff.slack.modal(person))
    anns, bobs = await opened(staff), await opened(staff, staff.bob)
    await staff.slack.submit(staff.ann, anns, {"nightly": "04:00"})
    await says(staff, "Saved.")
    await staff.slack.submit(staff.bob, bobs, {"nightly": "05:00", "alerts": "digest"})
    await says(staff, "ann has changed the nightly comparison.", staff.bob)
    assert (core.preferences["nightly"], core.preferences["alerts"]) == ('"04:00"', '"all"')


async def test_who_is_faster_by_a_moment_is_not_overwritten(slack_app, staff, core):
    """Another process saved the same between our reading and our writing."""
    view, save = await opened(staff), core.set_preferences

    async def slower(values, by, *, expected=None):
        core.preferences["alerts"] = '"problems"'
        await save(values, by, expected=expected)

    core.set_preferences = slower
    await staff.slack.submit(staff.ann, view, {"alerts": "all"})
    await says(staff, "Somebody has just changed the same")
    assert core.preferences == {"alerts": '"problems"'}


async def test_nothing_changed_is_said(slack_app, staff, core):
    """And keeps no row: the environment goes on to decide."""
    await staff.slack.submit(staff.ann, await opened(staff))
    await says(staff, "Nothing was changed.")
    assert core.preferences == {}


async def test_only_approvers_save(staff, core):
    """Somebody who was one when the form opened has lost that meanwhile."""
    async with at_work(staff, core):
        view = await opened(staff, staff.bob)
        core.preferences["approvers"] = json.dumps([staff.ann.id])
        await staff.slack.submit(staff.bob, view, {"alerts": "all"})
        await says(staff, "Only approvers can do this", staff.bob)
        await staff.slack.open_home(staff.bob)
        await staff.slack.until(
            lambda: "Approvers can also" in f"{staff.slack.home(staff.bob).blocks}", 5
        )
        with pytest.raises(ImpossibleAction):
            await staff.slack.click(staff.bob, staff.slack.home(staff.bob), "settings")
    assert list(core.preferences) == ["approvers"]


async def test_a_long_list_of_approvers_is_saved_although_slack_takes_its_time(staff, core):
    """Slack is asked about several people at once: it waits three seconds for all of them."""
    listed = [staff.ann.id, *(staff.slack.add_user(f"p{number}").id for number in range(8))]
    core.preferences["approvers"] = json.dumps(listed)
    async with at_work(staff, core, running=False):
        view = await opened(staff)
        staff.slack.faults.slow_for = 0.25
        staff.slack.faults.always["users.info"] = SlackFault.SLOW
        people = [*listed, staff.carl.id]
        assert await errors(staff, view, within_ms=2_000, people=people) == {}
        await says(staff, "Saved.")
    assert sorted(json.loads(core.preferences["approvers"])) == sorted(people)


@pytest.mark.parametrize("metadata", ["", "{", "[]", "7", "[" * 100_000, '{"approvers": 5}'])
def test_a_form_that_does_not_say_what_it_was_made_from_was_made_from_nothing(metadata):
    """So it saves nothing, and is no failure of Tipo's with a traceback."""
    person = Person(team="T1", id="U1", name="ann")
    view = View(id="V1", kind="modal", metadata=metadata)
    assert _made_from(Submission(person=person, view=view)) == {}


def test_what_a_form_would_keep_is_what_is_kept():
    """Else a form that nobody touched would change something."""
    by = dict.fromkeys(["approvers", "quiet", "alerts", "nightly"], "ann")
    one = BotSettings(approvers=("U2", "U1"), nightly=time(3), set_by=by)
    assert one.texts() == {
        "approvers": '["U1", "U2"]',
        "quiet": "null",
        "alerts": '"digest"',
        "nightly": '"03:00"',
    }
    assert BotSettings(approvers=("U1",)).texts()["approvers"] == "null"
