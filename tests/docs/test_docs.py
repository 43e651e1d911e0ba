"""The documents say what is so: links lead somewhere, tables name what there is."""

import ast
import re
from datetime import time
from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin

import pytest
import typer
from pydantic import BaseModel, SecretStr
from sqlmodel import SQLModel

from bot.commands.grammar import COMMANDS
from bot.manifest import SCOPES, WELCOME
from bot.messages.incident_texts import INCIDENT_TEXTS
from sync_core.cli import app
from sync_core.db.retention import RETENTION_PERIODS
from sync_core.domain.drift import SUSPENDED
from sync_core.domain.proposals import LEADS_TO
from sync_core.domain.values import Suspension
from sync_core.settings import Settings, StoreSettings, load

ROOT = Path(__file__).parents[2]
TABLES = SQLModel.metadata.tables
README = ROOT / "README.md"
HOW = ROOT / "docs/how-it-works.md"
OPERATING = ROOT / "docs/operating.md"
SET_UP = ROOT / "docs/set-up.md"
COMMANDS_PAGE = ROOT / "docs/commands.md"
SETTINGS_PAGE = ROOT / "docs/settings.md"
RUNBOOK = ROOT / "docs/runbook.md"
RULES = ROOT / "docs/prometheus-alerts.yaml"
SECURITY = ROOT / "SECURITY.md"
PAGES = [README, SECURITY, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
BLOCK = re.compile(r"^( *)```\w*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `(TIPO_[A-Z_<>]+)` \| .+ \| ([^|]+) \|$", re.MULTILINE)
CLI = typer.main.get_command(app)


def by_name(page):
    return str(page.relative_to(ROOT))


def prose(page):
    """Return a page without its blocks of code."""
    return BLOCK.sub("", page.read_text("utf-8"))


def anchors(page):
    """Return what a page's headings are called in a link, as GitHub makes it."""
    heads = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def section(page, title):
    """Return what stands under a heading."""
    _, _, rest = page.read_text("utf-8").partition(f"\n## {title}\n")
    assert rest, f"there is no section {title}"
    return rest.partition("\n## ")[0]


# -- links
@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_link_leads_to_a_file_and_a_heading(page):
    """A link that leads nowhere costs a newcomer the page behind it."""
    broken = []
    for link in LINK.findall(prose(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_site_leads_to_every_page():
    """A page that is in no list of the site is found by nobody; `make docs` fails over it, too."""
    told = set(re.findall(r"^ +- .+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert told == pages | {"index.md", "security.md", "changelog.md"}


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_a_block_in_a_list_is_read_as_one_on_the_site_too(page):
    """The site wants four spaces, where the code host takes three."""
    odd = re.findall(r"^ {1,3}(?: {4})*```.*$", page.read_text("utf-8"), re.MULTILINE)
    assert odd == []


def test_the_first_page_can_be_read_in_a_minute():
    """It is where somebody decides to read on; tables have pages of their own."""
    assert len(README.read_text("utf-8").splitlines()) < 150


# -- settings
def is_secret_or(kind, wanted):
    parts = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
    return any(isinstance(each, type) and issubclass(each, wanted) for each in parts)


def said(field):
    """Return how the table says a default."""
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None:
        return "none"
    if isinstance(value, time):
        value = f"{value:%H:%M}"
    if isinstance(value, float):
        value = f"{value:g}"
    return f"`{value}`"


def settings_of(model, prefix):
    """Yield each setting's variable and default, but for names that are refused by now."""
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        variable = f"{prefix}{name.upper()}"
        kind = field.annotation
        if variable == "TIPO_STORES":
            yield from settings_of(StoreSettings, "TIPO_STORES__<ALIAS>__")
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from settings_of(kind, f"{variable}__")
        else:
            yield variable, said(field)


EVERY = dict(settings_of(Settings, "TIPO_"))


def test_the_settings_table_has_every_setting_with_its_default():
    """A person who sets something by the table must get what it says."""
    rows = ROW.findall(section(SETTINGS_PAGE, "Every setting"))
    told = {name: default.partition(":")[0].strip() for name, default in rows if "`" not in default}
    told |= {name: default[: default.rindex("`") + 1] for name, default in rows if "`" in default}
    assert told == EVERY
    assert len(rows) == len(EVERY)


def in_example():
    text = (ROOT / ".env.example").read_text("utf-8")
    return dict(re.findall(r"^#?(TIPO_\w+)=(.*)$", text, re.MULTILINE))


def test_the_example_has_every_setting_and_shows_the_defaults():
    """It is copied and edited: what is missing in it stays unknown."""
    shown = in_example()
    general = {re.sub("__(EU|US)__", "__<ALIAS>__", name): value for name, value in shown.items()}
    assert set(general) == set(EVERY)
    plain = {name: each.strip("`") for name, each in EVERY.items() if each.startswith("`")}
    differing = {name for name, default in plain.items() if default != general[name]}
    assert differing == {
        "TIPO_STORES__<ALIAS>__WEBHOOK_SECRETS",
        "TIPO_SLACK__APPROVERS",
        "TIPO_NIGHTLY__AUTO_APPROVE",
    }  # empty lists: an example of a value says more


def test_the_example_can_be_read_as_it_is():
    """A newcomer's first `tipo doctor` must not fail over the example's own form."""
    found = load(_env_file=ROOT / ".env.example")
    assert sorted(found.stores) == ["eu", "us"]
    assert found.source == "eu"


def test_the_example_can_be_read_with_every_line_switched_on(tmp_path):
    """A value that is shown must be one that is taken."""
    full = tmp_path / ".env"
    full.write_text("".join(f"{name}={value}\n" for name, value in in_example().items()), "utf-8")
    found = load(_env_file=full)
    assert (found.nightly.at, found.nightly.auto_units) == (time(2, 30), 10)
    assert len(found.slack.approvers) == 2


# -- commands
def first_words(table, head):
    """Return the command of each row of a table."""
    return re.findall(rf"^\| `{head} ([\w-]+)", table, re.MULTILINE)


def test_the_table_of_the_command_line_has_every_command():
    """What is not in the table is not found."""
    told = first_words(section(COMMANDS_PAGE, "On the command line"), "tipo")
    assert sorted(told) == sorted(CLI.list_commands(None))


def test_the_table_of_slack_has_every_command():
    """What is not in the table is not found."""
    told = first_words(section(COMMANDS_PAGE, "In Slack"), "/tipo")
    assert sorted(told) == sorted(row.word for row in COMMANDS)


def test_the_table_of_slack_says_for_which_commands_one_must_be_an_approver():
    """A command that is refused without warning is taken for broken."""
    rows = re.findall(
        r"^\| `/tipo (\w+).*\| *([^|]*?) *\|$", section(COMMANDS_PAGE, "In Slack"), re.MULTILINE
    )
    told = {word for word, who in rows if who and word != "drift"}
    assert told == {row.word for row in COMMANDS if row.order}


# -- what people read in Slack
def test_it_is_told_of_every_table_how_long_its_rows_are_kept():
    """A table that is not told may grow for ever, or hold what somebody must delete."""
    chapter = section(OPERATING, "What is kept how long")
    rows = re.findall(r"^\| [^|]+ \| (`[^|]+) \| ([^|]+) \|$", chapter, re.MULTILINE)
    assert {name for names, _ in rows for name in SPAN.findall(names)} == set(TABLES)
    days = {int(n) for _, kept in rows for n in re.findall(r"^(\d+) days", kept)}
    assert days == {period.days for period, _ in RETENTION_PERIODS}


ANSWERS = ["Means", "How bad", "Tipo", "You", "Ends"]  # what the runbook says of each alert


def headings(chapter):
    """Return what the runbook has under each heading of a chapter."""
    _, *parts = section(RUNBOOK, chapter).split("\n### ")
    return {each.partition("\n")[0]: each.partition("\n")[2] for each in parts}


def test_every_kind_of_alert_is_in_the_runbook():
    """The person who is woken by an alert looks it up by its kind, or by its name."""
    told = [each.partition("(`")[2].rstrip("`)") for each in headings("Alerts in Slack")]
    assert sorted(told) == sorted(INCIDENT_TEXTS)
    rules = RULES.read_text("utf-8")
    alerts = re.findall(r"alert: (\w+)", rules)
    assert sorted(headings("Alerts of Prometheus")) == sorted(alerts)
    assert [f"docs/runbook.md#{each.lower()}" for each in alerts] == re.findall(
        r"runbook: (.+)", rules
    )


@pytest.mark.parametrize("chapter", ["Alerts in Slack", "Alerts of Prometheus"])
def test_the_runbook_says_of_each_alert_all_that_somebody_on_call_asks(chapter):
    for name, text in headings(chapter).items():
        answers = re.findall(r"^- \*\*([\w ]+)\*\*: (.{6,})", text, re.MULTILINE)
        assert [each for each, _ in answers] == ANSWERS, name


def test_every_reason_to_leave_a_product_alone_is_known():
    """The table of reasons was written for these; three of the nine have alerts of their own."""
    assert set(SUSPENDED) == set(Suspension)
    assert len(Suspension) == 9


def test_the_scopes_that_are_told_are_the_manifests():
    """Somebody who adds a scope by hand must get what it is for."""
    chapter = section(OPERATING, "How much is said, and when")
    assert [each for each in WELCOME if f"`{each}`" not in chapter] == []
    assert set(WELCOME) & set(SCOPES) == set()


def test_the_drawing_of_a_proposal_has_every_state():
    """A state that is not drawn is one that nobody reckons with."""
    drawing = section(HOW, "A proposal's states")
    assert [state for state in LEADS_TO if state.name not in drawing] == []


def test_every_file_that_a_drawing_names_is_there():
    """The drawings lead newcomers into the code."""
    text = HOW.read_text("utf-8")
    named = {
        word
        for _, block in BLOCK.findall(text)
        for word in re.findall(r"[a-z_]+(?:/[a-z_]+)*/\w+\.py", block)
    }
    missing = {
        each
        for each in named
        if not any((ROOT / part / each).exists() for part in ("", "sync_core"))
    }
    assert missing == set()
    assert len(named) > 20


# -- what newcomers read of the code
CODE = ("sync_core", "bot", "sandbox", "alembic", "tests", "bench")
ROOM = re.compile(r"^\| `([a-z_/]+)` \| ([\d,]+) \| .+ \|$", re.MULTILINE)
WHERE = re.compile(r"^\| (.+) \| \[.+\]\((.+)\) \| `([\w.]+)`.* \|$", re.MULTILINE)


def modules(*packages):
    return [path for each in packages for path in (ROOT / each).rglob("*.py")]


def defined_in(path):
    """Return the functions, methods and classes of a module, methods as `Class.method`."""
    found = set()

    def visit(node, inside):
        for each in ast.iter_child_nodes(node):
            if isinstance(each, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(inside + each.name)
                if isinstance(each, ast.ClassDef):
                    visit(each, f"{inside}{each.name}.")

    visit(ast.parse(path.read_text("utf-8")), "")
    return found


def lines_of(rooms):
    """Return the lines of each room: a module belongs to the innermost one that it is in."""
    lines = dict.fromkeys(rooms, 0)
    for path in modules(*CODE):
        within = [each for each in rooms if (ROOT / each) in path.parents]
        lines[max(within, key=len)] += len(path.read_text("utf-8").splitlines())
    return lines


def test_the_size_of_each_room_is_about_right():
    """A person who plans a day of reading by the table must not be off by half of it."""
    told = {room: int(n.replace(",", "")) for room, n in ROOM.findall(section(HOW, "The rooms"))}
    counted = lines_of(told)
    off = {
        room: f"is {round(counted[room], -2):,} now"
        for room, lines in told.items()
        if abs(counted[room] - lines) > max(200, 0.15 * lines)
    }
    assert off == {}


def test_every_room_of_the_core_is_told():
    """A room that is not told is one that nobody finds."""
    packages = {by_name(path.parent) for path in ROOT.glob("sync_core/*/__init__.py")}
    assert packages - {room for room, _ in ROOM.findall(section(HOW, "The rooms"))} == set()


WHERE_ROWS = WHERE.findall(section(HOW, "Where is …"))


@pytest.mark.parametrize(("what", "path", "name"), WHERE_ROWS, ids=[row[0] for row in WHERE_ROWS])
def test_where_something_is_decided_is_told_rightly(what, path, name):
    """The table is the way from a behaviour to its code."""
    assert name in defined_in((HOW.parent / path).resolve()), what


def test_the_table_of_where_things_are_is_read_whole():
    """A row that the check does not see may name anything."""
    rows = section(HOW, "Where is …").count("\n| ") - 1  # without its head
    assert len(WHERE_ROWS) == rows >= 25


def test_every_function_that_a_drawing_names_exists():
    """The drawings lead newcomers into the code."""
    named = {
        word
        for _, block in BLOCK.findall(HOW.read_text("utf-8"))
        for word in re.findall(r"\b(\w+)\(\)", block)
    }
    names = {each for path in modules("sync_core", "bot") for each in defined_in(path)}
    assert named - {each.rpartition(".")[2] for each in names} == set()
    assert {"commit_outcomes", "plan_batches"} <= named


def test_every_name_that_is_linked_is_in_its_file():
    """`Level` in a file, or a name that is itself the link."""
    text = HOW.read_text("utf-8")
    told = re.findall(r"`(\w+)`,? (?:in|of) \[[^\]]+\]\(([^)]+\.py)\)", text)
    told += re.findall(r"\[`(\w+)`\]\(([^)]+\.py)\)", text)
    missing = {
        (name, path)
        for name, path in told
        if not re.search(rf"\b{name}\b", (HOW.parent / path).read_text("utf-8"))
    }
    assert missing == set()
    assert len(told) > 3


def test_everything_that_is_tried_again_is_told_with_its_end():
    """What is tried without end, and told to nobody, is an outage that nobody knows of."""
    told = {
        (name, (HOW.parent / path).resolve())
        for names, path in re.findall(
            r"\| ((?:`\w+`(?:, )?)+) in \[[^\]]+\]\(([^)]+)\) \| [^|]{10,} \|",
            section(HOW, "What is tried again"),
        )
        for name in re.findall(r"\w+", names)
    }
    declared = {
        (name, path)
        for path in modules("sync_core", "bot")
        for name in re.findall(r"^([A-Z_]+) = Backoff\(", path.read_text("utf-8"), re.MULTILINE)
    }
    assert declared - told == set()
    assert {(name, path) for name, path in told if name not in path.read_text("utf-8")} == set()
    assert len(told) >= len(declared) >= 15


def test_every_part_that_may_stop_is_told_with_what_it_means():
    """`dead_worker` names a part; the person who is woken by it looks up what stops."""
    source = "".join(
        (ROOT / "sync_core" / each).read_text("utf-8")
        for each in ("workers/engine.py", "app/server.py", "app/scheduler.py")
    )
    names = set(re.findall(r'supervise\(\s*"(\w+)"|\("(\w+)", \w+\)|Job\(\s*name="(\w+)"', source))
    names = {each for found in names for each in found if each}
    assert {"delivery_processor", "sender", "upkeep", "lease", "auditor", "night"} <= names
    rows = re.findall(r"^\| (`.+) \| .+ \|$", RUNBOOK.read_text("utf-8"), re.MULTILINE)
    told = {word.split()[0] for row in rows for word in re.findall(r"`(\w+(?: us)?)`", row)}
    assert names - told == set()


def test_every_metric_and_every_event_that_is_told_exists():
    """A dashboard is built by the names that the pages give."""
    source = "".join(path.read_text("utf-8") for path in modules("sync_core", "bot"))
    pages = "".join(page.read_text("utf-8") for page in (SET_UP, OPERATING, RUNBOOK))
    metrics = {each.removesuffix("_total") for each in re.findall(r"`(tipo_\w+)`", pages)}
    events = {*re.findall(r"\bevent=(\w+)", pages), "worker_failed"}
    assert {each for each in metrics if f'"{each}"' not in source} == set()
    assert {each for each in events if f'"event": "{each}"' not in source} == set()
    assert len(metrics) >= 3
    assert len(events) >= 5


def test_each_attack_names_tests_that_there_are():
    """A promise that nothing holds is none."""
    rows = re.findall(
        r"^\| [^|]+ \| [^|]+ \| (`tests/[^|]+) \|$", SECURITY.read_text(), re.MULTILINE
    )
    assert len(rows) > 10
    for row in rows:
        for path in SPAN.findall(row):
            assert (ROOT / path).is_file(), path
