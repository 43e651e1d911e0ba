"""Every command, through signed requests and through a socket: acked at once, answered in words."""

import json

import pytest

from bot.commands.grammar import COMMANDS
from sync_core.domain.proposals import ProposalKind
from sync_core.domain.values import Mode
from tests.bot.conftest import ACKED_WITHIN_MS, at_work, until


@pytest.fixture(params=["http", "socket"])
async def slack_app(request, staff, core):
    staff.slack.rate_limiter.enabled = request.param == "http"
    async with at_work(staff, core, socket=request.param == "socket") as made:
        yield made


async def ask(staff, line, person=None, channel=None):
    interaction = await staff.slack.command(
        person or staff.ann, f"/tipo {line}".strip(), channel=channel or staff.stock
    )
    assert interaction.acked, interaction.ack
    assert interaction.ack_ms < ACKED_WITHIN_MS
    return (await interaction.answer()), interaction


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "Type /tipo and a product"),
        ("help", "or one of these"),
        ("status", "US isn't connected yet"),
        ("mode", "off"),
        ("stock SFDJ-M", "Slim Fit Denim Jacket (M)"),
        ("stock nothing like it", "No synced product matches"),
        ("stock nothing\0like it", "nothing\ufffdlike it"),
        ("why SFDJ-M", "Slim Fit Denim Jacket (M)"),
        ("history jacket", "jacket"),
        ("drift", ""),
        ("unmatched", "45"),
        ("locations", "1 shared location"),
        ("buffer SFDJ-M 2 us", "kept back from US"),
        ("buffer all 1", "1 unit of every product, new ones included, is kept back from every"),
        ("buffer slim-fit-denim-jacket 2", "kept back"),
        ("pack SFDJ-M 6 us", "Count"),
        ("pack jacket 6 us", "Name one by its SKU: /tipo pack SFDJ-M 6 us"),
        ("pack SFDJ-M 1 us", "1 already in us"),
        ("buffer jacket 2 us", "Name one by its SKU: /tipo buffer SFDJ-M 2 us"),
        ("pause", "paused"),
        ("resume", "resumed"),
        ("undo 99", "There is no receipt 99."),
        ("approvers", "Every member of this channel can approve"),
        ("quiet", "No quiet hours"),
        ("quiet 22:00-07:00", "22:00"),
        ("quiet off", "No quiet hours"),
        ("alerts", "digest"),
        ("alerts problems", "problems"),
        ("stok SFDJ-M", "No product matches “stok SFDJ-M”. Did you mean /tipo stock SFDJ-M?"),
        ("statsu", "No product matches “statsu”. Did you mean /tipo status?"),
        ("linen trousers", "No product matches “linen trousers”"),
        ("linen trousers", "The nearest commands are /tipo "),
        ("SFDJ-M", "Slim Fit Denim Jacket (M)"),
        ("denim jacket", "2 matches"),
        ("mode twoway", "isn't a mode. Did you mean /tipo mode two-way"),
        ("mode two-way mars", "Mars is not a destination"),
        ("stock", "Type it like this: /tipo stock"),
        ("buffer", "Type it like this: /tipo buffer"),
        ("pause now", "takes nothing after it"),
        ("quiet sometimes", "Type it like this: /tipo quiet"),
        ("alerts loud", "isn't a level"),
        ("undo it", "Type it like this: /tipo undo"),
        ("takeover", "there is nothing to take over"),
        ("approvers bob", "Slack doesn't know"),
    ],
)
async def test_a_command_is_answered(slack_app, staff, line, words):
    """For their eyes only, and nobody is pinged whatever a product is called."""
    said, _ = await ask(staff, line)
    assert words in said.text
    assert said.only_for == staff.ann.id
    assert {each.kind for each in staff.slack.pinged()} <= {"user"}


def test_every_command_is_tried():
    """A command that is added must be added above."""
    marks = test_a_command_is_answered.pytestmark
    lines = next(mark for mark in marks if mark.name == "parametrize").args[1]
    tried = {line.split()[0] for line, _ in lines if line}
    assert {row.word for row in COMMANDS} - tried == {"check"}


async def test_a_check_is_begun_and_its_report_posted(slack_app, staff):
    """Whoever asks learns at once that it runs; the channel gets what was found."""
    said, _ = await ask(staff, "check")
    assert said.only_for == staff.ann.id
    await staff.slack.until(lambda: staff.slack.messages(staff.stock, by=staff.slack.bot), 5)


async def test_a_mode_is_confirmed_before_it_changes(slack_app, staff, core):
    """The preflight comes to whoever asked, in place of the first answer; nothing before that."""
    said, interaction = await ask(staff, "mode two-way")
    proposal = await until(
        lambda: next((e for e in core.proposed.values() if e.kind is ProposalKind.MODE), None)
    )
    await staff.slack.until(
        lambda: interaction.seen()[-1].blocks and _buttons(interaction.seen()[-1]), 5
    )
    assert core.modes["us"] is Mode.OFF
    question = interaction.seen()[-1]
    assert question.only_for == staff.ann.id
    click = await staff.slack.click(staff.ann, question, "decide.confirm")
    assert click.acked
    await until(lambda: core.modes["us"] is Mode.TWO_WAY)
    assert core.decisions == [(proposal.token, "confirm", staff.ann.id, "member of the channel")]
    await staff.slack.until(lambda: not _buttons(question, "decide.confirm"), 5)
    assert said is not None


def _buttons(message, action=""):
    return [
        each
        for block in message.blocks
        if block["type"] == "actions"
        for each in block["elements"]
        if each["action_id"].startswith(action or "decide")
    ]


@pytest.mark.parametrize(
    "line",
    [
        *(
            "mode two-way",
            "pause",
            "resume",
            "buffer all 1",
            "pack SFDJ-M 6",
            "undo 1",
            "approvers channel",
        ),
        *("quiet off", "alerts all"),
    ],
)
async def test_only_approvers_give_orders(slack_app, staff, core, line):
    """Whoever is not allowed learns who is."""
    core.preferences["approvers"] = json.dumps([staff.bob.id])
    core.paused = "somebody"
    said, _ = await ask(staff, line)
    assert "Only approvers can do this." in said.text
    assert f"<@{staff.bob.id}>" in said.text
    assert (core.paused, core.buffers, core.proposed) == ("somebody", [], {})
    assert core.preferences == {"approvers": json.dumps([staff.bob.id])}


async def test_a_stranger_learns_nothing_of_the_stock(slack_app, staff):
    """A shared channel has people of other companies in it."""
    said, _ = await ask(staff, "stock SFDJ-M", person=staff.stranger)
    assert said.text.endswith("Only people of this workspace can use Tipo.")


async def test_a_guest_may_ask_but_gives_no_orders(slack_app, staff, core):
    """Guests see what the channel sees."""
    said, _ = await ask(staff, "stock SFDJ-M", person=staff.guest)
    assert "Slim Fit Denim Jacket (M)" in said.text
    said, _ = await ask(staff, "pause", person=staff.guest)
    assert "Guests can't do this." in said.text
    assert core.paused is None


async def test_a_list_that_leaves_its_maker_out_is_refused(slack_app, staff, core):
    """Nobody could change it back but whoever runs the server."""
    said, _ = await ask(staff, "approvers @bob")
    assert "leaves you out" in said.text
    assert "approvers" not in core.preferences


async def test_approvers_are_named_by_mention(slack_app, staff, core):
    """Ids are kept, never names."""
    await ask(staff, "approvers @ann @stock-team")
    assert json.loads(core.preferences["approvers"]) == [staff.ann.id, staff.team.id]
    said, _ = await ask(staff, "approvers default")
    assert "Every member of this channel can approve" in said.text
    assert core.preferences["approvers"] == "null"  # as the environment says


@pytest.mark.parametrize(
    ("who", "why"),
    [("gone", "deactivated"), ("robot", "Apps can't"), ("eve", "workspace"), ("gina", "Guests")],
)
async def test_nobody_becomes_an_approver_who_could_never_approve(slack_app, staff, core, who, why):
    """A list of such names would lock everybody out."""
    said, _ = await ask(staff, f"approvers @{who}")
    assert why in said.text
    assert "Nothing was changed" in said.text
    assert core.preferences == {}


async def test_an_answer_is_shared_with_the_name_of_who_shares(slack_app, staff):
    """The channel sees the present state and who showed it."""
    said, _ = await ask(staff, "stock SFDJ-M")
    await staff.slack.click(staff.ann, said, "share")
    await staff.slack.until(lambda: staff.slack.messages(staff.stock, by=staff.slack.bot), 5)
    shared = staff.slack.messages(staff.stock, by=staff.slack.bot)[-1]
    assert "Slim Fit Denim Jacket (M)" in shared.text
    assert f"Shared by <@{staff.ann.id}>" in str(shared.blocks)
    assert not [each for each in _all_buttons(shared) if each["action_id"] == "share"]


def _all_buttons(message):
    return [
        each for block in message.blocks if block["type"] == "actions" for each in block["elements"]
    ]


async def test_where_the_bot_is_not_a_member_sharing_says_what_to_do(slack_app, staff):
    """A command works in every channel, a message does not."""
    lonely = staff.slack.add_channel("lonely", [staff.ann], bot=False)
    said, _ = await ask(staff, "stock SFDJ-M", channel=lonely)
    interaction = await staff.slack.click(staff.ann, said, "share")
    assert "/invite @Tipo" in (await interaction.answer()).text


@pytest.mark.parametrize("value", ["mode two-way", "pause", "buffer all 9", "nonsense", "stock:x"])
async def test_a_share_button_carries_no_order(slack_app, staff, core, value):
    """Whatever somebody forges into its value."""
    said, _ = await ask(staff, "stock SFDJ-M")
    interaction = await staff.slack.click_raw(
        staff.ann, said, {"action_id": "share", "value": value}
    )
    assert "can't be shared" in (await interaction.answer()).text
    assert (core.paused, core.buffers, core.proposed) == (None, [], {})


async def test_many_hits_become_a_list_to_choose_from(slack_app, staff, core):
    """Twelve products at once are read by nobody."""
    for n in range(12):
        core.stock_up(f"Sock {n}", f"sock-{n}", f"SOCK-{n}", n)
    said, _ = await ask(staff, "stock sock")
    interaction = await staff.slack.select(staff.ann, said, "choose.stock", "11")
    assert "Sock 7" in (await interaction.answer()).text


async def test_a_history_is_chosen_when_several_fit(slack_app, staff):
    """A timeline is of one product."""
    said, _ = await ask(staff, "why jacket")
    interaction = await staff.slack.select(staff.ann, said, "choose.history", "2")
    answer = await interaction.answer()
    assert "Slim Fit Denim Jacket (L)" in answer.text


async def test_a_handler_that_fails_says_so_with_a_number(slack_app, staff, core, caplog):
    """Nobody clicks again for want of an answer, and the log can be found by the number."""

    async def broken():
        raise RuntimeError("the database is on fire")

    core.overview = broken
    said, _ = await ask(staff, "status")
    assert "That didn't work, and the fault is Tipo's" in said.text
    ref = next(
        record.ref for record in caplog.records if record.__dict__.get("event") == "handler_failed"
    )
    assert ref in said.text


@pytest.mark.parametrize("word", ["invalid_blocks", "invalid_attachments", "a_word_of_next_year"])
@pytest.mark.parametrize("way", ["response_url", "chat.postEphemeral", "chat.postMessage"])
async def test_an_answer_whose_blocks_slack_refuses_arrives_in_words(slack_app, staff, way, word):
    """By the response_url, for their eyes in the channel, or as a direct message."""
    ways = ["response_url", "chat.postEphemeral", "chat.postMessage"]
    staff.slack.faults.refuse |= dict.fromkeys(ways[: ways.index(way)], "expired_url")
    staff.slack.faults.blocks = word
    answer, _ = await ask(staff, "status")
    assert "isn't connected yet" in answer.text
    assert answer.blocks == []


async def test_a_product_without_a_command_is_its_stock(slack_app, staff):
    """With the button that shows it to the channel, as if `stock` had been typed."""
    plain, _ = await ask(staff, "stock SFDJ-M")
    said, _ = await ask(staff, "SFDJ-M")
    assert said.text == plain.text
    await staff.slack.click(staff.ann, said, "share")
    await staff.slack.until(lambda: staff.slack.messages(staff.stock, by=staff.slack.bot), 5)
    assert "Slim Fit Denim Jacket (M)" in staff.slack.messages(staff.stock)[-1].text


async def test_a_product_wins_over_a_slip_and_the_command_is_offered(slack_app, staff, core):
    """Nothing is paused because somebody sells a thing called Paus."""
    core.stock_up("Paus Sweater", "paus-sweater", "PAUS-1", 5)
    said, _ = await ask(staff, "paus")
    assert "Paus Sweater" in said.text
    assert "Did you mean the command `/tipo pause`?" in str(said.blocks)
    assert core.paused is None


async def test_several_products_come_in_one_table(slack_app, staff, core):
    """Slack refuses a message with two; here one search finds all."""
    answer, _ = await ask(staff, "stock jacket")
    tables = [each for each in answer.blocks if each["type"] == "table"]
    assert len(tables) == 1
    products = {row[0]["text"] for row in tables[0]["rows"][1:]}
    assert len(products) > 1
    assert "Slim Fit Denim Jacket (M)" in products
