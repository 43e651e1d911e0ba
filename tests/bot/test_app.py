"""The bot as a part of the process: its health, its checks, and that nothing pulls it down."""

import asyncio

import pytest

from bot.bolt import build_bot
from bot.checks import check_slack
from bot.slack_errors import SlackNoAnswer
from sync_core.clock import RandomIds
from sync_core.domain.checks import CheckState
from tests.bot.conftest import ACKED_WITHIN_MS, at_work, until


async def checked(staff, core, **given):
    setup = staff.setup(**given)
    bot = build_bot(setup, core, staff.clock, RandomIds())
    found = await check_slack(setup, bot.context)
    return {each.state for each in found}, " ".join(f"{e.says} → {e.then}" for e in found)


async def test_what_is_right_is_said_to_be_right(staff, core):
    """Named approvers, a channel with the bot in it, all scopes."""
    states, _ = await checked(staff, core, approvers=(staff.ann.id, staff.team.id))
    assert states == {CheckState.OK}


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda o: o.slack.app.revoked.add(o.slack.app.bot_token), "TIPO_SLACK__BOT_TOKEN"),
        (lambda o: setattr(o.slack.faults, "outage", True), "does not answer"),
        (lambda o: o.stock.members.remove(o.slack.bot.id), "/invite @Tipo"),
        (lambda o: setattr(o.stock, "archived", True), "archived"),
        (
            lambda o: setattr(o.slack.app, "scopes", o.slack.app.scopes - {"users:read"}),
            "users:read",
        ),
    ],
)
async def test_what_is_wrong_says_what_to_do(staff, core, change, part):
    """`tipo doctor` is the first thing that people run."""
    change(staff)
    states, said = await checked(staff, core, approvers=(staff.ann.id,))
    assert CheckState.FAIL in states
    assert part in said


async def test_an_app_installed_before_goes_on_and_is_told_what_it_lacks(staff, core):
    """An update must not break what works; `tipo doctor` says what is new, and how to get it."""
    staff.slack.app.scopes -= {"app_mentions:read", "im:history"}
    states, said = await checked(staff, core, approvers=(staff.ann.id,))
    assert states == {CheckState.OK, CheckState.WARN}
    assert (
        "scopes are missing, so Tipo gives no answers to @Tipo (app_mentions:read) and answers to "
        "direct messages (im:history)" in said
    )
    assert "Install App → Reinstall" in said


async def test_wrong_settings_are_found(staff, core):
    """A channel's name instead of its id, an approver who has left."""
    states, said = await checked(staff, core, channel="C0NOWHERE", approvers=("U0NOBODY",))
    assert CheckState.FAIL in states
    assert "cannot be seen" in said
    assert "nobody can approve anything" in said


async def test_a_socket_token_is_tried(staff, core):
    """Only Slack knows whether it opens sockets."""
    staff.slack.app.socket_mode = True
    staff.slack.rate_limiter.enabled = False
    approvers = (staff.ann.id,)
    good = staff.slack.app.app_token
    assert "opens sockets" in (await checked(staff, core, app_token=good, approvers=approvers))[1]
    staff.slack.faults.refuse["apps.connections.open"] = "invalid_auth"
    assert (
        "Slack opens no socket"
        in (await checked(staff, core, app_token=good, approvers=approvers))[1]
    )


async def test_a_failing_outbox_does_not_pull_down_the_rest(staff, core):
    """While the database stumbles, commands that need none of it are still answered."""

    async def broken(*_):
        raise RuntimeError("the database is on fire")

    core.cursors = broken
    async with at_work(staff, core) as slack_app:
        await until(lambda: "outbox" in slack_app.health()["failing"])
        interaction = await staff.slack.command(staff.ann, "/tipo help", channel=staff.stock)
        assert "or one of these" in (await interaction.answer()).text


async def test_who_we_are_is_asked_until_slack_says(staff, core):
    """Slack may be down when we start; then nobody may do anything until it is back."""
    staff.slack.faults.outage = True
    async with at_work(staff, core) as slack_app:
        await until(lambda: "introduction" in slack_app.health()["failing"])
        staff.slack.faults.outage = False
        await until(lambda: "introduction" not in slack_app.health()["failing"], 10)


@pytest.mark.parametrize("kind", ["app_uninstalled", "tokens_revoked"])
async def test_being_let_go_is_shown(staff, core, kind):
    """Whoever looks for the reason finds it in the health and in the log."""
    async with at_work(staff, core) as slack_app:
        interaction = await staff.slack.event({"type": kind})
        assert interaction.acked
        await until(lambda: kind in str(slack_app.health().get("gone")))


async def test_an_unknown_event_is_acked(staff, core):
    """Else Slack sends it three times more, and one day sends none at all."""
    async with at_work(staff, core):
        assert (await staff.slack.event({"type": "emoji_changed"})).acked


async def test_a_slow_core_costs_no_ack(staff, core):
    """The ack comes first, whatever comes after."""

    async def slow(*_, **__):
        await asyncio.sleep(2)
        raise SlackNoAnswer("slow")

    core.overview = slow
    async with at_work(staff, core):
        interactions = await asyncio.gather(
            *(
                staff.slack.command(staff.ann, "/tipo status", channel=staff.stock)
                for _ in range(10)
            )
        )
        assert max(each.ack_ms for each in interactions) < ACKED_WITHIN_MS
