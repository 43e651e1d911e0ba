"""The documentation shows what the bot says now, and all that it can say."""

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

from bot.incidents.ownership import OwnershipAnswer
from bot.messages import posts
from bot.messages.incident_texts import INCIDENT_TEXTS
from sync_core.domain.leases import TakeoverAnswer
from sync_core.domain.proposals import Answer, ReportKind

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs" / "slack"
MESSAGES = ROOT / "bot" / "messages"
SUMMARIES = {"digest", "quiet", "more", "critical"}  # posts of several incidents: posts._head
POSTS = {*posts.PLAIN, *posts.LOOKED_UP, "incident", "reminder"} | SUMMARIES


@pytest.fixture(scope="module")
def render():
    """The script that writes the pages."""
    before = list(sys.path)
    spec = importlib.util.spec_from_file_location("render", DOCS / "render.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = before
    for name in ("shop", "examples", "alerts", "replies"):
        sys.modules.pop(name, None)


def test_the_transcript_is_what_the_bot_says(render):
    """A changed word shows up in review: python docs/slack/render.py writes it anew."""
    assert (DOCS / "transcript.md").read_text().splitlines() == list(render.transcript())


def test_the_playground_shows_what_the_bot_says(render):
    """Its page is made ahead: who plays has no bot's examples to draw from."""
    assert render.PLAYGROUND.read_text("utf-8") == render.playground_gallery()


def test_each_example_has_its_picture(render):
    """A page with a broken picture is worse than none."""
    assert (DOCS / "README.md").read_text().splitlines() == list(render.gallery())
    sizes = {name: (DOCS / f"{name}.webp").stat().st_size for name in render.EXAMPLES}
    assert {name for name, size in sizes.items() if size >= 250_000} == set()


# -- all that it can say
def builders():
    """Return what makes messages and views, as its file and its name."""
    return {
        (path.stem, each.name)
        for path in MESSAGES.glob("*.py")
        if path.stem != "block_kit"
        for each in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(each, ast.FunctionDef) and makes_something(each)
    }


def makes_something(function):
    kind = ast.unparse(function.returns) if function.returns else ""
    is_view = function.name == "home" or function.name.endswith("_modal")
    return kind in {"Message", "Message | None"} or (kind == "dict[str, Any]" and is_view)


@pytest.fixture(scope="module")
def shown(render):
    """What the examples call to be made, and about what: kinds of alerts, posts and answers."""
    called, about = set(), set()

    def look(frame, event, _):
        code, given = frame.f_code, frame.f_locals
        if event != "call" or Path(code.co_filename).parent != MESSAGES:
            return
        called.add((Path(code.co_filename).stem, code.co_name))
        match code.co_name:
            case "incident":
                about.add(("alert", given["body"]["kind"]))
            case "render":
                about.add(("post", given["post"].kind))
            case "report" | "preflight" | "connected":
                about.add(("report", given["report"].kind))
            case "decision_answer":
                about.add(("click", given["clicked"].answer))
            case "ownership_answer":
                about.add(("owner", given["answer"]))
            case "takeover_said":
                about.add(("takeover", given["found"].answer))

    sys.setprofile(look)
    try:
        for _, make in render.EXAMPLES.values():
            make()
    finally:
        sys.setprofile(None)
    return called, about


def test_everything_that_makes_a_message_or_a_view_has_an_example(shown):
    """Somebody who chooses Tipo by its messages has seen all of them."""
    assert builders() - shown[0] == set()
    assert len(builders()) > 50


@pytest.mark.parametrize(
    ("what", "kinds"),
    [
        ("alert", INCIDENT_TEXTS),
        ("post", POSTS),
        ("report", ReportKind),
        ("click", Answer),
        ("owner", [*OwnershipAnswer, None]),
        ("takeover", TakeoverAnswer),
    ],
)
def test_every_kind_of_it_has_an_example(shown, what, kinds):
    assert set(kinds) - {kind for name, kind in shown[1] if name == what} == set()
