"""A newcomer sets Tipo up: each answer is checked at once, and none has to be given twice."""

import io
import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest
from typer import testing

from sandbox.sample_shops import environment
from sync_core.cli import init
from sync_core.settings import load
from tests.cli.conftest import Stores, Tipo

SECRETS = ("sandbox-secret-eu", "sandbox-secret-us", "xoxb-sandbox-bot", "sandbox-signing-secret")
EU = ["urbanwear-eu", "sandbox-eu", "sandbox-secret-eu"]
US = ["https://admin.shopify.com/store/urbanwear-us/products", "sandbox-us", "sandbox-secret-us"]
STORES = ["eu", *EU, "us", *US, ""]  # the last: no other store
URL = "https://tipo.example.com"
APP = ["", "xoxb-sandbox-bot", "sandbox-signing-secret"]  # the first: connect Slack, yes


IN_A_TERMINAL = """
import fcntl, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # as a login does: Ctrl-C is for this process
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs behind a shell ignores it
from sync_core.cli import main
sys.argv = ["tipo", "init"]
main()
"""


class Person(io.BufferedIOBase):
    """Types a line when one is asked for; does something else in between."""

    def __init__(self, lines):
        super().__init__()
        self.lines = list(lines)

    def readable(self):
        return True

    def read1(self, _size=-1):
        while self.lines and callable(self.lines[0]):
            self.lines.pop(0)()
        return f"{self.lines.pop(0)}\n".encode() if self.lines else b""

    read = read1


@pytest.fixture
def stores(bare, monkeypatch):
    """Stores that nobody has described; where they answer is known."""
    made = Stores()
    for alias in made.shops:
        monkeypatch.setenv(f"TIPO_STORES__{alias.upper()}__API_URL", f"{made.url}/{alias}")
    monkeypatch.setattr(init, "is_interactive", lambda: True)
    yield made
    made.close()


@pytest.fixture
def answer(stores, monkeypatch):
    """Run `tipo init` with answers; whoever has none left leaves."""

    def run(*lines, expect=1, words=("init",)):
        person = Person(lines)
        monkeypatch.setattr(testing, "make_input_stream", lambda *_: person)
        said = Tipo(stores)(*words, expect=expect)
        assert person.lines == []
        assert [each for each in SECRETS if each in said.output] == []
        return said.stdout if "--json" in words else said.output

    return run


@pytest.fixture
def slack(team, monkeypatch):
    """A Slack that nobody has described; where it answers is known."""
    for name in set(team.settings()) - {"TIPO_SLACK__API_URL"}:
        monkeypatch.delenv(name)
    return team


def dotenv():
    return Path(".env").read_text("utf-8")


def toml():
    return Path("tipo.toml").read_text("utf-8")


def mode(name):
    return Path(name).stat().st_mode & 0o777


def test_a_newcomer_answers_and_is_done(answer, slack):
    """And a second run asks nothing, and changes nothing."""
    said = answer(*STORES, URL, *APP, slack.stock.id, slack.ann.id, expect=0)
    assert "https://api.slack.com/apps?new_app=1&manifest_yaml=" in said
    assert "alerts go to #stock" in said
    *_, doctor = said.partition("tipo doctor\n")
    assert "1 approver, or group of them, is known to Slack" in doctor
    assert "fail" not in doctor
    assert "Next:\n  tipo serve" in doctor
    assert "Event Subscriptions" in doctor
    assert dotenv() == (
        "TIPO_STORES__EU__CLIENT_SECRET=sandbox-secret-eu\n"
        "TIPO_STORES__US__CLIENT_SECRET=sandbox-secret-us\n"
        "TIPO_SLACK__BOT_TOKEN=xoxb-sandbox-bot\n"
        "TIPO_SLACK__SIGNING_SECRET=sandbox-signing-secret\n"
    )
    assert not any(secret in toml() for secret in SECRETS)
    assert (mode(".env"), mode("tipo.toml")) == (0o600, 0o600)
    before = {each: (each.read_bytes(), each.stat().st_mtime_ns) for each in Path().iterdir()}
    assert {each.name for each in before} == {".env", "tipo.toml"}

    again = answer(expect=0)
    assert again.partition("tipo doctor\n")[2] == doctor
    assert [each for each in ("Domain", "Public address", "Connect") if each in again] == []
    assert {
        each: (each.read_bytes(), each.stat().st_mtime_ns) for each in Path().iterdir()
    } == before


def test_without_an_address_slack_is_reached_by_socket_mode(answer, slack):
    """A first try needs no server that strangers reach."""
    slack.slack.app.socket_mode = True
    slack.slack.rate_limiter.enabled = False
    said = answer(*STORES, "", "", "xoxb-sandbox-bot", "xapp-1-sandbox")
    assert "socket_mode_enabled%3A%20true" in said
    assert "Socket Mode: the app token opens sockets" in said
    assert "xapp-1-sandbox" not in said
    said = answer(slack.stock.id, "", expect=0)  # of the address nobody is asked again
    assert "every member of the channel can approve" in said
    assert "approvers = []" in toml()  # so that it is not asked again


def test_a_wrong_secret_is_told_at_once_and_corrected(answer):
    said = answer("eu", "urbanwear-eu", "sandbox-eu", " ", "a$b", "wrong", "change", "", "", EU[-1])
    assert "an answer is needed here" in said
    assert "That has characters in it that no token has" in said
    assert "the store knows no app with this client id and secret" in said
    assert "Settings → Credentials" in said
    assert "token accepted by Urbanwear EU" in said
    assert "wrong" not in dotenv()


def test_a_missing_scope_is_added_meanwhile(answer, stores):
    """The person goes to the Dev Dashboard, comes back, and presses Enter."""
    scopes = stores.shops["eu"].access.scopes
    scopes.remove("write_inventory")
    said = answer("eu", *EU, lambda: scopes.append("write_inventory"), "")
    failed, _, then = said.partition("scopes are missing: write_inventory")
    assert "Versions → Select scopes" in then
    assert "token accepted" in failed
    assert "scopes: read_products" in then


def test_what_is_left_for_later_is_told_by_the_doctor(answer, stores):
    """Nobody is held up by a store that is down."""
    stores.shops["us"].faults.outage = True
    said = answer("eu", *EU, "us", *US, "later", "", "", "n")
    _, _, doctor = said.partition("tipo doctor\n")
    assert "isn't answering" in doctor
    assert "1 check failed" in doctor
    assert "Next:" not in doctor


def test_the_same_store_twice_is_refused(answer):
    said = answer("eu", *EU, "eu", "us", *EU)
    assert "eu is another store already" in said
    assert "urbanwear-eu.myshopify.com is eu already" in said


def test_an_older_app_gives_its_token(answer, slack):
    """Its webhooks are signed by the API secret key."""
    said = answer(
        *("eu", "urbanwear-eu", "", "shpat_sandbox_eu", "sandbox-secret-eu"), "us", *US, "", URL
    )
    assert "token accepted by Urbanwear EU" in said
    assert "Client secret" in said  # of the other store
    assert 'TIPO_STORES__EU__WEBHOOK_SECRETS=["sandbox-secret-eu"]\n' in dotenv()
    assert "TIPO_STORES__EU__ACCESS_TOKEN=shpat_sandbox_eu\n" in dotenv()
    assert "shpat_sandbox_eu" not in said
    assert load().stores["eu"].secrets == ("sandbox-secret-eu",)


def test_what_is_wrong_in_slack_is_told_and_corrected(answer, slack):
    """A channel's name for its ID, a channel without the bot, an approver who is nobody."""
    slack.stock.members.remove(slack.slack.bot.id)
    link = f"https://urbanwear.slack.com/archives/{slack.stock.id}"
    said = answer(
        *(*STORES, URL, *APP, "#stock", "C0NOWHERE", "change", link),
        lambda: slack.stock.members.append(slack.slack.bot.id),
        *("", "@ann", "U0NOBODY", "change", f"{slack.ann.id}, {slack.bob.id}"),
        expect=0,
    )
    order = [
        "write the ID, such as C0123456789",
        "the channel C0NOWHERE cannot be seen",
        "Tipo is not a member of #stock",
        "→ type /invite @Tipo in it",
        "alerts go to #stock",
        "@ann is no ID",
        "the approver U0NOBODY is not known to Slack",
        "2 approvers are known",
    ]
    assert [each for each in order if each not in said] == []
    assert sorted(order, key=said.index) == order


def test_a_wrong_slack_token_is_told_and_the_rest_waits(answer, slack):
    said = answer(*STORES, URL, "", "xoxp-no", "x", "change", "xoxb-other", "", "later")
    assert "which begins with xoxb-" in said
    assert "Slack rejected the bot token (invalid_auth)" in said
    assert "Channel ID" not in said


def test_whoever_leaves_continues_where_they_left(answer):
    said = answer("eu", "urbanwear-eu", "sandbox-eu")
    assert said.endswith("Left. Your answers are saved; `tipo init` continues where you left.\n")
    assert not Path(".env").exists()
    again = answer(EU[-1])
    assert "Short name of the source" not in again
    assert "Client ID" not in again.partition("Client secret")[2]
    assert "token accepted by Urbanwear EU" in again
    assert "Short name of the destination" in again


def test_what_people_wrote_is_kept(answer):
    """Comments, order, and the file in which something is."""
    Path("tipo.toml").write_text('# ours\nport = 8081  # behind nginx\n\n[nightly]\nat = "03:00"\n')
    Path(".env").write_text("# secrets\nexport TIPO_STORES__EU__DOMAIN='old.myshopify.com' # eu")
    Path(".env").chmod(0o644)
    answer("sandbox-eu", EU[-1], "change", "urbanwear-eu", "", "")
    assert toml() == (
        '# ours\nport = 8081  # behind nginx\n\n[nightly]\nat = "03:00"\n\n'
        '[stores.eu]\nrole = "source"\nclient_id = "sandbox-eu"\n'
    )
    assert dotenv() == (
        "# secrets\nexport TIPO_STORES__EU__DOMAIN='urbanwear-eu.myshopify.com' # eu\n"
        "TIPO_STORES__EU__CLIENT_SECRET=sandbox-secret-eu\n"
    )
    assert mode(".env") == 0o600


def test_what_the_environment_says_is_corrected_there(answer, monkeypatch):
    """It overrules every file: an answer that is written would change nothing."""
    monkeypatch.setenv("TIPO_STORES__EU__ROLE", "source")
    monkeypatch.setenv("TIPO_STORES__EU__DOMAIN", "old.myshopify.com")
    said = answer(*("sandbox-eu", EU[-1], "change", "", "", "", "change", "urbanwear-eu"), expect=2)
    assert "TIPO_STORES__EU__DOMAIN is set in the environment, which overrules" in said


def test_a_secret_in_a_file_of_its_own_is_corrected_there(answer):
    Path("secret").write_text("wrong")
    Path(".env").write_text("TIPO_STORES__EU__CLIENT_SECRET_FILE=secret\n")
    said = answer("eu", "urbanwear-eu", "sandbox-eu", "change", "", "", EU[-1], expect=2)
    assert "TIPO_STORES__EU__CLIENT_SECRET_FILE in .env names the file that has it" in said
    assert dotenv() == "TIPO_STORES__EU__CLIENT_SECRET_FILE=secret\n"


@pytest.mark.parametrize(("name", "text"), [("tipo.toml", "port = \n"), (".env", "\xff")])
def test_a_file_that_cannot_be_read_is_left_as_it_is(answer, name, text):
    Path(name).write_bytes(text.encode("latin-1"))
    said = answer(expect=2)
    assert "cannot be read" in said
    assert Path(name).read_bytes() == text.encode("latin-1")


def test_what_is_written_wrongly_by_hand_is_shown_and_asked_for(answer, slack):
    """An http address, and a list that is none."""
    Path("tipo.toml").write_text('public_url = "http://tipo.example.com"\n')
    Path(".env").write_text(f"TIPO_SLACK__APPROVERS=[{slack.ann.id}]\n")
    said = answer(
        *(*STORES, "change", URL, *APP[1:], "later"),
        expect=1,
    )
    assert "http://tipo.example.com is not https" in said
    assert f"[{slack.ann.id}]" not in said
    assert "TIPO_SLACK__APPROVERS: must be a JSON list such as" in said


def test_without_a_terminal_it_says_so(lone):
    said = lone("init", expect=2).output
    assert "there is no terminal here" in said
    assert lone.json("init", expect=2)["error"].startswith("`tipo init` asks questions")


def test_a_program_gets_the_end_as_json(answer, stores, monkeypatch):
    """And the conversation is not in its way."""
    for name, value in environment(stores.shops, stores.url).items():
        monkeypatch.setenv(name, value)
    said = answer("", "n", expect=0, words=("init", "--json"))
    said = json.loads(said[said.index("{") :])  # what is typed is shown on stdout in tests
    assert (said["healthy"], said["next"]) == (True, ["tipo serve", "tipo mode two-way"])
    assert list(Path().iterdir()) == []


class Terminal:
    """A terminal with `tipo init` in it, and a person before it."""

    def __init__(self):
        self.screen, inner = pty.openpty()
        ours = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "dumb"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", IN_A_TERMINAL],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env=ours,
            start_new_session=True,
        )
        os.close(inner)
        self.said = b""

    def shows(self, words, seconds=30):
        """Whether the words come up in time."""
        while words not in self.said and select.select([self.screen], [], [], seconds)[0]:
            self.said += os.read(self.screen, 65536)
        return words in self.said

    def type(self, text):
        os.write(self.screen, text.encode())

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.screen)


@pytest.fixture
def terminal(stores):
    made = Terminal()
    yield made
    made.close()


def test_in_a_terminal_secrets_are_not_shown_and_ctrl_c_leaves(terminal):
    """The real command in a real terminal, where the echo is the terminal's own."""
    asked = (b"such as eu: ", b"myshopify.com: ", b"token): ", b"as you type): ")
    for words, typed in zip(asked, ("eu", *EU), strict=True):
        assert terminal.shows(words), terminal.said
        terminal.type(f"{typed}\n")
    assert terminal.shows(b"such as us: "), terminal.said
    # Python does not see a Ctrl-C just before it begins to read; a person presses it again.
    for _ in range(10):
        terminal.type("\x03")
        if terminal.shows(b"Left. Your answers are saved", seconds=2):
            break
    assert terminal.process.wait(10) == 1
    assert b"sandbox-secret-eu" not in terminal.said
    assert b"Traceback" not in terminal.said
    assert "sandbox-secret-eu" in dotenv()
