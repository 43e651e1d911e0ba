"""The numbers are Slack's: slackblocks and slack_sdk, which are not ours, say the same or more."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slackblocks import _limits, _surfaces

from sandbox.slack.limits import MAX, MIN, SURFACES
from sandbox.slack.validation import check_blocks, check_view

# Sources disagree about these; the lower number was taken on purpose.
LOWER = {
    "DATA_TABLE_ROWS_MAX_ITEMS": 101,
    "DATA_TABLE_CONTENT_MAX_LENGTH": 10_000,
    "DATA_TABLE_TOTAL_CONTENT_MAX_LENGTH": 10_000,
    "DATA_VISUALIZATION_SEGMENTS_MAX_ITEMS": 6,
    "DATA_VISUALIZATION_SERIES_MAX_ITEMS": 6,
}
# Written into its rule: above 0, not at least.
ELSEWHERE = {"DATA_VISUALIZATION_SEGMENT_VALUE_EXCLUSIVE_MIN"}
THEIRS = {name: value for name, value in vars(_limits).items() if name.isupper()}
SUFFIX = re.compile(r"_(MAX|MIN)(_LENGTH|_ITEMS)?$")


def ours(table):
    return {key.upper().replace(".", "_"): value for key, value in table.items()}


@pytest.mark.parametrize("name", sorted(THEIRS.keys() - ELSEWHERE))
def test_each_number_is_that_of_slackblocks(name):
    """A number learnt wrong would let a message through that Slack refuses."""
    end = SUFFIX.search(name)
    table = ours(MAX if end[1] == "MAX" else MIN)
    assert table[name[: end.start()]] == LOWER.get(name, THEIRS[name])


def test_each_surface_takes_what_slackblocks_says():
    """A table in a modal is refused by Slack, and an alert in a message."""
    theirs = {name: set(kinds) for name, kinds in _surfaces._BLOCK_TYPES_BY_SURFACE.items()}
    theirs["home"] -= {"table", "data_table"}  # Slack's page names messages alone: the lower
    assert {name: set(kinds) for name, kinds in SURFACES.items()} == theirs


def plain(text):
    return {"type": "plain_text", "text": text}


def button(**more):
    return {"type": "button", "action_id": "a", "text": plain("Go"), **more}


def option(text="one", value="1"):
    return {"text": plain(text), "value": value}


LONG = st.sampled_from([0, 1, 2, 74, 75, 76, 149, 150, 151, 299, 300, 301, 1999, 2000, 2001]) | (
    st.sampled_from([2999, 3000, 3001])
)
WORDS = LONG.map(lambda size: "x" * size)
BLOCKS = st.one_of(
    WORDS.map(lambda text: {"type": "header", "text": plain(text)}),
    WORDS.map(lambda text: {"type": "section", "text": plain(text)}),
    st.integers(1, 12).map(lambda many: {"type": "section", "fields": [plain("x")] * many}),
    st.integers(1, 12).map(lambda many: {"type": "context", "elements": [plain("x")] * many}),
    st.integers(1, 27).map(
        lambda many: {
            "type": "actions",
            "elements": [button(action_id=f"a{at}") for at in range(many)],
        }
    ),
    WORDS.map(lambda text: {"type": "actions", "elements": [button(text=plain(text))]}),
    WORDS.map(lambda text: {"type": "actions", "elements": [button(value=text)]}),
    WORDS.map(
        lambda text: {
            "type": "image",
            "image_url": "https://example.com/a.png",
            "alt_text": text,
        }
    ),
    WORDS.map(
        lambda text: {
            "type": "input",
            "label": plain(text),
            "element": {"type": "plain_text_input", "action_id": "a"},
        }
    ),
    WORDS.map(
        lambda text: {
            "type": "actions",
            "elements": [
                button(
                    confirm={
                        "title": plain(text),
                        "text": plain("x"),
                        "confirm": plain("y"),
                        "deny": plain("n"),
                    }
                )
            ],
        }
    ),
    st.integers(0, 7).map(
        lambda many: {
            "type": "actions",
            "elements": [
                {
                    "type": "overflow",
                    "action_id": "o",
                    "options": [option(value=str(at)) for at in range(many)],
                }
            ],
        }
    ),
)


@given(BLOCKS)
def test_what_passes_here_passes_the_models_of_slack_sdk(block):
    """The sandbox may be stricter than the SDK, never laxer."""
    if check_blocks([block], "message"):
        return
    parsed = Block.parse(block)
    try:
        assert parsed.to_dict() == block
    except SlackObjectFormationError as refused:
        pytest.fail(f"passed here, refused there: {refused}")


def table(rows, kind="table", **more):
    cells = [[{"type": "raw_text", "text": text} for text in row] for row in rows]
    return {"type": kind, "rows": cells, **more}


def chart(series):
    points = [{"label": "Mon", "value": 1}]
    made = [{"name": name, "data": points} for name in series]
    axes = {"categories": ["Mon"]}
    return {
        "type": "data_visualization",
        "title": "Units",
        "chart": {"type": "bar", "series": made, "axis_config": axes},
    }


def section(text="x", **more):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def container(*children, **more):
    return {"type": "container", "title": plain("x"), "child_blocks": list(children), **more}


DIVIDER = {"type": "divider"}
GOOD = {
    "fifty blocks": [DIVIDER] * 50,
    "a full table": [table([["x" * 5] * 20] * 100)],
    "a full data table": [table([["x"] * 20] * 101, "data_table", caption="c")],
    "two charts": [chart(["eu"]), chart(["eu", "us"])],
    "a section at its longest": [section("x" * 3000)],
    "a full container": [container(*[DIVIDER] * 10)],
    "the same action in two blocks": [
        {"type": "actions", "elements": [button()]},
        {"type": "actions", "elements": [button()]},
    ],
}
BAD = {
    "fifty-one blocks": ([DIVIDER] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    "an unknown block": ([{"type": "poem"}], "[json-pointer:/blocks/0/type]"),
    "an unknown field": ([{**DIVIDER, "color": "red"}], "invalid additional property: color"),
    "an alert in a message": (
        [{"type": "alert", "text": plain("x")}],
        "[json-pointer:/blocks/0/type]",
    ),
    "a field too long": (
        [{"type": "section", "fields": [plain("x" * 2001)]}],
        "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]",
    ),
    "an empty text": ([section("")], "must be more than 0 characters"),
    "the same action twice in a block": (
        [{"type": "actions", "elements": [button(), button()]}],
        "duplicate action_id: a",
    ),
    "the same block id twice": (
        [section(block_id="b"), container(section(block_id="b"))],
        "block_id already exists: b",
    ),
    "an option's text too long": (
        [
            section(
                accessory={"type": "static_select", "action_id": "s", "options": [option("x" * 76)]}
            )
        ],
        "must be less than 76 characters",
    ),
    "a hundred and one rows": ([table([["x"]] * 101)], "no more than 100 items allowed"),
    "twenty-one columns": ([table([["x"] * 21])], "no more than 20 items allowed"),
    "10,001 characters in a table": (
        [table([["x" * 5001], ["x" * 5000]])],
        "must be less than 10001 characters",
    ),
    "10,001 characters in two tables": (
        [table([["x" * 5001]]), table([["x" * 5000]])],
        "must be less than 10001 characters",
    ),
    "uneven rows in a data table": (
        [table([["a", "b"], ["c"]], "data_table", caption="c")],
        "all rows must have the same length",
    ),
    "a data table with an empty cell": (
        [table([["a"], [""]], "data_table", caption="c")],
        "must be more than 0 characters",
    ),
    "a data table without a caption": (
        [table([["a"], ["b"]], "data_table")],
        "missing required field: caption",
    ),
    "three charts": ([chart(["eu"])] * 3, "no more than 2 data_visualization blocks"),
    "a series named twice": ([chart(["eu", "eu"])], "series must have unique names"),
    "seven series": ([chart(string.ascii_lowercase[:7])], "no more than 6 items allowed"),
    "a container in a container": ([container(container(DIVIDER))], "must be one of: actions"),
    "collapsed but not collapsible": (
        [container(DIVIDER, default_collapsed=True)],
        "default_collapsed needs is_collapsible",
    ),
    "markdown of 12,001 characters over two blocks": (
        [{"type": "markdown", "text": "x" * 6000}, {"type": "markdown", "text": "x" * 6001}],
        "must be less than 12001 characters",
    ),
    "a lone pending task": (
        [{"type": "task_card", "task_id": "1", "title": "t", "status": "pending"}],
        "a task card alone must not be pending",
    ),
    "a text input among actions": (
        [{"type": "actions", "elements": [{"type": "plain_text_input", "action_id": "a"}]}],
        "must be one of: button",
    ),
    "a card without anything": ([{"type": "card"}], "must have at least one of: hero_image"),
    "no list": ("x", "must provide an array"),
}


@pytest.mark.parametrize("name", list(GOOD))
def test_what_slack_takes_is_taken(name):
    """A checker that refuses too much forbids good messages."""
    assert [problem.words for problem in check_blocks(GOOD[name], "message")] == []


@pytest.mark.parametrize("name", list(BAD))
def test_what_slack_refuses_is_refused_with_its_place(name):
    """Whoever wrote the block must find out which."""
    blocks, words = BAD[name]
    problems = [problem.words for problem in check_blocks(blocks, "message")]
    assert problems
    assert any(words in problem for problem in problems)


INPUT = {
    "type": "input",
    "label": plain("Units"),
    "element": {"type": "plain_text_input", "action_id": "a"},
}
MODAL = {"type": "modal", "title": plain("Places"), "blocks": [INPUT], "submit": plain("Save")}
HOME = {"type": "home", "blocks": [section()]}


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (MODAL, []),
        (HOME, []),
        (
            {name: value for name, value in MODAL.items() if name != "submit"},
            ["[ERROR] submit is required when an input is in the blocks [json-pointer:/view]"],
        ),
        (
            {**MODAL, "title": plain("x" * 25)},
            ["[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"],
        ),
        (
            {**MODAL, "private_metadata": "x" * 3001},
            ["[ERROR] must be less than 3001 characters [json-pointer:/view/private_metadata]"],
        ),
        ({**HOME, "blocks": [DIVIDER] * 100}, []),
        (
            {**HOME, "blocks": [DIVIDER] * 101},
            ["[ERROR] no more than 100 items allowed [json-pointer:/view/blocks]"],
        ),
        (
            {**HOME, "title": plain("x")},
            ["[ERROR] invalid additional property: title [json-pointer:/view/title]"],
        ),
    ],
    ids=["modal", "home", "no submit", "title", "metadata", "100 blocks", "101", "titled home"],
)
def test_a_view_is_held_to_its_own_rules(view, words):
    """What a modal may hold differs from what a message may."""
    assert [problem.words for problem in check_view(view)] == words


def test_a_table_is_for_messages_alone():
    """Slack refuses the whole modal for it, and perhaps the whole Home."""
    found = {surface: bool(check_blocks([table([["x"]])], surface)) for surface in SURFACES}
    assert found == {"message": False, "home": True, "modal": True}
