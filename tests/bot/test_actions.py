"""Clicks: exactly one decides, each is answered, whoever clicks, how often and however late."""

import asyncio
import json
import logging
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from slack_sdk.signature import SignatureVerifier

from bot.commands.grammar import RUNNABLE
from bot.messages.proposals import proposal as shown
from bot.slack_api import SlackApi
from bot.slack_calls import open_client
from sandbox.slack import SlackFault
from sync_core.domain.proposals import (
    Choice,
    Person,
    ProposalKind,
    ProposalState,
    ReportKind,
)
from tests.bot.conftest import ACKED_WITHIN_MS, at_work, until


@pytest.fixture(params=["http", "socket"])
async def slack_app(request, staff, core):
    staff.slack.rate_limiter.enabled = request.param == "http"
    async with at_work(staff, core, socket=request.param == "socket") as made:
        yield made


async def asked(staff, line, person=None):
    interaction = await staff.slack.command(
        person or staff.ann, f"/tipo {line}", channel=staff.stock
    )
    return await interaction.answer()


@pytest.fixture
async def undo(slack_app, staff, core):
    """A question with one token, in front of ann."""
    core.propose(ProposalKind.FIX)
    await core.decide("token-1", Choice.CONFIRM, PERSON, "listed")
    core.decisions.clear()
    core.told.clear()
    return await asked(staff, "undo 1")


PERSON = Person(team="T1", id="U1", name="ann")


def words(interactions):
    return [
        message.text for interaction in interactions for message in interaction.ephemeral_replies()
    ]


async def test_ten_clicks_of_one_person_decide_once(undo, staff, core):
    """Slack sends an event for each click."""
    interactions = await staff.slack.click_all([staff.ann] * 10, undo, "decide.confirm")
    assert all(
        interaction.acked and interaction.ack_ms < ACKED_WITHIN_MS for interaction in interactions
    )
    await until(lambda: len(core.decisions) == 1)
    answered = len(staff.slack.calls_of("response_url"))
    await until(lambda: len(staff.slack.calls_of("response_url")) >= 10 or answered < 0)
    assert len(core.decisions) == 1


async def test_two_people_at_once_make_one_decision(slack_app, staff, core):
    """The other one learns who was faster."""
    report = core.new_report(ReportKind.CHECK)
    proposal = core.propose(ProposalKind.FIX, report, choices=(Choice.USE_SOURCE,))
    message = await posted(staff, proposal)
    interactions = await staff.slack.click_all([staff.ann, staff.bob], message, "decide.use_source")
    assert all(interaction.acked for interaction in interactions)
    for interaction in interactions:
        await interaction.answer()
    said = sorted(words(interactions))
    assert len(core.decisions) == 1
    assert len(said) == 2
    assert sum("Approved 1 fix" in each for each in said) == 1
    assert sum("Already decided" in each for each in said) == 1


async def posted(staff, proposal):
    """A message of ours in the channel with that proposal's buttons."""
    workspace = SlackApi(open_client(staff.slack.app.bot_token, staff.slack.api_url))
    await workspace.post(staff.stock.id, shown(proposal=proposal))
    return staff.slack.messages(staff.stock, by=staff.slack.bot)[-1]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (ProposalState.DONE, "Already decided"),
        (ProposalState.APPROVED, "Applying now"),
        (ProposalState.OUTDATED, "numbers have changed"),
        (ProposalState.EXPIRED, "has expired"),
    ],
)
async def test_a_late_click_says_how_things_stand(slack_app, staff, core, state, words):
    """Never silence, and never a second decision."""
    proposal = core.propose(ProposalKind.FIX, choices=(Choice.USE_SOURCE,))
    message = await posted(staff, proposal)
    core.proposed[proposal.token] = replace(proposal, state=state)
    interaction = await staff.slack.click(staff.ann, message, "decide.use_source")
    assert words in (await interaction.answer()).text
    assert core.decisions == []


@pytest.mark.parametrize("who", ["stranger", "guest", "carl"])
async def test_whoever_may_not_is_told_and_decides_nothing(slack_app, staff, core, who):
    """Authorised before the token is used up: the right person still can."""
    staff.stock.members.append(staff.carl.id)
    core.preferences["approvers"] = json.dumps([staff.ann.id])
    proposal = core.propose(ProposalKind.FIX, choices=(Choice.USE_SOURCE,))
    message = await posted(staff, proposal)
    interaction = await staff.slack.click(getattr(staff, who), message, "decide.use_source")
    assert "can" in (await interaction.answer()).text
    assert core.decisions == []
    interaction = await staff.slack.click(staff.ann, message, "decide.use_source")
    await interaction.answer()
    assert core.decisions == [(proposal.token, "use_source", staff.ann.id, "listed")]


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
async def test_a_forged_click_decides_nothing_and_is_answered(
    slack_app, staff, core, action, value
):
    """Whatever somebody puts into a button."""
    proposal = core.propose(ProposalKind.FIX, choices=(Choice.USE_SOURCE,))
    message = await posted(staff, proposal)
    interaction = await staff.slack.click_raw(
        staff.ann, message, {"action_id": action, "value": value}
    )
    assert interaction.acked
    assert (await interaction.answer()).only_for == staff.ann.id
    assert core.decisions == []


@pytest.mark.parametrize("action", ["from an older version", "decide.nonsense", "decide_all.x"])
async def test_an_unknown_button_is_logged(slack_app, staff, core, caplog, action):
    """Whoever runs Tipo learns that people still see what it no longer knows."""
    caplog.set_level(logging.INFO)
    message = await posted(staff, core.propose(ProposalKind.FIX, choices=(Choice.USE_SOURCE,)))
    interaction = await staff.slack.click_raw(
        staff.ann, message, {"action_id": action, "value": "x"}
    )
    assert "another version of Tipo" in (await interaction.answer()).text
    assert [each.action for each in caplog.records if act_of(each) == "unknown_action"] == [action]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"type": "view_submission", "view": {}}, 400),
        ({"type": "view_submission", "view": {"id": "V1", "callback_id": "made up"}}, 400),
        ({"type": "view_closed", "view": {"id": "V1", "callback_id": "review"}}, 404),
        ({"type": "view_closed", "view": 5}, 404),
        ({"type": "shortcut", "callback_id": "made up"}, 404),
        ({"type": "block_suggestion", "action_id": "made up", "block_id": "b"}, 404),
        ({"type": "block_actions", "actions": [{"action_id": ""}]}, 400),
        ({"type": "made up"}, 404),
        ({"type": "event_callback", "event": {"type": "made up"}}, 200),
    ],
)
async def test_what_has_no_handler_is_said(staff, core, caplog, body, status):
    """People see that nothing came of it; an event would come again, and one day none at all."""
    caplog.set_level(logging.INFO)
    person = {"user": {"id": staff.ann.id, "team_id": staff.slack.state.team_id}}
    async with at_work(staff, core):
        interaction = await staff.slack.send(*signed(staff, {**person, **body}))
    assert interaction.status == status
    said = [act for each in caplog.records if (act := act_of(each)) in REFUSALS]
    assert len(said) == 1


REFUSALS = {"unhandled", "request_refused"}


async def test_a_form_of_another_version_says_that_nothing_was_done(staff, core):
    """It would close as if it had been taken."""
    view = {"id": "V1", "type": "modal", "callback_id": "old"}
    person = {"id": staff.ann.id, "team_id": staff.slack.state.team_id}
    async with at_work(staff, core):
        interaction = await staff.slack.send(
            *signed(staff, {"type": "view_submission", "user": person, "view": view})
        )
    assert interaction.status == 200
    said = json.loads(interaction.body)
    assert said["response_action"] == "update"
    assert "Nothing was done" in json.dumps(said["view"])


def act_of(record):
    return record.__dict__.get("event")


def signed(staff, payload):
    body = urlencode({"payload": json.dumps(payload)})
    stamp = str(int(staff.clock.now().timestamp()))
    signer = SignatureVerifier(staff.slack.app.signing_secret)
    return body.encode(), {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signer.generate_signature(timestamp=stamp, body=body),
    }


async def test_a_click_after_a_restart_is_answered(staff, core):
    """The buttons outlive the process: all that they mean is in the database."""
    proposal = core.propose(ProposalKind.FIX, choices=(Choice.USE_SOURCE,))
    async with at_work(staff, core):
        message = await posted(staff, proposal)
    async with at_work(staff, core):
        interaction = await staff.slack.click(staff.ann, message, "decide.use_source")
        assert "Approved 1 fix" in (await interaction.answer()).text
    async with at_work(staff, core):
        interaction = await staff.slack.click(staff.bob, message, "decide.use_source")
        assert "Already decided" in (await interaction.answer()).text
    assert len(core.decisions) == 1


async def test_a_question_gives_way_to_its_receipt(undo, staff, core):
    """Buttons that do nothing any more are gone, and what was written stands there."""
    await staff.slack.click(staff.ann, undo, "decide.confirm")
    await staff.slack.until(lambda: "Receipt" in undo.text, 5)
    assert "decide.confirm" not in str(undo.blocks)


@pytest.mark.parametrize("word", sorted(RUNNABLE - {"help"}))  # the welcome has that one
async def test_each_button_of_the_help_asks_what_it_says(slack_app, staff, core, word):
    """As if the person had typed it: they alone see the answer, and nothing changes."""
    helped = await asked(staff, "help")
    clicked = await staff.slack.click(staff.ann, helped, f"run.{word}")
    await staff.slack.until(clicked.ephemeral_replies, 5)
    assert clicked.ephemeral_replies()[0].text == (await asked(staff, word)).text
    assert (core.decisions, core.paused) == ([], None)


async def test_a_list_is_drawn_anew_after_each_decision(slack_app, staff, core):
    """The other findings of the list keep their buttons."""
    listed = await asked(staff, "drift")
    await staff.slack.click(staff.ann, listed, "decide.use_source")
    await until(lambda: len(core.decisions) == 1)
    await staff.slack.until(lambda: len(listed.versions) > 1, 5)
    assert "decide.use_source" in str(listed.blocks)


async def test_all_safe_ones_are_approved_together(slack_app, staff, core):
    """One click, one receipt, and a second click finds nothing left."""
    listed = await asked(staff, "drift")
    before = listed.versions[-1]
    interactions = await asyncio.gather(
        *(staff.slack.click(staff.ann, listed, "decide_all") for _ in range(2))
    )
    for interaction in interactions:
        await interaction.answer()
    assert len(core.decisions) == 3
    assert before is not None


async def test_a_report_is_dismissed(slack_app, staff, core):
    """Doing nothing is a decision too."""
    listed = await asked(staff, "drift")
    interaction = await staff.slack.click(staff.ann, listed, "dismiss_report")
    await interaction.answer()
    await until(lambda: {each[1] for each in core.decisions} == {Choice.DISMISS})


async def test_pages_turn_in_place(slack_app, staff):
    """Forty-five rows are three pages."""
    first = await asked(staff, "unmatched")
    shown = first.versions[-1]
    await staff.slack.click(staff.ann, first, "unmatched.page", value="20")
    await staff.slack.until(lambda: first.versions[-1] is not shown, 5)
    assert "Lonely 20" in str(first.blocks)


async def test_no_answer_is_lost_when_the_response_url_is_used_up(slack_app, staff, core):
    """Slack takes five answers for one click; a sixth goes into the channel for their eyes."""
    proposal = core.propose(ProposalKind.FIX, choices=(Choice.USE_SOURCE,))
    message = await posted(staff, proposal)
    staff.slack.faults.always["response_url"] = SlackFault.DROP_BEFORE
    interaction = await staff.slack.click(staff.ann, message, "decide.use_source")
    assert "Approved 1 fix" in (await interaction.answer()).text
    assert staff.slack.calls_of("chat.postEphemeral")
