"""The manifest is what a person pastes into Slack: a wrong line costs them an hour."""

import json
from urllib.parse import parse_qs

import pytest
import typer
from typer.testing import CliRunner

from bot.cli import register
from bot.manifest import manifest, manifest_link
from sync_core.errors import NotAllowed

URL = "https://tipo.example.com/slack/events"


def read(text):
    """Read the small part of YAML that the manifest is written in; refuse any other."""
    lines = []
    for line in text.splitlines():
        bare = line.partition("  #")[0].rstrip()
        assert "\t" not in bare
        if bare.strip().startswith("- ") and ": " in bare:
            # "- a: b" opens a map inside of a list: as if the map stood on lines of its own
            indent = len(bare) - len(bare.lstrip())
            lines += [(indent, "-"), (indent + 2, bare.strip()[2:])]
        else:
            lines.append((len(bare) - len(bare.lstrip()), bare.strip()))
    value, rest = _block(lines)
    assert rest == []
    return value


def _block(lines):
    indent = lines[0][0]
    assert indent % 2 == 0
    found = [] if lines[0][1].startswith("-") else {}
    while lines and lines[0][0] == indent:
        words, lines = lines[0][1], lines[1:]
        if isinstance(found, list):
            assert words.startswith("-")
            if words == "-":
                value, lines = _block(lines)
                found.append(value)
            else:
                found.append(_scalar(words[2:]))
            continue
        name, colon, value = words.partition(":")
        assert colon
        assert name not in found
        if value:
            assert value.startswith(" ")
            found[name] = _scalar(value[1:])
        else:
            assert lines[0][0] == indent + 2
            found[name], lines = _block(lines)
    assert not lines or lines[0][0] < indent
    return found, lines


def _scalar(words):
    if words.startswith('"'):
        return json.loads(words)
    assert not any(each in words for each in "#{}[]|>&*!%@`'")
    assert ": " not in words
    if words in {"true", "false"}:
        return words == "true"
    return int(words) if words.isdecimal() else words


def app():
    made = typer.Typer()
    made.command("other")(lambda: None)
    register(made)
    return made


def test_it_is_what_slack_needs():
    """Commands escaped, one address for everything, no scope that is not used."""
    assert read(manifest("https://tipo.example.com")) == {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": "Tipo",
            "description": "Keeps the stock of your Shopify stores in sync",
            "background_color": "#1F2937",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "Tipo", "always_online": True},
            "shortcuts": [
                {
                    "name": "Why this number?",
                    "type": "message",
                    "callback_id": "why",
                    "description": "What moved the stock of the product in this message",
                }
            ],
            "slash_commands": [
                {
                    "command": "/tipo",
                    "url": URL,
                    "description": "Stock and sync",
                    "usage_hint": "stock <product> | mode two-way | drift | help",
                    "should_escape": True,
                }
            ],
        },
        "oauth_config": {
            "scopes": {
                "bot": [
                    "commands",
                    "chat:write",
                    "users:read",
                    "channels:read",
                    "groups:read",
                    "usergroups:read",
                    "app_mentions:read",
                    "im:history",
                ]
            }
        },
        "settings": {
            "event_subscriptions": {
                "request_url": URL,
                "bot_events": [
                    "app_home_opened",
                    "app_mention",
                    "app_uninstalled",
                    "member_joined_channel",
                    "message.im",
                    "tokens_revoked",
                ],
            },
            "interactivity": {"is_enabled": True, "request_url": URL},
            "org_deploy_enabled": False,
            "socket_mode_enabled": False,
            "token_rotation_enabled": False,
        },
    }


def test_for_socket_mode_the_addresses_are_left_out():
    """And nothing else changes."""
    by_http = read(manifest("https://tipo.example.com"))
    del by_http["features"]["slash_commands"][0]["url"]
    del by_http["settings"]["event_subscriptions"]["request_url"]
    del by_http["settings"]["interactivity"]["request_url"]
    by_http["settings"]["socket_mode_enabled"] = True
    assert read(manifest(None)) == by_http


@pytest.mark.parametrize(
    "given",
    ["https://tipo.example.com", "https://tipo.example.com/", URL, f"  {URL}/  "],
)
def test_the_address_is_completed(given):
    """People paste what they have."""
    assert URL in manifest(given)


@pytest.mark.parametrize(
    "given",
    ["http://tipo.example.com", "tipo.example.com", "https://", 'https://a"b', "https://a b"],
)
def test_an_address_that_slack_refuses_is_refused(given):
    """Slack would say nothing more than that something is wrong."""
    with pytest.raises(NotAllowed, match="isn't an https address"):
        manifest(given)


def test_the_command_prints_it():
    """The YAML alone goes to stdout, so that it can be piped; what is next goes to stderr."""
    said = CliRunner().invoke(app(), ["slack", "manifest", "--url", "https://tipo.example.com"])
    assert said.exit_code == 0
    assert said.stdout == manifest("https://tipo.example.com")
    assert "tipo doctor" in said.stderr


@pytest.mark.parametrize("url", [URL, None], ids=["an address", "Socket Mode"])
def test_the_link_has_all_of_it_filled_in(url):
    """What each scope is for is left out: browsers and terminals cut long links."""
    link = manifest_link(url)
    address, _, query = link.partition("?")
    assert address == "https://api.slack.com/apps"
    given = parse_qs(query, strict_parsing=True)
    assert given["new_app"] == ["1"]
    [text] = given["manifest_yaml"]
    assert read(text) == read(manifest(url))
    assert "  #" not in text
    assert len(link) < 3_000


def test_the_command_speaks_json():
    """For programs."""
    said = CliRunner().invoke(app(), ["slack", "manifest", "--socket", "--json"])
    assert json.loads(said.stdout)["manifest"] == manifest(None)
    assert json.loads(said.stdout)["link"] == manifest_link(None)


@pytest.mark.parametrize("words", [[], ["--socket", "--url", "https://tipo.example.com"]])
def test_without_one_of_both_it_says_what_to_type(words):
    """An error is the next step."""
    said = CliRunner().invoke(app(), ["slack", "manifest", *words])
    assert isinstance(said.exception, NotAllowed)
    assert "tipo slack manifest --url" in str(said.exception)
