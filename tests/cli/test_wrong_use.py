"""Whatever is wrong is told in a sentence with the next step; nobody meets a traceback."""

import socket

import pytest

from sync_core.cli import main


def test_no_settings_at_all(lone):
    said = lone("status", expect=2).output
    assert "at least two stores are needed" in said
    assert "TIPO_STORES__EU__DOMAIN" in said


@pytest.mark.parametrize("command", ["serve", "status", "mode", "locations", "pause --yes"])
def test_no_command_works_without_settings(lone, command):
    assert "at least two stores are needed" in lone(*command.split(), expect=2).output


def test_a_question_makes_no_database(tipo, bare):
    """Asked in the wrong folder, an empty answer would hide the mistake."""
    said = tipo("stock", "jacket", expect=2).output
    assert "there is no database at" in said
    assert "tipo serve" in said
    assert list(bare.iterdir()) == []


def test_a_wrong_domain(tipo, monkeypatch):
    monkeypatch.setenv("TIPO_STORES__EU__DOMAIN", "urbanwear.example.com")
    said = tipo("status", expect=2).output
    assert "DOMAIN must look like urbanwear-eu.myshopify.com" in said


def test_a_missing_token(tipo, monkeypatch):
    monkeypatch.delenv("TIPO_STORES__US__CLIENT_SECRET")
    said = tipo("status", expect=2).output
    assert "TIPO_STORES__US: ACCESS_TOKEN is needed, or CLIENT_ID and CLIENT_SECRET" in said


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("nonsense", "is no URL", id="no URL"),
        pytest.param("mysql://host/db", "names mysql", id="another database"),
        pytest.param("sqlite:////nowhere/tipo.db", "there is no database at", id="no such folder"),
        pytest.param("postgresql://u:geheim@127.0.0.1:1/x", "cannot be used", id="nobody answers"),
    ],
)
def test_a_bad_database(tipo, monkeypatch, url, words):
    monkeypatch.setenv("TIPO_DATABASE_URL", url)
    said = tipo("status", expect=2).output
    assert words in said
    assert "geheim" not in said


def test_a_file_that_is_no_database(tipo, bare):
    (bare / "tipo.db").write_text("Dear diary, today we sold nothing at all. " * 50)
    assert "cannot be used" in tipo("status", expect=2).output


def test_an_unknown_alias(known):
    said = known("mode", "two-way", "mars", "--yes", expect=2).output
    assert "mars is not a destination; the destinations are us" in said


def test_a_misspelt_command_gets_the_nearest(lone):
    said = lone("stokc", expect=2).output
    assert "No such command 'stokc'" in said
    assert "stock" in said


def test_an_unknown_mode(lone):
    assert "'two-way', 'one-way', 'off'" in lone("mode", "sideways", expect=2).output


def test_stock_needs_words(lone):
    assert "Missing argument" in lone("stock", expect=2).output


def test_a_port_that_is_taken(tipo, monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setenv("TIPO_PORT", str(other.getsockname()[1]))
        said = tipo("serve", expect=2).output
    assert "cannot listen at 127.0.0.1" in said
    assert "TIPO_PORT" in said


@pytest.mark.usefixtures("tipo")
def test_words_that_are_no_utf_8(monkeypatch, capsys):
    """What a terminal could not decode is half a surrogate pair to us: no encoder takes it."""
    monkeypatch.setattr("sys.argv", ["tipo", "jacket\udce9"])
    with pytest.raises(SystemExit):
        main()
    assert "jacket\ufffd" in capsys.readouterr().err


def test_one_sqlite_file_has_one_process_for_everything(tipo, bare):
    """With a part of it alone the stores would not be in sync, and nothing would say so."""
    said = tipo("serve", "--only", "web", "--only", "bot", expect=2).output
    assert "nobody would be scheduler or worker" in said
    assert "leave out --only, or use PostgreSQL" in said
    assert list(bare.iterdir()) == []


def test_a_role_that_does_not_exist(tipo):
    assert "worker" in tipo("serve", "--only", "works", expect=2).output
