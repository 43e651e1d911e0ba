"""People read one word for each thing, and none that they must learn first.

Everything is looked through that tests can build: each message, form and App Home, the help of
each command, the sentences in the code of the bot, the command line and the core, and the pages.
"""

import ast
import importlib.util
import re
import sys
from pathlib import Path

import pytest
import typer

from bot.commands.grammar import COMMANDS, help_groups
from bot.messages import answers, findings, incidents
from bot.messages.block_kit import ALARMS, SIGNS, Message
from sync_core.cli import app
from sync_core.domain import drift
from tests.bot.messages.conftest import MESSAGES, VIEWS
from tests.docs.test_docs import BLOCK, PAGES, ROOT, SPAN, by_name

# Each word of the code's, and what is said to people instead.
INSTEAD = {
    r"in step|\bagree[sd]?\b": "in sync",
    r"\bfindings?\b": "mismatch",
    r"\bstands?\b|\bstanding\b|\bstood\b": "open",
    r"\bplaces?\b": "shared location",
    r"Tipo's book|by the book|should show|should be": "expected",
    r"\bow(?:ed|es|ing)\b|still to be written": "pending",
    r"\bmeet(?:s|ing|ings)?\b|\bmet\b": "initial comparison",
    r"\bpartners?\b|\btwins?\b|\b(?:is|are|was|were) alone\b": "match, no match",
    r"left alone|\bsuspended\b": "not synced, with the reason",
    r"\bheld\b": "can't update; queued",
    r"\bbrakes?\b": "safety stop",
    r"\bp(?:50|95)\b": "usual delay, slowest 5 %",
    r"units moved, in|fix(?:es)? done|0 moved": "Fixed ...: what was written",
    r"replaced by (?:report|newer)|asked there": "Outdated, latest report",
}
ARCHAIC = {
    r"\banew\b": "again",
    r"\bfor ever\b": "permanently",
    r"nobody (?:told|has|knows)|told us": "Shopify sent no notification",
    r"\bmend(?:ed|s)?\b": "fix",
    r"only follows?\b|nobody follows": "is one-way",
    r"\bgoe?s? on being\b|goes by (?:that|another|the)": "still",
    r"was faster": "decided first",
    r"do not know (?:this|\W)": "there is no such command",
    r"carried out|carries out": "applied",
    r"set aside": "couldn't be processed",
    r"\bbelieved\b": "can't be right",
    r"without a rest|\bno more of\b|those to come": "plain words",
    r"\b(?:wish|whisper|breath|hearken)\w*\b": "plain words",
}
# Where a word means something else, or is a name that programs depend on; each with its reason.
MEANT = re.compile(
    r"in (?:its |their |one |this )?place\b"  # where something is, not a location
    # Names of the command line: what `tipo export` writes.
    r"|export findings|movements, adjustments, findings or decisions|^findings:",
    re.IGNORECASE | re.MULTILINE,
)
ENGINEERS = {"docs/how-it-works.md", "docs/figures.md"}  # these explain the words of code
DIALECT = [re.compile(each, re.IGNORECASE) for each in (*INSTEAD, *ARCHAIC)]
OLD = [re.compile(each, re.IGNORECASE) for each in ARCHAIC]
SAMPLE = "Linen Shirt"  # what a merchant wrote; it has none of these words


def dialect(text, words=DIALECT):
    """Return what of a text is said in words that people should not have to read."""
    text = MEANT.sub("", text)
    return [found[0] for each in words for found in each.finditer(text)]


def texts(thing):
    """Yield what people read of blocks and views: never ids and values."""
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, list | tuple):
        for each in thing:
            yield from texts(each)
    elif isinstance(thing, dict):
        for name, value in thing.items():
            if name in {"text", "fallback", "accessibility_label", "title", "name"} or not (
                isinstance(value, str)
            ):
                yield from texts(value)


# -- what is said in Slack
@pytest.mark.parametrize("n", [0, 1, 2, 9])
@pytest.mark.parametrize("name", MESSAGES)
def test_messages_are_in_plain_words(name, n):
    said = MESSAGES[name](n, SAMPLE)
    assert dialect(" | ".join([said.text, *texts(said.blocks)])) == []


@pytest.mark.parametrize("n", [0, 1, 2])
@pytest.mark.parametrize("name", VIEWS)
def test_forms_and_the_app_home_are_in_plain_words(name, n):
    assert dialect(" | ".join(texts(VIEWS[name](n, SAMPLE)))) == []


@pytest.mark.parametrize("kind", sorted({*drift.SENTENCES, "missed", "suspended", "was_off"}))
@pytest.mark.parametrize("why", sorted(drift.SUSPENDED))
def test_causes_are_in_plain_words(kind, why):
    facts = {"store": "us", "shows": 46, "should_show": 50, "book": 50, "why": why, "was_off": True}
    assert dialect(drift.cause(kind, facts)) == []


def test_kinds_choices_and_ends_are_in_plain_words():
    """All of them stand in tables and on buttons."""
    named = (findings.KINDS, findings.CHOICES, findings.ENDS, incidents.ENDS, incidents.REASONS)
    assert [word for table in named for each in table.values() for word in dialect(each)] == []


@pytest.mark.parametrize("kind", sorted(findings.COUNTED))
def test_counts_have_their_plural(kind):
    """It was "9 missed change" each night."""
    assert findings.counted_kind(1, kind).startswith("1 ")
    many = findings.counted_kind(9, kind)
    assert many.startswith("9 ")
    assert not re.search(
        r"(?<!without a )\b(?:change|match|update|bundle|card|product|stop|quantity)$", many
    )


def test_help_is_in_plain_words():
    rows = " | ".join(
        f"{section.title}: {typed}: {does} {section.buttons}"
        for section in help_groups()
        for typed, does in section.rows
    )
    assert dialect(rows) == []
    assert "/tipo locations" in rows


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.word)
def test_hints_are_in_plain_words(row):
    assert dialect(f"{row.usage} {row.does} {row.example}") == []


def test_a_slip_of_the_finger_is_no_warning():
    """Nobody should be alarmed by a typing mistake."""
    for said in (
        answers.no_product(words="stauts", nearest=("status",), close=True),
        answers.refused(sentence="there is no receipt 12"),
    ):
        assert "emoji" not in str(said.blocks[0])
        assert not said.text.startswith("Warning")
    assert answers.refused(sentence="there is no receipt 12").text == "There is no receipt 12."


@pytest.mark.parametrize("sign", sorted({*SIGNS} - ALARMS - {"Resolved"}))
def test_good_news_and_questions_are_no_alert(sign):
    """The sign is enough; "Done:" in front of a sentence says nothing."""
    for name, build in MESSAGES.items():
        assert not build(2, SAMPLE).text.startswith(f"{sign}:"), name


@pytest.mark.parametrize("name", ["stock", "history", "receipt"])
def test_messages_are_rendered_whole(name):
    """Else all of this looks at nothing."""
    said = MESSAGES[name](2, SAMPLE)
    assert SAMPLE in " | ".join([said.text, *texts(said.blocks)])


# -- the command line
def commands(command, path=("tipo",)):
    """Yield every command with its path."""
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))


COLUMN = re.compile(r"\b\w+ \(")  # a column of an export, by its name in the file
CLI = list(commands(typer.main.get_command(app)))


@pytest.mark.parametrize(("path", "command"), CLI, ids=[" ".join(path) for path, _ in CLI])
def test_the_help_of_commands_is_in_plain_words(path, command):
    told = [command.help or "", *(getattr(each, "help", None) or "" for each in command.params)]
    assert dialect(COLUMN.sub("(", SPAN.sub("", " | ".join(told)))) == [], path


# -- sentences in code: answers, errors, tables of the command line
ROOMS = ("bot", "sync_core/cli", "sync_core/service", "sync_core/domain", "sync_core/workers")
ROOMS += ("sync_core/shopify", "sync_core/app", "sync_core/web", "sync_core/compare")
MODULES = sorted(
    path for room in ROOMS for path in (ROOT / room).rglob("*.py") if path.name != "sql.py"
)
MODULES += [ROOT / "sync_core/errors.py", ROOT / "sync_core/settings.py"]


def is_log(node):
    """Whether a call writes to the log, which is for people who read code."""
    of = getattr(node.func, "value", None)
    return isinstance(of, ast.Name) and of.id in {"log", "logger"}


def documented(tree):
    """Return the docstrings of a module."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    first = [each.body[0] for each in ast.walk(tree) if isinstance(each, kinds) and each.body]
    return {id(each.value) for each in first if isinstance(each, ast.Expr)}


def sentences(path):
    """Yield what a module may say to people, with its line: texts of several words, and headings.

    A piece of code within a text is left out: it is a name, or a value.
    """
    tree = ast.parse(path.read_text("utf-8"))
    ignored = documented(tree)
    for call in (each for each in ast.walk(tree) if isinstance(each, ast.Call)):
        if is_log(call):
            ignored |= {id(each) for each in ast.walk(call)}
        if getattr(call.func, "id", "") == "show" and call.args:
            heads = [each for each in ast.walk(call.args[0]) if isinstance(each, ast.Constant)]
            yield from ((each.lineno, each.value) for each in heads if isinstance(each.value, str))
    for each in ast.walk(tree):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            text = each.value.strip()
            if id(each) not in ignored and " " in text and not text.startswith("{"):
                yield each.lineno, SPAN.sub("", text)


@pytest.mark.parametrize("path", MODULES, ids=by_name)
def test_sentences_in_code_are_in_plain_words(path):
    found = [(line, text, dialect(text)) for line, text in sentences(path) if dialect(text)]
    assert found == []


# -- pages
@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_pages_are_in_plain_words(page):
    """Their blocks of text show messages; what is in backticks are names."""
    text = page.read_text("utf-8")
    shown = [block for _, block in BLOCK.findall(text)] if by_name(page) not in ENGINEERS else []
    words = OLD if by_name(page) in ENGINEERS else DIALECT
    found = [
        (line, dialect(SPAN.sub("", line), words))
        for line in [*BLOCK.sub("", text).splitlines(), *"\n".join(shown).splitlines()]
        if not line.startswith("    sync_core/")  # the tree of the modules, by their names
    ]
    assert [each for each in found if each[1]] == []


@pytest.fixture(scope="module")
def examples():
    """The examples that the pictures show."""
    before = list(sys.path)
    script = ROOT / "docs" / "slack" / "render.py"
    spec = importlib.util.spec_from_file_location("glossary_render", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module.EXAMPLES
    sys.path[:] = before


def test_pictures_are_in_plain_words(examples):
    for name, (words, build) in examples.items():
        made = build()
        said = [made.text, *texts(made.blocks)] if isinstance(made, Message) else texts(made)
        assert dialect(" | ".join([words, *said])) == [], name


def test_a_word_of_the_dialect_is_found():
    """A test that finds nothing must be able to find something."""
    assert dialect("All 2 stores are in step; 3 findings stand, mend them anew") == [
        "in step",
        "findings",
        "stand",
        "anew",
        "mend",
    ]
    assert dialect("It is updated in place.") == []
    assert [each for each in sentences(Path(__file__)) if "in step" in each[1]]
