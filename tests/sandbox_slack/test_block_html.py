"""Blocks as HTML: what anybody can type is text, and what can be used says what it is."""

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from sandbox.slack.block_html import HtmlReader, blocks_html, message_html, view_html

NOW = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)
READER = HtmlReader(name={"U1": "ann<b>"}.get, now=NOW)
EVIL = "<script>alert(1)</script> & \"'"


class Tags(HTMLParser):
    """The tags of a page, and its words."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data


def plain(text):
    return {"type": "plain_text", "text": text}


def option(text):
    return {"text": plain(text), "value": text}


BLOCKS = [
    {"type": "header", "text": plain(EVIL)},
    {"type": "section", "text": plain(EVIL), "fields": [plain(EVIL)]},
    {"type": "context", "elements": [plain(EVIL)]},
    {"type": "rich_text", "elements": [{"type": "text", "text": EVIL, "style": {"bold": True}}]},
    {"type": "table", "rows": [[{"type": "raw_text", "text": EVIL}]]},
    {
        "type": "actions",
        "block_id": EVIL,
        "elements": [
            {"type": "button", "action_id": EVIL, "value": EVIL, "text": plain(EVIL)},
            {"type": "static_select", "action_id": "a", "options": [option(EVIL)]},
            {"type": "checkboxes", "action_id": "b", "options": [option(EVIL)]},
            {"type": "plain_text_input", "action_id": "c", "initial_value": EVIL},
        ],
    },
    {
        "type": "input",
        "block_id": "i",
        "label": plain(EVIL),
        "hint": plain(EVIL),
        "element": {"type": "number_input", "action_id": "n", "initial_value": EVIL},
    },
    {"type": EVIL},
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda each: each["type"][:12])
def test_what_a_merchant_wrote_is_text(block):
    """A product's title must not run in the page."""
    tags = Tags(blocks_html([block], READER))
    assert "script" not in [name for name, _ in tags.tags]
    assert not [key for _, attrs in tags.tags for key in attrs if key.startswith("on")]


def test_mrkdwn_shows_people_dates_and_links():
    """As Slack does; a name is text, too."""
    at = int(NOW.timestamp())
    text = (
        f"<@U1> at <!date^{at}^{{date_short_pretty}} {{time}}|x>: <https://a.example/?q=1|it> &lt;"
    )
    made = READER.mrkdwn(text)
    assert Tags(made).words == "@ann<b> at Today 10:00: it <"
    assert [attrs["class"] for _, attrs in Tags(made).tags] == ["at", "d", "link"]


def test_a_button_says_what_it_is_and_asks_first():
    """A page that listens passes just that to the app."""
    button = {"type": "button", "action_id": "go", "value": "7", "text": plain("Go")}
    button["confirm"] = {
        "title": plain("Sure?"),
        "text": plain("All of it"),
        "confirm": plain("Go"),
    }
    block = {"type": "actions", "block_id": "b1", "elements": [button]}
    [(name, about)] = [
        each for each in Tags(blocks_html([block], READER)).tags if each[0] == "button"
    ]
    assert (name, about["data-action"], about["data-block"]) == ("button", "go", "b1")
    assert about["data-value"] == "7"
    assert '"title": "Sure?"' in about["data-confirm"]


def test_a_form_shows_what_is_wrong_beside_the_field():
    """Else nobody finds which of ten numbers it was."""
    field = {
        "type": "input",
        "block_id": "n",
        "label": plain("Units"),
        "optional": True,
        "element": {"type": "number_input", "action_id": "v"},
    }
    view = {"type": "modal", "title": plain("Set"), "submit": plain("Save"), "blocks": [field]}
    tags = Tags(view_html(view, READER, {"n": "Too many"}))
    assert "Units (optional)Too many" in tags.words
    assert ("input", "Units") in [(name, attrs.get("aria-label")) for name, attrs in tags.tags]
    assert [attrs for _, attrs in tags.tags if "data-submit" in attrs]


def test_a_message_without_blocks_shows_its_text():
    """A person's, for example."""
    made = message_html("hello *there*", [], READER, who="bob", at=NOW)
    assert Tags(made).words == "Bbob 10:00hello *there*"
