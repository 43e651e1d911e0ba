"""What people type is understood exactly, or answered with a sentence: never guessed."""

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bot.commands.requests as g
from bot.commands.grammar import BY_WORD, COMMANDS, RUNNABLE, help_groups, needs_approver, parse
from bot.commands.requests import Unclear
from bot.commands.tokens import MAX_COMMAND_CHARS, undone
from sync_core.domain.values import Mode

JACKET = "slim fit denim jacket"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", g.Help()),
        ("   ", g.Help()),
        ('""', g.Help()),
        ("help", g.Help()),
        ("help mode", g.Help()),
        ("status", g.ShowStatus()),
        ("  STATUS  ", g.ShowStatus()),
        ("mode", g.ShowMode()),
        ("mode two-way", g.SetMode(Mode.TWO_WAY)),
        ("mode two-way us --shadow", g.SetMode(Mode.TWO_WAY, "us", shadow=True)),
        ("mode \u2014shadow one-way", g.SetMode(Mode.ONE_WAY, shadow=True)),
        ("mode two\u2013way us", g.SetMode(Mode.TWO_WAY, "us")),
        ("mode one-way us", g.SetMode(Mode.ONE_WAY, "us")),
        ("mode off", g.SetMode(Mode.OFF)),
        (f"stock {JACKET}", g.FindStock(JACKET)),
        (f'stock "{JACKET}"', g.FindStock(JACKET)),
        (f"stock \u201c{JACKET}\u201d", g.FindStock(JACKET)),
        (f"stock \u201e{JACKET}\u201c", g.FindStock(JACKET)),
        (f"stock \u2018{JACKET}\u2019", g.FindStock(JACKET)),
        ("stock Men's jacket", g.FindStock("Men's jacket")),
        ("stock 'Tis the season", g.FindStock("'Tis the season")),
        ('stock 7" tablet', g.FindStock('7" tablet')),
        ("stock Black &amp; White &lt;3", g.FindStock("Black & White <3")),
        ("stock &amp;lt;", g.FindStock("&lt;")),
        ("stock <@U1|ann> shirt", g.FindStock("@ann shirt")),
        ("stock <#C1|stock> shirt", g.FindStock("#stock shirt")),
        ("stock <https://x.example|x.example>", g.FindStock("x.example")),
        ("stock <!here> sale", g.FindStock("@here sale")),
        ("why SFDJ-M", g.ShowHistory("SFDJ-M")),
        ("history SFDJ-M", g.ShowHistory("SFDJ-M")),
        ("check", g.CheckNow()),
        ("drift", g.ShowDrift()),
        ("unmatched", g.ShowUnmatched()),
        ("places", g.ShowLocations()),
        ("locations", g.ShowLocations()),
        ("buffer all 2", g.SetBuffer(None, 2)),
        ("buffer ALL 2 us", g.SetBuffer(None, 2, "us")),
        ('buffer "all" 2', g.SetBuffer("all", 2)),
        ("buffer SFDJ-M 0 us", g.SetBuffer("SFDJ-M", 0, "us")),
        (f"buffer {JACKET} 3", g.SetBuffer(JACKET, 3)),
        ("pack SFDJ-M 6 us", g.SetPack("SFDJ-M", 6, "us")),
        ("pack jacket 501 3", g.SetPack("jacket 501", 3)),
        ("pack all 3", g.SetPack("all", 3)),
        ("buffer jacket 501 3 us", g.SetBuffer("jacket 501", 3, "us")),
        ('buffer "jacket 501" 3', g.SetBuffer("jacket 501", 3)),
        ("pause", g.Pause()),
        ("resume", g.Resume()),
        ("undo 12", g.Undo(12)),
        ("undo #12", g.Undo(12)),
        ("approvers", g.ShowApprovers()),
        ("approvers channel", g.SetApprovers(())),
        ("approvers default", g.SetApprovers(None)),
        (
            "approvers <@U012AB|ann> <!subteam^S034CD|@stock-team> <@U012AB>",
            g.SetApprovers(("U012AB", "S034CD")),
        ),
        ("quiet", g.ShowQuiet()),
        ("quiet 22:00-07:00", g.SetQuiet((time(22), time(7)))),
        ("quiet 9:30\u201317:05", g.SetQuiet((time(9, 30), time(17, 5)))),
        ("quiet off", g.SetQuiet(None)),
        ("alerts", g.ShowAlerts()),
        ("alerts problems", g.SetAlerts(g.AlertLevel.PROBLEMS)),
        ("alerts All", g.SetAlerts(g.AlertLevel.ALL)),
    ],
)
def test_a_command_is_read(typed, meant):
    """Each row of the table, with the escapes and typography that Slack and phones add."""
    assert parse(typed) == meant


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("status now", "“status” takes nothing after it: type /tipo status."),
        (
            "mode twoway",
            "“twoway” isn't a mode. Did you mean /tipo mode two-way or /tipo mode one-way?",
        ),
        (
            "mode too-way us",
            "“too-way” isn't a mode. Did you mean /tipo mode two-way us or /tipo mode one-way us?",
        ),
        (
            "mode two-way us now",
            (
                "Type it like this: /tipo mode [two-way | one-way | off] [store] [--shadow], "
                "for example /tipo mode two-way."
            ),
        ),
        (
            "stock",
            (
                "Type it like this: /tipo stock <handle, SKU, barcode or words of the title>, "
                "for example /tipo stock slim fit denim jacket."
            ),
        ),
        (
            'stock ""',
            (
                "Type it like this: /tipo stock <handle, SKU, barcode or words of the title>, "
                "for example /tipo stock slim fit denim jacket."
            ),
        ),
        (
            'stock "slim fit',
            "A quotation mark isn't closed. Close it, or leave it out.",
        ),
        ("buffer SFDJ-M -2", "A buffer is the number of units to keep back: 0 or more."),
        (
            "pack SFDJ-M 0 us",
            "A pack has 1 to 100,000 units; 1 ends it.",
        ),
        (
            "buffer SFDJ-M 2000000",
            "A buffer can be at most 1,000,000 units.",
        ),
        (
            "buffer 3",
            (
                "Type it like this: /tipo buffer <product or all> <units> [store], "
                "for example /tipo buffer SFDJ-M 2 us."
            ),
        ),
        ("undo it", "Type it like this: /tipo undo <receipt>, for example /tipo undo 12."),
        (
            "quiet 22:00-22:00",
            (
                "Quiet hours must begin and end at different times. "
                "To get alerts at any time, type /tipo quiet off."
            ),
        ),
        (
            "quiet at night",
            (
                "Type it like this: /tipo quiet [22:00-07:00 | off], "
                "for example /tipo quiet 22:00-07:00."
            ),
        ),
        (
            "quiet 25:00-07:00",
            (
                "Type it like this: /tipo quiet [22:00-07:00 | off], "
                "for example /tipo quiet 22:00-07:00."
            ),
        ),
        (
            "alerts some",
            "“some” isn't a level. Did you mean /tipo alerts problems or /tipo alerts digest?",
        ),
        (
            "approvers bob",
            (
                "Slack doesn't know “bob”. Mention people and groups with @, and choose them "
                "from the list that Slack offers."
            ),
        ),
        (
            "approvers <#C12345|stock>",
            (
                "Slack doesn't know “#stock”. Mention people and groups with @, and choose them "
                "from the list that Slack offers."
            ),
        ),
        (
            "stock " + "x" * MAX_COMMAND_CHARS,
            "That is longer than 1,000 characters. Make it shorter.",
        ),
    ],
)
def test_what_is_unclear_gets_a_sentence(typed, sentence):
    """Nothing is guessed where stock is at stake; the answer says what to type instead."""
    found = parse(typed)
    assert isinstance(found, Unclear)
    assert found.sentence == sentence


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("denim jacket", g.GuessStock("denim jacket", ("mode", "drift"))),
        ("  denim   jacket", g.GuessStock("denim jacket", ("mode", "drift"))),
        ("SFDJ-M", g.GuessStock("SFDJ-M", ("resume", "undo"))),
        ("Black &amp; White", g.GuessStock("Black & White", ("pack", "stock"))),
        ("stok SFDJ-M", g.GuessStock("stok SFDJ-M", ("stock SFDJ-M",), close=True)),
        ("statsu", g.GuessStock("statsu", ("status",), close=True)),
        ("HLEP", g.GuessStock("HLEP", ("help",), close=True)),
        ("resum", g.GuessStock("resum", ("resume",), close=True)),
        ("“check” shirt", g.GuessStock("check shirt", ("check", "pack"))),
        ('"status"', g.GuessStock("status", ("status", "pause"))),
    ],
)
def test_what_no_command_is_called_is_a_search(typed, meant):
    """People type what they look for; in quotation marks a command's word is a product's."""
    assert parse(typed) == meant


def test_a_guess_is_never_an_order():
    """A slip of the finger must not pause anything; only the word itself does."""
    for row in COMMANDS:
        for slip in (row.word[:-1], row.word + row.word[-1], f'"{row.word}"'):
            if slip not in BY_WORD:
                assert isinstance(parse(f"{slip} all 2"), g.GuessStock)
                assert not needs_approver(parse(slip))


def test_a_guess_knows_which_commands_may_have_been_meant():
    """Whoever mistypes should not have to read all of the help."""
    for word in BY_WORD:
        found = parse(f"x{word}x")
        assert len(found.nearest) == 1 if found.close else 2


def test_every_example_of_the_help_is_understood():
    """The help must never teach what the parser refuses."""
    for row in COMMANDS:
        if row.example:
            assert row.example.startswith(f"/tipo {row.word}")
            mentions = row.example.replace("@ann", "<@U012AB|ann>")
            mentions = mentions.replace("@stock-team", "<!subteam^S034CD|@stock-team>")
            read = parse(mentions.removeprefix("/tipo "))
            assert not isinstance(read, Unclear), row.example


def test_too_many_approvers_are_refused():
    """A list of hundreds is what user groups are for."""
    many = " ".join(f"<@U{n:05}|u{n}>" for n in range(60))
    assert parse(f"approvers {many[:900]}") != g.Help()
    assert parse("approvers " + "U1234 " * 51) == Unclear(
        "You can name at most 50 people and groups; use a group."
    )


def test_orders_need_an_approver_and_questions_do_not():
    """Whoever may see the channel may ask; only approvers change anything."""
    orders = {
        "mode two-way",
        "pause",
        "resume",
        "buffer all 1",
        "undo 1",
        "approvers channel",
        "quiet off",
        "alerts all",
    }
    questions = {"mode", "status", "stock x", "check", "drift", "locations", "quiet", "alerts"}
    assert all(needs_approver(parse(each)) for each in orders)
    assert not any(needs_approver(parse(each)) for each in questions)


WORDS = st.sampled_from(
    [
        *BY_WORD,
        "all",
        "us",
        "2",
        "-1",
        "two-way",
        "off",
        '"',
        "“",
        "”",
        "'",
        "<@U1|a>",
        "<",
        ">",
        "&",
    ]
)
LINES = st.lists(WORDS | st.text(max_size=12), max_size=8).map(" ".join)


@given(LINES | st.text(max_size=MAX_COMMAND_CHARS + 5))
def test_reading_never_raises(line):
    """Somebody will paste anything."""
    found = parse(line)
    if isinstance(found, g.GuessStock):
        assert found.words.strip()
    if isinstance(found, Unclear):
        assert found.sentence.endswith((".", "?"))
        assert len(found.sentence) < 300


@given(st.text(alphabet=st.characters(exclude_characters='<>&"“”„«»'), min_size=1, max_size=50))
def test_a_name_survives_quoting_and_escaping(name):
    """What Slack does to `&` must be undone exactly once."""
    plain = "".join(each if each.isprintable() else " " for each in name)
    escaped = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    expected = g.FindStock(plain) if plain.strip() else parse("stock")
    assert parse(f'stock "{escaped}"') == expected


@given(st.text(max_size=80))
def test_escapes_are_undone_once(text):
    """A title that itself says `&amp;` is found by what it says."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert undone(escaped) == text


def test_a_button_of_the_help_never_gives_an_order():
    """People who only look around must not change anything."""
    for word in RUNNABLE:
        command = parse(word)
        assert not isinstance(command, Unclear)
        assert not needs_approver(command)
        assert not isinstance(command, g.CheckNow)


def test_the_help_has_every_command_once():
    typed = [usage for each in help_groups() for usage, _ in each.rows]
    assert sorted(typed) == sorted(row.usage for row in COMMANDS)
    assert all(each.rows for each in help_groups())
