"""A person's settings are changed by one value, or not at all."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.cli import setting_files
from sync_core.cli.setting_files import NotWritten, replace_file, with_setting, with_variable


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", "A=new\n", id="an empty file"),
        pytest.param("# ours\nB=1", "# ours\nB=1\nA=new\n", id="no line end"),
        pytest.param("A=old\nB=1\n", "A=new\nB=1\n", id="a line"),
        pytest.param("A=A # A\n", "A=new # A\n", id="its comment stays"),
        pytest.param("export A='old'\n", "export A='new'\n", id="its quotes stay"),
        pytest.param("a=old\r\nB=1\r\n", "a=new\r\nB=1\r\n", id="letters and line ends stay"),
        pytest.param("\n\nA=\nB=1\n", "\n\nA=new\nB=1\n", id="an empty line"),
        pytest.param("A=1\nA=2\n", "A=1\nA=new\n", id="the last one counts"),
        pytest.param("#A=old\n", "#A=old\nA=new\n", id="a comment is none"),
        pytest.param('B="1\n2"\n', 'B="1\n2"\nA=new\n', id="several lines"),
    ],
)
def test_a_variable_is_set_and_nothing_else_changes(before, after):
    assert with_variable(before, "A", "new") == after


def test_a_line_that_cannot_be_changed_safely_is_left_to_the_person():
    """Half a line is nothing that somebody meant."""
    with pytest.raises(NotWritten, match="write A into it yourself"):
        with_variable("A\nB=1\n", "A", "new")


@given(st.text(alphabet="Aa=B'\"#\\ \n\r$", max_size=40))
def test_whatever_is_in_env_stays_in_it(text):
    """Nobody knows what people have in there: it is read again, or refused."""
    try:
        new = with_variable(text, "A", "new")
    except NotWritten:
        return
    before, after = setting_files._variables(text), setting_files._variables(new)
    assert after == {**before, "a": "new"}
    assert len(new) >= len(text) - len(before.get("a") or "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", '[stores.eu]\nrole = "source"\n', id="an empty file"),
        pytest.param(
            '# ours\nport = 1 # so\n\n[stores.eu]  # Berlin\ndomain = "a"\n\n[nightly]\n# none\n',
            '# ours\nport = 1 # so\n\n[stores.eu]  # Berlin\ndomain = "a"\nrole = "source"\n\n'
            "[nightly]\n# none\n",
            id="comments and order",
        ),
        pytest.param(
            '[stores.eu]\nrole = "destination" # was\n',
            '[stores.eu]\nrole = "source" # was\n',
            id="another value",
        ),
        pytest.param(
            '[stores]\neu = {domain = "a"}\n',
            '[stores]\neu = {domain = "a",role = "source"}\n',
            id="a table in a line",
        ),
    ],
)
def test_a_setting_is_set_and_nothing_else_changes(before, after):
    assert with_setting(before, ("stores", "eu", "role"), "source") == after


def test_a_setting_of_no_table_goes_before_the_tables():
    """Below a heading it would belong to that."""
    text = with_setting('[nightly]\nat = "02:30"\n', ("public_url",), "https://x.example")
    assert tomllib.loads(text) == {"public_url": "https://x.example", "nightly": {"at": "02:30"}}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("port = \n", id="no TOML"),
        pytest.param("stores = 1\n", id="something else of that name"),
        pytest.param(
            'stores.us.domain = "a"\nstores.us.role = "b"\n', id="what the library changes wrongly"
        ),
    ],
)
def test_a_file_that_cannot_be_changed_safely_is_left_to_the_person(text):
    with pytest.raises(NotWritten, match=r"write stores\.eu\.role into it yourself"):
        with_setting(text, ("stores", "eu", "role"), "source")


def test_a_file_is_replaced_at_one_stroke(tmp_path):
    """Its rights stay, unless secrets come into it; a link stays a link."""
    file, link = tmp_path / "there", tmp_path / "link"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    replace_file(link, "new", private=False)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o640)
    assert link.is_symlink()
    replace_file(link, "secret", private=True)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("secret", 0o600)
    assert {each.name for each in tmp_path.iterdir()} == {"there", "link"}


def test_a_file_that_cannot_be_written_is_as_before(tmp_path, monkeypatch):
    """A full disk must not cost anybody their settings."""
    file = tmp_path / ".env"
    file.write_text("old")

    def full(_number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(setting_files.os, "fsync", full)
    with pytest.raises(NotWritten, match="No space left on device"):
        replace_file(file, "new", private=True)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [(".env", "old")]


def test_a_file_of_somebody_else_is_refused(tmp_path, monkeypatch):
    """Replaced, it would be ours, and its owner could no longer read it."""
    file = tmp_path / ".env"
    file.write_text("old")
    monkeypatch.setattr(setting_files.os, "geteuid", lambda: file.stat().st_uid + 1)
    with pytest.raises(NotWritten, match="belongs to another user"):
        replace_file(file, "new", private=True)
    with pytest.raises(NotWritten, match="can't be written"):
        replace_file(Path("/nowhere/.env"), "new", private=True)
