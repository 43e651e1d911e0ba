"""What people asked is answered to Slack and to nobody else."""

import asyncio
from urllib.parse import urlencode

import pytest

from bot.slack_calls import is_slack_url
from tests.bot.conftest import at_work
from tests.bot.test_http_endpoint import signed

API = "https://slack.com/api/"
SANDBOX = "http://127.0.0.1:4300/api/"


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://hooks.slack.com/commands/T1/1/x", API),
        ("https://hooks.slack.com:443/actions/T1/1/x", API),
        ("https://HOOKS.SLACK.COM/actions/T1/1/x", API),
        ("https://hooks.slack-gov.com/actions/T1/1/x", "https://slack-gov.com/api/"),
        ("http://127.0.0.1:4300/response/T1/x", SANDBOX),
    ],
)
def test_slacks_addresses_are_answered(url, api):
    assert is_slack_url(url, api_url=api)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.slack.com/x",
        "http://hooks.slack.com/x",
        "https://hooks.slack.com:8443/x",
        "https://hooks.slack.com@evil.com/x",
        "https://ann@hooks.slack.com/x",
        "https://hooks.slack.com.evil.com/x",
        "https://evilslack.com/x",
        "https://evil.com/#hooks.slack.com",
        "https://[::1/x",
        "https://hooks.slack.com:port/x",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:4300/x",
        "file:///etc/passwd",
    ],
)
def test_no_other_address_is(url):
    assert not is_slack_url(url, api_url=API)


def test_another_port_of_the_apis_host_is_not_the_api():
    assert not is_slack_url("http://127.0.0.1:4301/x", api_url=SANDBOX)


async def test_a_strange_address_is_not_answered_but_the_person_is(staff, core):
    """Somebody has our secret and asks for stock in the name of a person, to their own machine."""
    reached = []
    listening = await asyncio.start_server(lambda *_: reached.append(1), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    form = {
        "command": "/tipo",
        "text": "status",
        "team_id": staff.slack.api.state.team_id,
        "user_id": staff.ann.id,
        "channel_id": staff.stock.id,
        "response_url": f"http://127.0.0.1:{port}/x",
    }
    body = urlencode(form)
    async with at_work(staff, core), listening:
        assert (await staff.slack.send(body.encode(), signed(staff, body))).status == 200
        await staff.slack.until(lambda: staff.slack.ephemerals(staff.ann), 10)
    assert reached == []
