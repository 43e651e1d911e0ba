"""A line of the log is a sentence and its facts; it holds no secret and obeys no title."""

import io
import json
import logging

import pytest

from sync_core import logs, tracing
from sync_core.settings import Settings

TOKEN = "shpat_0123456789abcdef"  # noqa: S105 - opens nothing
PASSWORD = "geheim-pw"  # noqa: S105


@pytest.fixture
def settings(bare):
    store = {"domain": "a.myshopify.com", "role": "source", "access_token": TOKEN}
    other = {
        "domain": "b.myshopify.com",
        "role": "destination",
        "client_id": "public",
        "client_secret": "very-secret",
        "webhook_secrets": ["hook-one", "hook-two"],
    }
    return Settings(
        stores={"eu": store, "us": other},
        database_url=f"postgresql://tipo:{PASSWORD}@db.example.com/tipo",
        slack={"bot_token": "bot-secret-token"},
    )


@pytest.fixture
def logged(settings, monkeypatch):
    """Log something, and return what stands in the log."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    level = root.level

    def log(form, say, out=None):
        out = out or io.StringIO()
        logs.set_up(settings.model_copy(update={"log_format": form}), stream=out)
        say(logging.getLogger("sync_core.somewhere"))
        return out.getvalue()

    yield log
    root.setLevel(level)


def test_text_has_the_sentence_and_its_facts(logged):
    line = logged("text", lambda log: log.info("%s sells", "eu", extra={"act": "x", "n": 3}))
    assert line.endswith("+00:00 [info     ] eu sells act=x n=3\n")


def test_json_has_the_same(logged):
    line = json.loads(logged("json", lambda log: log.warning("hm", extra={"act": "x", "n": 3})))
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "warning",
        "says": "hm",
        "from": "sync_core.somewhere",
        "act": "x",
        "n": 3,
    }


SECRETS = (TOKEN, "very-secret", "hook-one", "hook-two", PASSWORD, "bot-secret-token")


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("secret", [*SECRETS, "shpat_given_at_runtime_1", "xoxb-12345-abcdef"])
def test_no_secret_reaches_the_log(logged, form, secret):
    """Not in the sentence, not in a fact, not in a traceback."""

    def refuse():
        raise ValueError(f"refused: {secret}")

    def say(log):
        try:
            refuse()
        except ValueError:
            log.exception("the header was %s", secret, extra={"why": f"bad {secret}"})

    assert secret not in logged(form, say)


def test_what_is_public_stays_readable(logged):
    said = logged("text", lambda log: log.info("db.example.com answers to tipo"))
    assert "db.example.com answers to tipo" in said


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_title_starts_no_line_of_its_own(logged, form):
    title = "Cap\n2026-11-23 INFO all is well\x1b[2J\u202e"
    said = logged(form, lambda log: log.info("about %s", title, extra={"title": title}))
    assert said.count("\n") == 1
    assert "\x1b" not in said
    assert "\u202e" not in said


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "first"), [(io.StringIO, "{"), (Terminal, "\x1b[")])
def test_people_at_a_terminal_get_text_and_all_others_json(logged, stream, first):
    assert logged("auto", lambda log: log.warning("hm"), stream()).startswith(first)


def test_a_line_names_what_is_going_on_around_it(logged):
    """Of which store, which batch: nobody has to repeat it, and a fact of its own counts."""

    def say(log):
        with tracing.span("send", store="us", batch=7):
            log.info("one", extra={"batch": 8})
        log.info("two")

    one, two = map(json.loads, logged("json", say).splitlines())
    assert (one["store"], one["batch"]) == ("us", 8)
    assert "store" not in two


@pytest.mark.parametrize(
    "name", ["uvicorn.error", "apscheduler.executors.default", "slack_bolt.App"]
)
def test_libraries_are_written_in_the_same_form_without_secrets(logged, name):
    line = json.loads(logged("json", lambda _: logging.getLogger(name).error("no %s", TOKEN)))
    assert (line["from"], line["says"]) == (name, "no •••")


def test_libraries_speak_only_of_trouble(logged):
    def say(_log):
        for name in logs.QUIETED_LOGGERS:
            logging.getLogger(name).info("chatter")

    assert logged("text", say) == ""
