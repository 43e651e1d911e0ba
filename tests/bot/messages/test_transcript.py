"""The documentation shows what the bot says now."""

import importlib.util
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs" / "slack"


@pytest.fixture(scope="module")
def render():
    """The script that writes the pages."""
    before = list(sys.path)
    spec = importlib.util.spec_from_file_location("render", DOCS / "render.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = before
    sys.modules.pop("examples", None)


def test_the_transcript_is_what_the_bot_says(render):
    """A changed word shows up in review: python docs/slack/render.py writes it anew."""
    assert (DOCS / "transcript.md").read_text().splitlines() == list(render.transcript())


def test_the_playground_shows_what_the_bot_says(render):
    """Its page is made ahead: who plays has no bot's examples to draw from."""
    assert render.PLAYGROUND.read_text("utf-8") == render.playground_gallery()


def test_each_example_has_its_picture(render):
    """A page with a broken picture is worse than none."""
    assert (DOCS / "README.md").read_text().splitlines() == list(render.gallery())
    sizes = {name: (DOCS / f"{name}.png").stat().st_size for name in render.EXAMPLES}
    assert {name for name, size in sizes.items() if size >= 250_000} == set()
