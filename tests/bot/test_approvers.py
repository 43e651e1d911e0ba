"""Who may decide: a wrong yes moves stock, so every doubt is a no with a sentence."""

import json

import pytest

from bot.approvers import NO_ANSWER, Approvers, May, MayNot, read_list
from bot.workspace import Workspace, open_client
from sync_core.domain.proposals import Person


@pytest.fixture
def approvers(office, core, ticking):
    def made(*listed, channel=None):
        client = open_client(office.slack.app.bot_token, office.slack.api_url)
        return Approvers(
            core,
            Workspace(client),
            ticking,
            listed=listed,
            channel=office.stock.id if channel is None else channel,
        )

    return made


def person(someone):
    return Person(team=someone.team_id, id=someone.id, name=someone.name)


async def test_who_is_listed_may(approvers, office):
    """The rule is told, for the record."""
    assert await approvers(office.ann.id).may(person(office.ann)) == May("listed")


async def test_who_is_not_listed_may_not_and_learns_who_may(approvers, office):
    """A refusal without a name to turn to is a dead end."""
    judged = await approvers(office.ann.id).may(person(office.bob))
    assert judged == MayNot("Only approvers may do this.", (office.ann.id,))


async def test_a_member_of_a_listed_group_may(approvers, office):
    """Groups are how teams change without anybody touching settings."""
    judged = await approvers(office.team.id).may(person(office.bob))
    assert judged == May(f"member of {office.team.id}")


async def test_with_an_empty_list_members_of_the_channel_may(approvers, office):
    """And nobody else of the workspace."""
    assert await approvers().may(person(office.ann)) == May("member of the channel")
    refusal = MayNot("Only members of the alert channel may do this.")
    assert await approvers().may(person(office.carl)) == refusal


async def test_members_are_found_on_every_page(approvers, office):
    """A channel of hundreds comes in pages."""
    many = [office.slack.person(f"p{n}") for n in range(450)]
    office.stock.members.extend(each.id for each in many)
    assert await approvers().may(person(many[-1])) == May("member of the channel")


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("stranger", "Only people of this workspace may do this."),
        ("guest", "Guests may not do this."),
        ("gone", "Your account is deactivated."),
        ("robot", "Apps may not do this; people may."),
    ],
)
async def test_some_may_never(approvers, office, who, why):
    """Not even when somebody has listed them, or invited them to the channel."""
    one = getattr(office, who)
    assert await approvers(one.id).may(person(one)) == MayNot(why, (one.id,))
    assert await approvers().may(person(one)) == MayNot(why)


async def test_a_stranger_who_claims_our_team_is_found_out(approvers, office):
    """Slack's own record of a person counts, not what a request says."""
    claimed = Person(team=office.ann.team_id, id=office.stranger.id, name="eve")
    judged = await approvers(office.stranger.id).may(claimed)
    assert isinstance(judged, MayNot)


@pytest.mark.parametrize("method", ["users.info", "auth.test"])
async def test_no_answer_is_a_no(approvers, office, method):
    """Slack down must not mean that everybody may."""
    office.slack.faults.refuse[method] = "internal_error"
    assert await approvers(office.ann.id).may(person(office.ann)) == MayNot(NO_ANSWER)


@pytest.mark.parametrize(
    ("code", "part"),
    [("plan_upgrade_required", "plan has no user groups"), ("no_such_subteam", "does not know")],
)
async def test_a_group_that_cannot_be_read_is_a_no(approvers, office, code, part):
    """With a sentence that says what to do; the list's people still may."""
    office.slack.faults.refuse["usergroups.users.list"] = code
    judged = await approvers(office.team.id, office.ann.id).may(person(office.bob))
    assert isinstance(judged, MayNot)
    assert part in judged.why
    assert await approvers(office.team.id, office.ann.id).may(person(office.ann)) == May("listed")


async def test_members_that_cannot_be_read_are_a_no(approvers, office):
    """Fail closed, also where there is no list."""
    office.slack.faults.refuse["conversations.members"] = "channel_not_found"
    judged = await approvers().may(person(office.ann))
    assert isinstance(judged, MayNot)
    assert "does not name the members" in judged.why


async def test_without_list_and_channel_nobody_may(approvers, office):
    """An empty setting is no invitation."""
    judged = await approvers(channel="").may(person(office.ann))
    assert judged == MayNot("Nobody is named as an approver: set TIPO_SLACK__APPROVERS.")


async def test_the_preference_replaces_the_setting(approvers, office, core):
    """`/tipo approvers` is meant to work without a restart."""
    chosen = approvers(office.ann.id)
    core.preferences["approvers"] = json.dumps([office.bob.id])
    assert await chosen.may(person(office.bob)) == May("listed")
    assert isinstance(await chosen.may(person(office.ann)), MayNot)


def test_a_preference_that_cannot_be_read_changes_nothing():
    """Rubbish in a row must not open the door."""
    assert read_list("{", default=["U1"]) == ("U1",)
    assert read_list("7", default=["U1"]) == ("U1",)
    assert read_list(None, default=["U1"]) == ("U1",)
    assert read_list("[]", default=["U1"]) == ()


async def test_a_group_is_asked_again_after_a_minute_and_on_a_no(approvers, office, ticking):
    """Slack allows twenty questions a minute; who was just added should not wait."""
    chosen = approvers(office.team.id)

    def asked():
        return len(office.slack.called("usergroups.users.list"))

    await chosen.may(person(office.bob))
    await chosen.may(person(office.bob))
    assert asked() == 1
    assert isinstance(await chosen.may(person(office.ann)), MayNot)
    office.team.members.append(office.ann.id)
    assert await chosen.may(person(office.ann)) == May(f"member of {office.team.id}")
    office.team.members.remove(office.bob.id)
    ticking.forward(61)
    assert isinstance(await chosen.may(person(office.bob)), MayNot)
