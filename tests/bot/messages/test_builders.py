"""Every message and view, with the worst that data can hold."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from sandbox.slack.validation import check_blocks as sandbox_check
from sandbox.slack.validation import check_view as check_view_too
from sandbox.slack.validation import too_many_tables
from tests.bot.limits import NO_SDK, pings, problems, view_problems
from tests.bot.messages.conftest import MESSAGES, NASTY, VIEWS, words

counts = st.sampled_from([0, 1, 2, 3, 25, 100, 101])


def check_blocks(blocks):
    """Slack's own library reads each block as it was meant."""
    for block in blocks:
        if block["type"] not in NO_SDK:
            assert Block.parse(block).to_dict() == block


def check_message(said):
    assert problems(said.blocks) == []
    assert pings(said.text, said.blocks) == []
    assert len(said.text) <= 3000
    assert len(said.text.split()) > 1
    assert said.text[-1] in ".:?!\u2026)\u2069"
    assert list(sandbox_check(said.blocks, "message")) == []
    assert not too_many_tables(said.blocks)
    check_blocks(said.blocks)
    json.dumps(said.blocks, ensure_ascii=False).encode()


def check_view(view):
    assert view_problems(view) == []
    assert pings("", view["blocks"]) == []
    assert list(check_view_too(view)) == []
    check_blocks(view["blocks"])


@pytest.mark.parametrize("name", MESSAGES)
@settings(max_examples=12)  # of each of a hundred builders
@given(text=words, n=counts)
def test_a_message_fits_slack_and_pings_nobody(name, text, n):
    """A title that a merchant typed must not ping a channel, and never costs us the message."""
    check_message(MESSAGES[name](n, text))


@pytest.mark.parametrize("name", VIEWS)
@settings(max_examples=12)  # of each of a hundred builders
@given(text=words, n=counts)
def test_a_view_fits_slack_and_pings_nobody(name, text, n):
    """A form that Slack refuses is a click without an answer."""
    check_view(VIEWS[name](n, text))


@pytest.mark.parametrize("text", [NASTY[1], NASTY[2], NASTY[6]], ids=["long", "pings", "rtl"])
@pytest.mark.parametrize("name", MESSAGES)
def test_ten_thousand_rows_make_one_message(name, text):
    """A night with ten thousand findings is when people need the message most."""
    check_message(MESSAGES[name](10_000, text))


@pytest.mark.parametrize("name", VIEWS)
def test_ten_thousand_rows_make_one_view(name):
    check_view(VIEWS[name](10_000, NASTY[1]))


def buttons_of(thing):
    if isinstance(thing, dict):
        if thing.get("type") == "button":
            yield thing
        for value in thing.values():
            yield from buttons_of(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from buttons_of(value)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_button_carries_no_words_of_merchants(name):
    """What a button carries comes back to us signed: nothing of it may be believed or leak."""
    for button in buttons_of(MESSAGES[name](3, "merchant")):
        assert "merchant" not in button.get("value", "")
