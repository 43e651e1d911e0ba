"""What is shipped: an image that runs as nobody in particular, and no secret in any file."""

import re

import pytest

from tests.setup.test_locks import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
SHIPPED = ("alembic", "bot", "sandbox", "sync_core", "docs", "tools", ".ci")
# What tokens and keys look like at those who give them out; the imitations are shorter.
SECRET = re.compile(
    rb"shp(?:at|ss|ca|pa)_[0-9a-fA-F]{32}|xox[abprs]-\d{9,}-\d{9,}-|xapp-\d-[A-Z0-9]{9,}-\d{9,}-"
    rb"|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----|gh[pousr]_[A-Za-z0-9]{36}"
)


def test_the_image_runs_as_a_user_without_rights():
    """A number, not a name: only then can a cluster see that it isn't root."""
    *_, last = DOCKERFILE.split("\nFROM ")
    users = re.findall(r"^USER (.+)$", last, re.MULTILINE)
    assert users == ["10001"]
    after = last.partition("\nUSER ")[2]
    assert not re.search(r"^(RUN|COPY|ADD) ", after, re.MULTILINE), "nothing is installed as it"


def test_the_image_holds_what_is_named_and_nothing_else():
    """A `.env`, a database or a git history lies beside it on somebody's machine."""
    first, *rest = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert first == "*"
    named = {line[1:] for line in rest if line.startswith("!")}
    assert all(line.startswith("!") for line in rest if line != "**/__pycache__")
    assert not [each for each in named if each.startswith((".", "*"))]
    assert named == set(re.findall(r"[\w./-]+", " ".join(copied()))) - {"./"}


def copied():
    """Yield what is copied from this folder, without where to."""
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = line.split()
        yield from sources


@pytest.mark.parametrize("folder", SHIPPED)
def test_no_file_holds_a_secret(folder):
    """Neither in code nor in a picture of a terminal."""
    files = [each for each in (ROOT / folder).rglob("*") if each.is_file()]
    assert files
    held = [each for each in files if SECRET.search(each.read_bytes())]
    assert held == []


@pytest.mark.parametrize(
    "text",
    [
        b"shpat_" + b"0" * 32,
        b"xoxb-" + b"1" * 12 + b"-" + b"1" * 12 + b"-abc",
        b"-----BEGIN " + b"RSA PRIVATE KEY-----",
    ],
)
def test_a_secret_would_be_found(text):
    assert SECRET.search(b"token = '" + text + b"'")
