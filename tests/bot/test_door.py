"""Whoever is not Slack gets no further than the door, and nothing of theirs reaches the log."""

import io
import logging
from urllib.parse import urlencode

import pytest
from slack_sdk.signature import SignatureVerifier

from bot.setup import SlackSetup
from sync_core.errors import BadSettings
from tests.bot.conftest import at_work

THEIRS = "of another app"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def face(office, core):
    async with at_work(office, core) as made:
        yield made


def signed(office, body, *, secret=None, at=None, kind=FORM):
    stamp = str(int(office.clock.now().timestamp()) if at is None else at)
    signer = SignatureVerifier(secret or office.slack.app.signing_secret)
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
async def test_a_request_that_is_not_signed_right_is_refused(face, office, core, change, status):
    """Each in its own way, and never with a stack trace."""
    body = b"command=/tipo&text=pause"
    headers = {**signed(office, body.decode()), **change}
    deed = await office.slack.send(body, {k: v for k, v in headers.items() if v is not None})
    assert deed.status == status
    assert core.paused is None


@pytest.mark.parametrize("off", [-301, -4000, 301, 4000])
async def test_an_old_or_future_request_is_refused(face, office, core, off):
    """A signature is valid for ever; the window is what makes a stolen one useless."""
    body = "command=/tipo&text=pause"
    at = int(office.clock.now().timestamp()) + off
    deed = await office.slack.send(body.encode(), signed(office, body, at=at))
    assert deed.status == 401
    assert core.paused is None


async def test_another_apps_secret_opens_nothing(face, office):
    """Each app has its own."""
    body = "command=/tipo&text=pause"
    deed = await office.slack.send(body.encode(), signed(office, body, secret=THEIRS))
    assert deed.status == 401


async def test_a_changed_body_is_refused(face, office):
    """The signature is over each byte."""
    headers = signed(office, "command=/tipo&text=status")
    deed = await office.slack.send(b"command=/tipo&text=pause", headers)
    assert deed.status == 401


async def test_a_body_that_is_no_text_is_refused(face, office):
    """Bolt would answer 500 to it."""
    headers = signed(office, "x")
    deed = await office.slack.send(b"\xff\xfe\x00", headers)
    assert deed.status == 400


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("[1]", "application/json"),
        ("{", "application/json"),
        ("[" * 100_000, "application/json"),
        (urlencode({"payload": "{"}), FORM),
        (urlencode({"payload": "7"}), FORM),
        ("&".join("a=1" for _ in range(300)), FORM),
    ],
)
async def test_a_signed_body_that_is_no_form_and_no_json_is_refused(face, office, body, kind):
    """Slack would not send it; whoever does learns nothing from a 500."""
    deed = await office.slack.send(body.encode(), signed(office, body, kind=kind))
    assert deed.status == 400


async def test_a_body_that_is_too_large_is_refused(face, office):
    """Before it is read to its end."""
    body = "text=" + "x" * (1024 * 1024)
    large, url = io.BytesIO(body.encode()), office.slack.app.request_url
    headers = signed(office, body)
    async with office.slack.courier.session.post(url, data=large, headers=headers) as answer:
        assert answer.status == 413


async def test_the_challenge_is_answered(face, office):
    """Slack asks it once, when the address is entered."""
    body = '{"type":"url_verification","challenge":"abc"}'
    deed = await office.slack.send(body.encode(), signed(office, body, kind="application/json"))
    assert (deed.status, deed.body) == (200, '{"challenge": "abc"}')


async def test_no_body_and_no_secret_reaches_the_log(face, office, caplog):
    """Bodies hold what people type, and addresses that answer in their name."""
    caplog.set_level(logging.DEBUG)
    body = "command=/tipo&text=confidential&response_url=https://hooks.slack.com/secret"
    await office.slack.send(body.encode(), signed(office, body, secret=THEIRS))
    await office.slack.send(body.encode(), signed(office, body))
    await office.slack.command(office.ann, "/tipo stock confidential", channel=office.stock)
    app = office.slack.app
    ours = "\n".join(
        f"{each.getMessage()} {vars(each)}"
        for each in caplog.records
        if each.name.startswith(("bot", "slack", "uvicorn"))
    )
    for word in ("confidential", "hooks.slack.com", app.bot_token, app.signing_secret):
        assert word not in ours


async def test_a_get_is_not_answered(face, office):
    """There is nothing to see."""
    async with office.slack.courier.session.get(office.slack.app.request_url) as answer:
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


async def test_slack_variables_do_not_matter(office, core, monkeypatch):
    """With a client id among them Bolt would drop our token."""
    for name in ("CLIENT_ID", "CLIENT_SECRET", "BOT_TOKEN", "SIGNING_SECRET", "APP_TOKEN"):
        monkeypatch.setenv(f"SLACK_{name}", "somebody-elses")
    async with at_work(office, core):
        deed = await office.slack.command(office.ann, "/tipo status", channel=office.stock)
        assert deed.acked
        assert "connected" in (await deed.answer()).text
