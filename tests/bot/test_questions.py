"""What `tipo init` asks about Slack is what that workspace needs, and nothing twice."""

import pytest

from bot import questions
from bot.questions import read_approvers, read_channel


def asked(url):
    return {each.setting: each.unless for step in questions.steps(url) for each in step.questions}


def test_each_way_to_slack_asks_for_its_own_secret():
    """And for none where somebody has set up the other way by hand."""
    both = {"slack.bot_token": "", "slack.channel": "", "slack.approvers": ""}
    assert asked("https://tipo.example.com") == {
        **both,
        "slack.signing_secret": "slack.app_token",
    }
    assert asked(None) == {**both, "slack.app_token": "slack.signing_secret"}


@pytest.mark.parametrize(
    ("typed", "channel"),
    [
        pytest.param(" C0123456789 ", "C0123456789", id="an ID"),
        pytest.param("https://a.slack.com/archives/G0123456789/p1", "G0123456789", id="a link"),
    ],
)
def test_a_channel_is_its_id_or_its_link(typed, channel):
    assert read_channel(typed) == channel


@pytest.mark.parametrize("typed", ["#stock", "stock", "U0123456789", ""])
def test_a_name_is_no_channel(typed):
    with pytest.raises(ValueError, match="paste the channel's link"):
        read_channel(typed)


def test_approvers_are_ids_of_people_and_groups():
    assert read_approvers("U0123456789, S0123456789  W0123456789") == [
        "U0123456789",
        "S0123456789",
        "W0123456789",
    ]
    assert read_approvers("") == []
    with pytest.raises(ValueError, match="@ann is no ID"):
        read_approvers("U0123456789 @ann")
    with pytest.raises(ValueError, match="name a user group"):
        read_approvers(" ".join(f"U{number:09}" for number in range(101)))
