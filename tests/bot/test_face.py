"""The bot as a part of the process: its health, its checks, and that nothing pulls it down."""

import asyncio

import pytest

from bot.building import build
from bot.checks import examine
from bot.workspace import NoAnswer
from sync_core.clock import RandomIds
from sync_core.domain.checks import State
from tests.bot.conftest import ACKED_WITHIN_MS, at_work, until


async def checked(office, core, **given):
    setup = office.setup(**given)
    bot = build(setup, core, office.clock, RandomIds())
    found = await examine(setup, bot.office)
    return {each.state for each in found}, " ".join(f"{e.says} → {e.then}" for e in found)


async def test_what_is_right_is_said_to_be_right(office, core):
    """Named approvers, a channel with the bot in it, all scopes."""
    states, _ = await checked(office, core, approvers=(office.ann.id, office.team.id))
    assert states == {State.OK}


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
async def test_what_is_wrong_says_what_to_do(office, core, change, part):
    """`tipo doctor` is the first thing that people run."""
    change(office)
    states, said = await checked(office, core, approvers=(office.ann.id,))
    assert State.FAIL in states
    assert part in said


async def test_wrong_settings_are_found(office, core):
    """A channel's name instead of its id, an approver who has left."""
    states, said = await checked(office, core, channel="C0NOWHERE", approvers=("U0NOBODY",))
    assert State.FAIL in states
    assert "cannot be seen" in said
    assert "nobody may approve anything" in said


async def test_a_socket_token_is_tried(office, core):
    """Only Slack knows whether it opens sockets."""
    office.slack.app.socket_mode = True
    office.slack.pacing.enabled = False
    approvers = (office.ann.id,)
    good = office.slack.app.app_token
    assert "opens sockets" in (await checked(office, core, app_token=good, approvers=approvers))[1]
    office.slack.faults.refuse["apps.connections.open"] = "invalid_auth"
    assert (
        "no socket opens" in (await checked(office, core, app_token=good, approvers=approvers))[1]
    )


async def test_a_failing_outbox_does_not_pull_down_the_rest(office, core):
    """While the database stumbles, commands that need none of it are still answered."""

    async def broken(*_):
        raise RuntimeError("the database is on fire")

    core.cursors = broken
    async with at_work(office, core) as face:
        await until(lambda: "outbox" in face.health()["failing"])
        deed = await office.slack.command(office.ann, "/tipo help", channel=office.stock)
        assert "ask me" in (await deed.answer()).text


async def test_who_we_are_is_asked_until_slack_says(office, core):
    """Slack may be down when we start; then nobody may do anything until it is back."""
    office.slack.faults.outage = True
    async with at_work(office, core) as face:
        await until(lambda: "introduction" in face.health()["failing"])
        office.slack.faults.outage = False
        await until(lambda: "introduction" not in face.health()["failing"], 10)


@pytest.mark.parametrize("kind", ["app_uninstalled", "tokens_revoked"])
async def test_being_let_go_is_shown(office, core, kind):
    """Whoever looks for the reason finds it in the health and in the log."""
    async with at_work(office, core) as face:
        deed = await office.slack.event({"type": kind})
        assert deed.acked
        await until(lambda: kind in str(face.health().get("gone")))


async def test_an_unknown_event_is_acked(office, core):
    """Else Slack sends it three times more, and one day sends none at all."""
    async with at_work(office, core):
        assert (await office.slack.event({"type": "emoji_changed"})).acked


async def test_a_slow_core_costs_no_ack(office, core):
    """The ack comes first, whatever comes after."""

    async def slow(*_, **__):
        await asyncio.sleep(2)
        raise NoAnswer("slow")

    core.overview = slow
    async with at_work(office, core):
        deeds = await asyncio.gather(
            *(
                office.slack.command(office.ann, "/tipo status", channel=office.stock)
                for _ in range(10)
            )
        )
        assert max(each.ack_ms for each in deeds) < ACKED_WITHIN_MS
