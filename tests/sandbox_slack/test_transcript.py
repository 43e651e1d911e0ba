"""What a person reads in Slack, as plain text; and whom a message would call."""

from hypothesis import given
from hypothesis import strategies as st

from sandbox.slack import Ping, view_text
from sandbox.slack.mrkdwn import displayed, escape, pings, pings_in, typed

WORDS = st.text(max_size=60) | st.sampled_from(
    ["<!channel>", "<@U1>", "a & b < c", "&lt;!here&gt;", "<https://evil|Shopify>"]
)


def nobody(_key):
    return None


@given(WORDS)
def test_escaped_words_read_as_typed_and_call_nobody(words):
    """A merchant's title must neither ping nor become a link."""
    assert displayed(escape(words), nobody) == words
    assert list(pings_in(escape(words))) == []


def mrkdwn(text):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def test_every_way_to_call_somebody_is_found():
    """A test that asks "who was pinged" must not miss one."""
    rich = {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "user", "user_id": "U2"},
                    {"type": "usergroup", "usergroup_id": "S1"},
                    {"type": "broadcast", "range": "here"},
                    {"type": "text", "text": "<!channel>"},
                ],
            }
        ],
    }
    container = {
        "type": "container",
        "rich_text_title": {"type": "rich_text", "elements": [{"type": "user", "user_id": "U3"}]},
        "child_blocks": [mrkdwn("<!subteam^S2|@ops>")],
    }
    quiet = {"type": "section", "text": {"type": "plain_text", "text": "<!everyone>"}}
    found = pings("<!channel> <@U1|ann>", [rich, container, quiet])
    assert found == [
        Ping("channel", "channel"),
        Ping("user", "U1"),
        Ping("user", "U2"),
        Ping("group", "S1"),
        Ping("here", "here"),
        Ping("user", "U3"),
        Ping("group", "S2"),
    ]


def test_typed_names_become_links_and_signs_are_escaped():
    """So does Slack with should_escape; a mail address is no name."""
    names = {"@ann": "<@U1|ann>", "#stock": "<#C1|stock>", "@channel": "<!channel>"}
    line = "@ann #stock @channel @nobody me@ann.com Tom & <b> https://a.b/c"
    assert typed(line, names) == (
        "<@U1|ann> <#C1|stock> <!channel> @nobody me@ann.com Tom &amp; &lt;b&gt; <https://a.b/c>"
    )


def plain(text):
    return {"type": "plain_text", "text": text}


def button(action_id, text, **more):
    return {"type": "button", "action_id": action_id, "text": plain(text), **more}


REPORT = [
    {"type": "header", "text": plain("2 products differ")},
    mrkdwn(f"Seen by <@{{ann}}>, <!channel>: {escape('Tom & <Jerry>')}"),
    {
        "type": "table",
        "rows": [
            [{"type": "raw_text", "text": "Product"}, {"type": "raw_text", "text": "Units"}],
            [
                {"type": "raw_text", "text": "Slim Fit Denim Jacket"},
                {"type": "raw_number", "value": 3, "text": "3"},
            ],
        ],
        "column_settings": [None, {"align": "right"}],
    },
    {
        "type": "context",
        "elements": [
            {"type": "mrkdwn", "text": "<!date^1763881234^{date_short_pretty} {time}|then>"}
        ],
    },
    {
        "type": "data_visualization",
        "title": "Causes",
        "chart": {
            "type": "pie",
            "segments": [{"label": "Sales", "value": 4}, {"label": "Refunds", "value": 2}],
        },
    },
    {
        "type": "container",
        "title": plain("Details"),
        "is_collapsible": True,
        "default_collapsed": True,
        "child_blocks": [{"type": "divider"}],
    },
    {"type": "actions", "elements": [button("ok", "Approve"), button("no", "Dismiss")]},
]
MODAL = {
    "type": "modal",
    "title": plain("Buffer"),
    "submit": plain("Save"),
    "close": plain("Cancel"),
    "blocks": [
        {
            "type": "input",
            "block_id": "units",
            "label": plain("Units"),
            "element": {
                "type": "plain_text_input",
                "action_id": "n",
                "placeholder": plain("3"),
            },
            "hint": plain("Kept back."),
        },
        {
            "type": "actions",
            "block_id": "kind",
            "elements": [
                {
                    "type": "checkboxes",
                    "action_id": "c",
                    "options": [{"text": plain("all"), "value": "all"}],
                }
            ],
        },
    ],
}
HISTORY = """\
=== #stock ===

12:00:00 ann types: /tipo drift

12:00:00 Slackbot (only ann sees this):
    /tipo failed with the error "dispatch_failed"

12:00:00 tipo:
    ## 2 products differ
    Seen by @ann, [PING @channel]: Tom & <Jerry>
    Product                Units
    ---------------------  -----
    Slim Fit Denim Jacket      3
    · Nov 23, 2025 07:00
    Causes (pie chart)
      Sales    4  ########################
      Refunds  2  ############
    +-- Details (collapsed) ------------------------------------------------------------
    | ----------------------------------------
    +-----------------------------------------------------------------------------------
    [Approve] [Dismiss]

    12:00:01 tipo (in the thread):
        Slim Fit Denim Jacket: 3 in Berlin

12:00:01 tipo (updated in place, version 2):
    Approved by @ann

12:00:01 tipo (only ann sees this):
    Thank you

12:00:01 a modal opens for ann:
    +-- Buffer -------------------------------------------------------------------------
    | Units: [3___________________]
    | Kept back.
    | ( ) all
    | [Cancel] [Save]
    +-----------------------------------------------------------------------------------

12:00:01 Home of ann:
    +-- Home ---------------------------------------------------------------------------
    | All equal
    +-----------------------------------------------------------------------------------
"""
NOW = """\
=== #stock as bob sees it ===

12:00:00 tipo (updated in place, version 2):
    Approved by @ann

    12:00:01 tipo (in the thread):
        Slim Fit Denim Jacket: 3 in Berlin
"""


async def test_the_transcript_tells_the_whole_conversation(harness, clock):
    """Documentation and demo show exactly this; every mark in it means something."""
    workspace, client, ann, stock = harness.workspace, harness.client, harness.ann, harness.stock
    await workspace.command(ann, "/tipo drift", channel=stock)
    blocks = [*REPORT]
    blocks[1] = mrkdwn(REPORT[1]["text"]["text"].format(ann=ann.id))
    report = await client.chat_postMessage(channel=stock.id, text="2 differ", blocks=blocks)
    clock.now += 1
    detail = "Slim Fit Denim Jacket: 3 in Berlin"
    await client.chat_postMessage(channel=stock.id, text=detail, thread_ts=report["ts"])
    done = f"Approved by <@{ann.id}>"
    await client.chat_update(channel=stock.id, ts=report["ts"], text=done)
    await client.chat_postEphemeral(channel=stock.id, user=ann.id, text="Thank you")
    await client.views_open(trigger_id=workspace.api.new_trigger(ann.id), view=MODAL)
    home = {"type": "home", "blocks": [{"type": "section", "text": plain("All equal")}]}
    await client.views_publish(user_id=ann.id, view=home)
    assert workspace.transcript() == HISTORY
    assert workspace.channel_text(stock, harness.bob) == NOW
    assert workspace.pinged() == [Ping("user", ann.id), Ping("channel", "channel")]
    assert "Home" not in workspace.transcript(stock)


async def test_a_view_shows_its_errors_beside_its_inputs(harness):
    """Whoever is told no must see where."""
    await harness.client.views_open(
        trigger_id=harness.workspace.api.new_trigger(harness.ann.id), view=MODAL
    )
    view = harness.workspace.modal(harness.ann)
    view.errors = {"units": "Not below zero."}
    assert "| ! units: Not below zero." in view_text(harness.workspace.state, view)
