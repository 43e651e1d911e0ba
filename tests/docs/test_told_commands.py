"""What the pages tell people to type is what the command line, the bot and make understand.

    where it is told              must be
    ----------------------------  ------------------------------------------------------------
    a block, which is copied      a whole command
    in a line, with what follows  a whole command
    in a line, by its name alone  a command: what it needs may be left out

`[us]` is tried with and without, `a|b` as each of them, and an ellipsis is what is left out.
tests/cli/test_told_commands.py runs those that change nothing.
"""

import re
import subprocess
from itertools import product

import pytest
import typer

from bot.commands.grammar import BY_WORD, parse
from bot.commands.requests import GuessStock, Unclear
from sync_core.cli import app
from tests.docs.test_docs import BLOCK, PAGES, ROOT, SPAN, by_name, prose

SHELL = re.compile(r"^(?:docker (?:compose )?exec \w+ )?(/?tipo)(?: |$)(.*)")
MAKE = re.compile(r"\bmake ([a-z]+)((?: [A-Z]+=\S+)*)")
INDENTED = re.compile(r"^ {4,}(.+)$", re.MULTILINE)
TOLD_IN = [each for each in PAGES if each.name != "transcript.md"]  # messages, broken into lines
CLI = typer.main.get_command(app)
UsageError = typer.BadParameter.__base__
MISSING = "Missing argument"  # what is only named may leave out what it needs
# As Slack sends what somebody has chosen from its list.
MENTIONS = {"@ann": "<@U0ANN|ann>", "@stock-team": "<!subteam^S0STOCK|@stock-team>"}


def lines_of(page):
    """Yield each piece of code of a page, and whether it is only named in a line of text."""
    text = page.read_text("utf-8")
    for block in [*(block for _, block in BLOCK.findall(text)), *INDENTED.findall(prose(page))]:
        yield from ((line, False) for line in re.split(r"\n| && ", block))
    yield from ((each, True) for each in SPAN.findall(prose(page)))


def written_out(words):
    """Yield each command that a usage line is short for."""
    choices = []
    for word in words:
        inner = word.strip("[]")
        said = [[each] for each in inner.split("|")]
        choices.append([[], *said] if word.startswith("[") else said)
    for chosen in product(*choices):
        yield [word for each in chosen for word in each]


def commands_in(page):
    """Yield what a page tells people to type: `tipo` or `/tipo`, the words, and if only named."""
    for line, named in lines_of(page):
        found = SHELL.match(line.strip())
        if found and not re.match(r"\(|:$", found[2]):
            typed = found[2].partition("#")[0].replace("\\|", "|").split()
            if "…" not in typed:
                yield from ((found[1], words, named) for words in written_out(typed))


def refused(words):
    """Return why the command line would not take it, or nothing. It is not run."""
    try:
        context = CLI.make_context("tipo", list(words))
        while rest := [*getattr(context, "_protected_args", ()), *context.args]:
            name, command, rest = context.command.resolve_command(context, rest)
            context = command.make_context(name, rest, parent=context)
            if not hasattr(command, "resolve_command"):
                break
    except UsageError as exc:
        return exc.format_message()
    return ""


def misread(words):
    """Return why the bot would not take it, or nothing."""
    match parse(" ".join(MENTIONS.get(each, each) for each in words)):
        case Unclear(sentence=sentence):
            return sentence
        case GuessStock():
            return f"{words[0]} is no command"
    return ""


def odd_of(head, words, *, named=False):
    """Return what is wrong with a command, or nothing."""
    if head == "/tipo":
        return "" if named and len(words) == 1 and words[0] in BY_WORD else misread(words)
    why = refused(words)
    return "" if named and why.startswith(MISSING) else why


@pytest.mark.parametrize("page", TOLD_IN, ids=by_name)
def test_every_command_that_is_told_is_understood(page):
    """A command that is copied from a page must run."""
    told = {
        (head, " ".join(words)): odd_of(head, words, named=named)
        for head, words, named in commands_in(page)
    }
    assert {each: why for each, why in told.items() if why} == {}


@pytest.mark.parametrize(
    ("head", "typed", "why"),
    [
        ("tipo", "stok SFDJ-M", "No such command 'stok'"),
        ("tipo", "locations set Berlin eu=101 --force", "No such option: --force"),
        ("tipo", "receipts --limit all", "Invalid value for '--limit'"),
        ("tipo", "safety-stop aply", "'aply' is not one of"),
        ("tipo", "undo", "Missing argument 'receipt'"),
        ("/tipo", "stok", "stok is no command"),
        ("/tipo", "alerts loud", "“loud” isn't a level"),
        ("/tipo", "undo", "Type it like this: /tipo undo <receipt>"),
    ],
)
def test_the_check_finds_what_is_not_understood(head, typed, why):
    """A check that lets everything pass is none."""
    assert why in odd_of(head, typed.split())


def test_only_a_name_may_leave_out_what_is_needed():
    assert odd_of("tipo", ["undo"], named=True) == odd_of("/tipo", ["undo"], named=True) == ""
    assert odd_of("tipo", ["undo", "--al"], named=True)


def test_a_usage_line_is_each_command_that_it_is_short_for():
    assert [" ".join(each) for each in written_out(["mode", "two-way|off", "[us]"])] == [
        *("mode two-way", "mode two-way us", "mode off", "mode off us")
    ]


def test_every_target_of_make_that_is_told_exists():
    """The first thing that a newcomer types must work."""
    told = {found for page in PAGES for line, _ in lines_of(page) for found in MAKE.findall(line)}
    targets = {target for target, _ in told}
    assert {"demo", "playground", "test", "check"} <= targets
    made = subprocess.run(
        ["make", "--dry-run", *sorted(targets), "NAME=any"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    read = set(re.findall(r"\$\((?:if |or )?(?:\$\()?([A-Z]+)\b", (ROOT / "Makefile").read_text()))
    assert {name for _, given in told for name in re.findall(r"([A-Z]+)=", given)} <= read


def test_every_script_that_is_told_is_there():
    told = {
        found
        for page in PAGES
        for line, _ in lines_of(page)
        for found in re.findall(r"\bpython (?:-m )?((?:tests|sandbox|bench|docs)\b[\w./]*)", line)
    }
    paths = {
        each if each.endswith(".py") else f"{each.replace('.', '/')}/__main__.py" for each in told
    }
    assert {each for each in paths if not (ROOT / each).is_file()} == set()
    assert len(told) > 3
