"""Clicks: exactly one decides, each is answered, whoever clicks, how often and however late."""

import asyncio
import json
from dataclasses import replace

import pytest

from bot.messages.proposals import proposal as shown
from bot.workspace import Workspace, open_client
from sandbox.slack import Answer
from sync_core.domain.proposals import (
    Choice,
    Person,
    ProposalKind,
    ProposalState,
    ReportKind,
)
from tests.bot.conftest import ACKED_WITHIN_MS, at_work, until


@pytest.fixture(params=["http", "socket"])
async def face(request, office, core):
    office.slack.pacing.enabled = request.param == "http"
    async with at_work(office, core, socket=request.param == "socket") as made:
        yield made


async def asked(office, line, person=None):
    deed = await office.slack.command(person or office.ann, f"/tipo {line}", channel=office.stock)
    return await deed.answer()


@pytest.fixture
async def undo(face, office, core):
    """A question with one token, in front of ann."""
    core.propose(ProposalKind.FIX)
    await core.decide("token-1", Choice.CONFIRM, PERSON, "listed")
    core.decisions.clear()
    core.told.clear()
    return await asked(office, "undo 1")


PERSON = Person(team="T1", id="U1", name="ann")


def words(deeds):
    return [message.text for deed in deeds for message in deed.told()]


async def test_ten_clicks_of_one_person_decide_once(undo, office, core):
    """Slack sends an event for each click."""
    deeds = await office.slack.click_all([office.ann] * 10, undo, "decide.confirm")
    assert all(deed.acked and deed.ack_ms < ACKED_WITHIN_MS for deed in deeds)
    await until(lambda: len(core.decisions) == 1)
    answered = len(office.slack.called("response_url"))
    await until(lambda: len(office.slack.called("response_url")) >= 10 or answered < 0)
    assert len(core.decisions) == 1


async def test_two_people_at_once_make_one_decision(face, office, core):
    """The other one learns who was faster."""
    report = core.new_report(ReportKind.CHECK)
    proposal = core.propose(ProposalKind.FIX, report, choices=(Choice.USE_SOURCE,))
    message = await posted(office, proposal)
    deeds = await office.slack.click_all([office.ann, office.bob], message, "decide.use_source")
    assert all(deed.acked for deed in deeds)
    for deed in deeds:
        await deed.answer()
    said = sorted(words(deeds))
    assert len(core.decisions) == 1
    assert len(said) == 2
    assert sum("Approved 1 fix" in each for each in said) == 1
    assert sum("decided already" in each for each in said) == 1


async def posted(office, proposal):
    """A message of ours in the channel with that proposal's buttons."""
    workspace = Workspace(open_client(office.slack.app.bot_token, office.slack.api_url))
    await workspace.post(office.stock.id, shown(proposal=proposal))
    return office.slack.messages(office.stock, by=office.slack.bot)[-1]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (ProposalState.DONE, "decided already"),
        (ProposalState.APPROVED, "being carried out"),
        (ProposalState.OUTDATED, "numbers have moved"),
        (ProposalState.EXPIRED, "has expired"),
    ],
)
async def test_a_late_click_says_how_things_stand(face, office, core, state, words):
    """Never silence, and never a second decision."""
    proposal = core.propose(ProposalKind.FIX, choices=(Choice.USE_SOURCE,))
    message = await posted(office, proposal)
    core.proposed[proposal.token] = replace(proposal, state=state)
    deed = await office.slack.click(office.ann, message, "decide.use_source")
    assert words in (await deed.answer()).text
    assert core.decisions == []


@pytest.mark.parametrize("who", ["stranger", "guest", "carl"])
async def test_whoever_may_not_is_told_and_decides_nothing(face, office, core, who):
    """Authorised before the token is used up: the right person still can."""
    office.stock.members.append(office.carl.id)
    core.preferences["approvers"] = json.dumps([office.ann.id])
    proposal = core.propose(ProposalKind.FIX, choices=(Choice.USE_SOURCE,))
    message = await posted(office, proposal)
    deed = await office.slack.click(getattr(office, who), message, "decide.use_source")
    assert "may" in (await deed.answer()).text
    assert core.decisions == []
    deed = await office.slack.click(office.ann, message, "decide.use_source")
    await deed.answer()
    assert core.decisions == [(proposal.token, "use_source", office.ann.id, "listed")]


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("decide.use_source", "made up"),
        ("decide.nonsense", "token-1"),
        ("decide", "token-1"),
        ("decide_all", "made up"),
        ("undo", "x"),
        ("pool.stock", "99"),
        ("pool.stock", "x"),
        ("from an older version", ""),
        ("home.mode.sideways", ""),
    ],
)
async def test_a_forged_click_decides_nothing_and_is_answered(face, office, core, action, value):
    """Whatever somebody puts into a button."""
    proposal = core.propose(ProposalKind.FIX, choices=(Choice.USE_SOURCE,))
    message = await posted(office, proposal)
    deed = await office.slack.click_raw(office.ann, message, {"action_id": action, "value": value})
    assert deed.acked
    assert (await deed.answer()).only_for == office.ann.id
    assert core.decisions == []


async def test_a_click_after_a_restart_is_answered(office, core):
    """The buttons outlive the process: all that they mean is in the database."""
    proposal = core.propose(ProposalKind.FIX, choices=(Choice.USE_SOURCE,))
    async with at_work(office, core):
        message = await posted(office, proposal)
    async with at_work(office, core):
        deed = await office.slack.click(office.ann, message, "decide.use_source")
        assert "Approved 1 fix" in (await deed.answer()).text
    async with at_work(office, core):
        deed = await office.slack.click(office.bob, message, "decide.use_source")
        assert "decided already" in (await deed.answer()).text
    assert len(core.decisions) == 1


async def test_a_question_gives_way_to_its_receipt(undo, office, core):
    """Buttons that do nothing any more are gone, and what was written stands there."""
    await office.slack.click(office.ann, undo, "decide.confirm")
    await office.slack.until(lambda: "Receipt" in undo.text, 5)
    assert "decide.confirm" not in str(undo.blocks)


async def test_a_list_is_drawn_anew_after_each_decision(face, office, core):
    """The other findings of the list keep their buttons."""
    listed = await asked(office, "drift")
    await office.slack.click(office.ann, listed, "decide.use_source")
    await until(lambda: len(core.decisions) == 1)
    await office.slack.until(lambda: len(listed.versions) > 1, 5)
    assert "decide.use_source" in str(listed.blocks)


async def test_all_safe_ones_are_approved_together(face, office, core):
    """One click, one receipt, and a second click finds nothing left."""
    listed = await asked(office, "drift")
    before = listed.versions[-1]
    deeds = await asyncio.gather(
        *(office.slack.click(office.ann, listed, "decide_all") for _ in range(2))
    )
    for deed in deeds:
        await deed.answer()
    assert len(core.decisions) == 3
    assert before is not None


async def test_a_report_is_dismissed(face, office, core):
    """Doing nothing is a decision too."""
    listed = await asked(office, "drift")
    deed = await office.slack.click(office.ann, listed, "dismiss_report")
    await deed.answer()
    await until(lambda: {each[1] for each in core.decisions} == {Choice.DISMISS})


async def test_pages_turn_in_place(face, office):
    """Forty-five rows are three pages."""
    first = await asked(office, "unmatched")
    shown = first.versions[-1]
    await office.slack.click(office.ann, first, "unmatched.page", value="20")
    await office.slack.until(lambda: first.versions[-1] is not shown, 5)
    assert "Lonely 20" in str(first.blocks)


async def test_no_answer_is_lost_when_the_response_url_is_used_up(face, office, core):
    """Slack takes five answers for one click; a sixth goes into the channel for their eyes."""
    proposal = core.propose(ProposalKind.FIX, choices=(Choice.USE_SOURCE,))
    message = await posted(office, proposal)
    office.slack.faults.always["response_url"] = Answer.DROP_BEFORE
    deed = await office.slack.click(office.ann, message, "decide.use_source")
    assert "Approved 1 fix" in (await deed.answer()).text
    assert office.slack.called("chat.postEphemeral")
