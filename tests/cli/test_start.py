"""A command starts at once: it imports what it needs, and nothing of what the others need."""

import inspect
import subprocess
import sys
from importlib import import_module

import pytest
import typer

from sandbox.sample_shops import build_shops, environment
from sync_core.cli import app
from sync_core.cli.commands import COMMANDS
from sync_core.db.database import SqlDatabase
from sync_core.db.migrate import migrate
from tests.cli.conftest import wall_clock

CLI = typer.main.get_command(app)
DATABASE = {"alembic", "mako", "psycopg", "sqlalchemy", "sqlmodel"}
SERVING = {
    *("aiohttp", "apscheduler", "duckdb", "graphql", "httptools", "httpx", "prometheus_client"),
    *("opentelemetry", "slack_bolt", "slack_sdk", "starlette", "structlog", "uvicorn", "uvloop"),
}
# Runs a command and says, last, what was imported for it.
IMPORTED = """
import sys
from importlib import import_module
from sync_core.cli import app
try:
    app(sys.argv[1:], prog_name="tipo")
except SystemExit as end:
    assert not end.code, end.code
print()
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def imported(*words, **variables):
    """Return the packages that a command of its own process imports."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *words],
        env=variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_help_imports_neither_the_database_nor_what_serving_needs(bare):
    """A person who only looks for the name of a command must not wait for all of them."""
    found = imported("--help")
    assert "typer" in found
    assert found & (DATABASE | SERVING | {"pydantic", "msgspec"}) == set()


def test_status_imports_the_database_and_no_more(bare):
    """The first thing that people ask, again and again."""
    shops = build_shops(wall_clock, products=1, base_url="http://127.0.0.1:1")
    url = f"sqlite:///{bare / 'tipo.db'}"
    database = SqlDatabase(url)
    migrate(database.engine)
    database.close()
    settings = environment(shops, "http://127.0.0.1:1") | {"TIPO_DATABASE_URL": url}
    found = imported("status", **settings)
    assert "sqlalchemy" in found
    assert found & (SERVING | {"alembic", "mako", "psycopg"}) == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_each_command_says_of_itself(name):
    """`tipo --help` and `tipo status --help` must not tell two stories."""
    said = inspect.cleandoc(CLI.get_command(None, name).help).partition("\n\n")[0]
    assert COMMANDS[name].help == said.replace("\n", " ")


def test_every_command_of_a_module_is_in_the_table():
    """One that is not in the table cannot be found."""
    added = typer.Typer()
    for module in {each.module for each in COMMANDS.values()}:
        import_module(module).register(added)
    assert set(typer.main.get_group(added).commands) == set(COMMANDS)
