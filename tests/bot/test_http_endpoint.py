"""Whoever is not Slack gets no further than the door, and nothing of theirs reaches the log."""

import asyncio
import io
import logging
from contextlib import asynccontextmanager
from urllib.parse import urlencode, urlsplit

import pytest
from slack_sdk.signature import SignatureVerifier

from bot.setup import SlackSetup
from sync_core.errors import BadSettings
from tests.bot.conftest import at_work, until

THEIRS = "of another app"
FORM = "application/x-www-form-urlencoded"
COMMAND = "command=/tipo&text=help&team_id=T1&user_id=U1&response_url=https://hooks.slack.com/1"


@pytest.fixture
async def slack_app(staff, core):
    async with at_work(staff, core) as made:
        yield made


def signed(staff, body, *, secret=None, at=None, kind=FORM):
    stamp = str(int(staff.clock.now().timestamp()) if at is None else at)
    signer = SignatureVerifier(secret or staff.slack.app.signing_secret)
    return {
        "Content-Type": kind,
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signer.generate_signature(timestamp=stamp, body=body),
    }


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"X-Slack-Signature": None}, 401),
        ({"X-Slack-Request-Timestamp": None}, 401),
        ({"X-Slack-Signature": "v0=" + "0" * 64}, 401),
        ({"X-Slack-Signature": "v0=short"}, 401),
        ({"X-Slack-Signature": "v0=" + "\u00e9" * 64}, 401),
        ({"X-Slack-Request-Timestamp": "yesterday"}, 400),
        ({"X-Slack-Request-Timestamp": "1e9"}, 400),
        ({"X-Slack-Request-Timestamp": "-5"}, 400),
        ({"X-Slack-Request-Timestamp": "9" * 50}, 400),
    ],
)
async def test_a_request_that_is_not_signed_right_is_refused(
    slack_app, staff, core, change, status
):
    """Each in its own way, and never with a stack trace."""
    body = b"command=/tipo&text=pause"
    headers = {**signed(staff, body.decode()), **change}
    interaction = await staff.slack.send(body, {k: v for k, v in headers.items() if v is not None})
    assert interaction.status == status
    assert core.paused is None


@pytest.mark.parametrize("off", [-301, -4000, 360, 4000])  # a busy machine takes seconds
async def test_an_old_or_future_request_is_refused(slack_app, staff, core, off):
    """A signature is valid for ever; the window is what makes a stolen one useless."""
    body = "command=/tipo&text=pause"
    at = int(staff.clock.now().timestamp()) + off
    interaction = await staff.slack.send(body.encode(), signed(staff, body, at=at))
    assert interaction.status == 401
    assert core.paused is None


async def test_another_apps_secret_opens_nothing(slack_app, staff):
    """Each app has its own."""
    body = "command=/tipo&text=pause"
    interaction = await staff.slack.send(body.encode(), signed(staff, body, secret=THEIRS))
    assert interaction.status == 401


async def test_a_changed_body_is_refused(slack_app, staff):
    """The signature is over each byte."""
    headers = signed(staff, "command=/tipo&text=status")
    interaction = await staff.slack.send(b"command=/tipo&text=pause", headers)
    assert interaction.status == 401


async def test_a_body_that_is_no_text_is_refused(slack_app, staff):
    """Bolt would answer 500 to it."""
    headers = signed(staff, "x")
    interaction = await staff.slack.send(b"\xff\xfe\x00", headers)
    assert interaction.status == 400


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("[1]", "application/json"),
        ("{", "application/json"),
        ("[" * 100_000, "application/json"),
        (urlencode({"payload": "{"}), FORM),
        (urlencode({"payload": "7"}), FORM),
        ("&".join(f"{number}=1" for number in range(300)), FORM),
        (COMMAND, "text/plain"),
        (COMMAND, "application/json"),
        (COMMAND, ""),
        (COMMAND + "&text=pause", FORM),
        (COMMAND + "&user_name=%ff", FORM),
        ('{"type": "event_callback"}', FORM),
        ("payload=%7B%7D&payload=%7B%22type%22%3A%22shortcut%22%7D", FORM),
        ('{"type": "url_verification", "type": "shortcut"}', "application/json"),
        ('{"type": "shortcut", "x": NaN}', "application/json"),
        ('{"type": "shortcut", "x": ' + "9" * 5000 + "}", "application/json"),
        ('{"type": "message_action", "team": 5}', "application/json"),
        ('{"type": "message_action", "authorizations": [5]}', "application/json"),
        ('{"type": "message_action", "response_urls": ["x"]}', "application/json"),
        ("{}", "application/json"),
        ("", FORM),
        ("", "application/json"),
    ],
)
async def test_a_signed_body_that_slack_would_not_send_is_refused(
    slack_app, staff, caplog, body, kind
):
    """The sender learns nothing from a 500, and a line in the log says that it came."""
    interaction = await staff.slack.send(body.encode(), signed(staff, body, kind=kind))
    assert interaction.status == 400
    assert [each.event for each in caplog.records if each.name.startswith("bot")] == [
        "request_refused"
    ]


@pytest.mark.parametrize("words", ["payload", "stock payload=1", "Payload & co"])
async def test_a_command_may_hold_any_word(slack_app, staff, words):
    """Bolt takes a form in which the word payload occurs for one that holds nothing else."""
    interaction = await staff.slack.command(staff.ann, f"/tipo {words}", channel=staff.stock)
    assert (await interaction.answer()).text


async def test_slack_may_look_whether_the_address_is_there(slack_app, staff):
    body = "ssl_check=1&token=x"
    assert (await staff.slack.send(body.encode(), signed(staff, body))).status == 200


async def test_a_body_that_is_too_large_is_refused(slack_app, staff):
    """Before it is read to its end."""
    body = "text=" + "x" * (1024 * 1024)
    large, url = io.BytesIO(body.encode()), staff.slack.app.request_url
    headers = signed(staff, body)
    async with staff.slack.sender.session.post(url, data=large, headers=headers) as answer:
        assert answer.status == 413


@asynccontextmanager
async def half_sent(staff, count=1):
    """Requests whose bodies do not go on."""
    url = urlsplit(staff.slack.app.request_url)
    opened = [await asyncio.open_connection(url.hostname, url.port) for _ in range(count)]
    for _, writer in opened:
        writer.write(f"POST {url.path} HTTP/1.1\r\nhost: t\r\ncontent-length: 9\r\n\r\nab".encode())
    try:
        yield [reader for reader, _ in opened]
    finally:
        for _, writer in opened:
            writer.close()


async def test_a_body_that_takes_too_long_is_refused(slack_app, staff, monkeypatch):
    monkeypatch.setattr("bot.http_endpoint.MAX_BODY_SECONDS", 0.2)
    async with half_sent(staff) as [reader], asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")


async def test_bodies_that_do_not_arrive_take_no_memory_without_end(slack_app, staff, monkeypatch):
    """Of more than some the slowest is put off: what Slack sends comes in all the while."""
    monkeypatch.setattr(slack_app._http._bodies, "max_bodies", 3)
    monkeypatch.setattr("bot.http_endpoint.MAX_BODY_SECONDS", 2.0)
    async with half_sent(staff, 3) as readers, asyncio.timeout(20):
        await until(lambda: len(slack_app._http._bodies._arriving) == 3)
        assert (await staff.slack.send(COMMAND.encode(), signed(staff, COMMAND))).status == 200
        answers = sorted([(await reader.readline())[9:12] for reader in readers])
    assert answers == [b"408", b"408", b"503"]


async def test_the_challenge_is_answered(slack_app, staff):
    """Slack asks it once, when the address is entered."""
    body = '{"type":"url_verification","challenge":"abc"}'
    interaction = await staff.slack.send(
        body.encode(), signed(staff, body, kind="application/json")
    )
    assert (interaction.status, interaction.body) == (200, '{"challenge": "abc"}')


async def test_no_body_and_no_secret_reaches_the_log(slack_app, staff, caplog):
    """Bodies hold what people type, and addresses that answer in their name."""
    caplog.set_level(logging.DEBUG)
    body = "command=/tipo&text=confidential&response_url=https://hooks.slack.com/secret"
    await staff.slack.send(body.encode(), signed(staff, body, secret=THEIRS))
    await staff.slack.send(body.encode(), signed(staff, body))
    await staff.slack.command(staff.ann, "/tipo stock confidential", channel=staff.stock)
    app = staff.slack.app
    ours = "\n".join(
        f"{each.getMessage()} {vars(each)}"
        for each in caplog.records
        if each.name.startswith(("bot", "slack", "uvicorn"))
    )
    for word in ("confidential", "hooks.slack.com", app.bot_token, app.signing_secret):
        assert word not in ours


async def test_a_get_is_not_answered(slack_app, staff):
    """There is nothing to see."""
    async with staff.slack.sender.session.get(staff.slack.app.request_url) as answer:
        assert answer.status == 405


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"secret": ""}, "TIPO_SLACK__SIGNING_SECRET is empty"),
        ({"secret": "   "}, "TIPO_SLACK__SIGNING_SECRET is empty"),
        ({"token": "xoxp-user"}, "TIPO_SLACK__BOT_TOKEN must be"),
        ({"token": ""}, "TIPO_SLACK__BOT_TOKEN must be"),
        ({"app_token": "xoxb-1"}, "TIPO_SLACK__APP_TOKEN must be"),
    ],
)
def test_one_cannot_begin_without_what_is_needed(given, part):
    """With an empty secret everybody could sign."""
    known = {"token": "xoxb-1", "secret": "s"}
    with pytest.raises(BadSettings, match=part):
        SlackSetup(**{**known, **given}).checked()


def test_a_setup_shows_no_secret():
    """Somebody will print it."""
    given = {"token": "xoxb-1", "secret": "hidden", "app_token": "xapp-1"}
    shown = repr(SlackSetup(**given))
    assert not any(each in shown for each in ("xoxb", "hidden", "xapp"))


async def test_slack_variables_do_not_matter(staff, core, monkeypatch):
    """With a client id among them Bolt would drop our token."""
    for name in ("CLIENT_ID", "CLIENT_SECRET", "BOT_TOKEN", "SIGNING_SECRET", "APP_TOKEN"):
        monkeypatch.setenv(f"SLACK_{name}", "somebody-elses")
    async with at_work(staff, core):
        interaction = await staff.slack.command(staff.ann, "/tipo status", channel=staff.stock)
        assert interaction.acked
        assert "connected" in (await interaction.answer()).text
