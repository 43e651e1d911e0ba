"""Who may decide: a wrong yes moves stock, so every doubt is a no with a sentence."""

import json

import pytest

from bot.approvers import NO_ANSWER, Allowed, Approvers, Denied
from bot.preferences import Preferences, approvers_of
from bot.slack_api import SlackApi
from bot.slack_calls import open_client
from sync_core.domain.proposals import Person


@pytest.fixture
def approvers(staff, core, ticking):
    def made(*listed, channel=None):
        client = open_client(staff.slack.app.bot_token, staff.slack.api_url)
        return Approvers(
            Preferences(core, approvers=listed),
            SlackApi(client),
            ticking,
            channel=staff.stock.id if channel is None else channel,
        )

    return made


def person(someone):
    return Person(team=someone.team_id, id=someone.id, name=someone.name)


async def test_who_is_listed_may(approvers, staff):
    """The rule is told, for the record."""
    assert await approvers(staff.ann.id).authorize(person(staff.ann)) == Allowed("listed")


async def test_who_is_not_listed_may_not_and_learns_who_may(approvers, staff):
    """A refusal without a name to turn to is a dead end."""
    judged = await approvers(staff.ann.id).authorize(person(staff.bob))
    assert judged == Denied("Only approvers can do this.", (staff.ann.id,))


async def test_a_member_of_a_listed_group_may(approvers, staff):
    """Groups are how teams change without anybody touching settings."""
    judged = await approvers(staff.team.id).authorize(person(staff.bob))
    assert judged == Allowed(f"member of {staff.team.id}")


async def test_with_an_empty_list_members_of_the_channel_may(approvers, staff):
    """And nobody else of the workspace."""
    assert await approvers().authorize(person(staff.ann)) == Allowed("member of the channel")
    refusal = Denied("Only members of the alert channel can do this.")
    assert await approvers().authorize(person(staff.carl)) == refusal


async def test_somebody_whom_slack_does_not_know_is_not_ours(approvers, staff):
    """A no, and no failure of Tipo's with a traceback."""
    nobody = Person(team=staff.ann.team_id, id="U99999999", name="nobody")
    assert not await approvers().is_ours(nobody)
    assert isinstance(await approvers().authorize(nobody), Denied)


async def test_members_are_found_on_every_page(approvers, staff):
    """A channel of hundreds comes in pages."""
    many = [staff.slack.add_user(f"p{n}") for n in range(450)]
    staff.stock.members.extend(each.id for each in many)
    assert await approvers().authorize(person(many[-1])) == Allowed("member of the channel")


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("stranger", "Only people of this workspace can do this."),
        ("guest", "Guests can't do this."),
        ("gone", "Your account is deactivated."),
        ("robot", "Apps can't do this; people can."),
    ],
)
async def test_some_may_never(approvers, staff, who, why):
    """Not even when somebody has listed them, or invited them to the channel."""
    one = getattr(staff, who)
    assert await approvers(one.id).authorize(person(one)) == Denied(why, (one.id,))
    assert await approvers().authorize(person(one)) == Denied(why)


async def test_a_stranger_who_claims_our_team_is_found_out(approvers, staff):
    """Slack's own record of a person counts, not what a request says."""
    claimed = Person(team=staff.ann.team_id, id=staff.stranger.id, name="eve")
    judged = await approvers(staff.stranger.id).authorize(claimed)
    assert isinstance(judged, Denied)


@pytest.mark.parametrize("method", ["users.info", "auth.test"])
async def test_no_answer_is_a_no(approvers, staff, method):
    """Slack down must not mean that everybody may."""
    staff.slack.faults.refuse[method] = "internal_error"
    assert await approvers(staff.ann.id).authorize(person(staff.ann)) == Denied(NO_ANSWER)


@pytest.mark.parametrize(
    ("code", "part"),
    [("plan_upgrade_required", "plan has no user groups"), ("no_such_subteam", "does not know")],
)
async def test_a_group_that_cannot_be_read_is_a_no(approvers, staff, code, part):
    """With a sentence that says what to do; the list's people still may."""
    staff.slack.faults.refuse["usergroups.users.list"] = code
    judged = await approvers(staff.team.id, staff.ann.id).authorize(person(staff.bob))
    assert isinstance(judged, Denied)
    assert part in judged.why
    assert await approvers(staff.team.id, staff.ann.id).authorize(person(staff.ann)) == Allowed(
        "listed"
    )


async def test_members_that_cannot_be_read_are_a_no(approvers, staff):
    """Fail closed, also where there is no list."""
    staff.slack.faults.refuse["conversations.members"] = "channel_not_found"
    judged = await approvers().authorize(person(staff.ann))
    assert isinstance(judged, Denied)
    assert "doesn't list the members" in judged.why


async def test_without_list_and_channel_nobody_may(approvers, staff):
    """An empty setting is no invitation."""
    judged = await approvers(channel="").authorize(person(staff.ann))
    assert judged == Denied("No approver is named: set TIPO_SLACK__APPROVERS.")


async def test_the_preference_replaces_the_setting(approvers, staff, core):
    """`/tipo approvers` is meant to work without a restart."""
    chosen = approvers(staff.ann.id)
    core.preferences["approvers"] = json.dumps([staff.bob.id])
    assert await chosen.authorize(person(staff.bob)) == Allowed("listed")
    assert isinstance(await chosen.authorize(person(staff.ann)), Denied)


async def test_a_preference_that_cannot_be_read_changes_nothing(core):
    """Rubbish in a row must not open the door."""
    for kept in ("{", "7", "null"):
        core.preferences["approvers"] = kept
        settings = await Preferences(core, approvers=["U1"]).read()
        assert (settings.approvers, settings.set_by) == (("U1",), {})
    assert (approvers_of(None), approvers_of("[]")) == (None, ())


async def test_a_group_is_asked_again_after_a_minute_and_on_a_no(approvers, staff, ticking):
    """Slack allows twenty questions a minute; who was just added should not wait."""
    chosen = approvers(staff.team.id)

    def asked():
        return len(staff.slack.calls_of("usergroups.users.list"))

    await chosen.authorize(person(staff.bob))
    await chosen.authorize(person(staff.bob))
    assert asked() == 1
    assert isinstance(await chosen.authorize(person(staff.ann)), Denied)
    staff.team.members.append(staff.ann.id)
    assert await chosen.authorize(person(staff.ann)) == Allowed(f"member of {staff.team.id}")
    staff.team.members.remove(staff.bob.id)
    ticking.forward(61)
    assert isinstance(await chosen.authorize(person(staff.bob)), Denied)
