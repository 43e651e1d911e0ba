"""Socket Mode: an open socket that says nothing must not go unnoticed."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult

from bot.slack_calls import open_client
from bot.socket_mode import SocketMode, SocketTimeouts
from tests.bot.conftest import until

FAST = SocketTimeouts(check=0.01, ping=0.05, silent=5.0, idle=60.0)


@pytest.fixture
def app(staff):
    async def authorize(enterprise_id, team_id, user_id, **_):
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id)

    made = AsyncApp(client=open_client(None, staff.slack.api_url), authorize=authorize)

    async def answer(ack):
        await ack("heard")

    made.command("/tipo")(answer)
    return made


@asynccontextmanager
async def watching(staff, app, timeouts=FAST):
    staff.slack.app.socket_mode = True
    staff.slack.rate_limiter.enabled = False  # Slack opens one socket a minute
    sockets = SocketMode(
        app, staff.slack.app.app_token, staff.slack.api_url, staff.clock, timeouts=timeouts
    )
    life = asyncio.ensure_future(sockets.run())
    try:
        yield sockets
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


async def test_what_comes_through_the_socket_is_answered(staff, app):
    """And the sign of life is fresh."""
    async with watching(staff, app) as sockets:
        await until(lambda: sockets.health()["connected"])
        interaction = await staff.slack.command(staff.ann, "/tipo status", channel=staff.stock)
        assert (await interaction.answer()).text == "heard"
        assert sockets.health()["last_envelope_seconds"] < 2
        assert sockets.built == 1


async def test_a_silent_socket_is_built_anew(staff, app):
    """It is open, it answers pings, and no event comes: nobody but the watchdog would know."""
    timeouts = SocketTimeouts(check=0.01, ping=0.05, silent=5.0, idle=0.2)
    async with watching(staff, app, timeouts) as sockets:
        await until(lambda: sockets.health()["connected"])
        staff.slack.faults.silent_sockets = True
        await until(lambda: sockets.built >= 2)
        sockets._timeouts = FAST
        staff.slack.faults.silent_sockets = False
        await until(lambda: staff.slack.sockets.open)
        interaction = await staff.slack.command(staff.ann, "/tipo status", channel=staff.stock)
        assert (await interaction.answer()).text == "heard"


async def test_pongs_are_signs_of_life(staff, app):
    """Who has nothing to say is not dead: no rebuilding every half minute."""
    timeouts = SocketTimeouts(check=0.01, ping=0.02, silent=0.3, idle=60.0)
    async with watching(staff, app, timeouts) as sockets:
        await until(lambda: sockets.health()["connected"])
        await asyncio.sleep(0.6)
        assert sockets.built == 1


async def test_it_connects_when_slack_is_back(staff, app):
    """However long that takes."""
    staff.slack.faults.outage = True
    async with watching(staff, app) as sockets:
        await until(lambda: "opens no socket" in sockets.trouble)
        staff.slack.faults.outage = False
        await until(lambda: sockets.health()["connected"])


async def test_a_token_that_is_not_accepted_is_named(staff, app):
    """Whoever looks at the health must learn what to correct."""
    staff.slack.faults.refuse["apps.connections.open"] = "invalid_auth"
    async with watching(staff, app) as sockets:
        await until(lambda: "TIPO_SLACK__APP_TOKEN" in sockets.trouble)


async def test_a_token_is_not_blamed_for_asking_too_often(staff, app):
    """Slack opens about one socket a minute; `tipo doctor`, just before, may have had it."""
    staff.slack.faults.refuse["apps.connections.open"] = "ratelimited"
    async with watching(staff, app) as sockets:
        await until(lambda: "(ratelimited): asked again later" in sockets.trouble)


async def test_slacks_own_wish_to_reconnect_is_followed(staff, app):
    """Slack asks for it several times a day."""
    async with watching(staff, app) as sockets:
        await until(lambda: sockets.health()["connected"])
        await staff.slack.sockets.refresh()
        await asyncio.sleep(0.05)
        await until(lambda: staff.slack.sockets.open)
        interaction = await staff.slack.command(staff.ann, "/tipo status", channel=staff.stock)
        assert (await interaction.answer()).text == "heard"
