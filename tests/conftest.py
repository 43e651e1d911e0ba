"""What every test has: profiles, a clean environment, and databases that are nobody else's."""

import logging
import os
import shutil
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import make_url

from sync_core.db.database import SqlDatabase
from sync_core.db.migrate import migrate
from tests.postgres import new_database

settings.register_profile("dev", max_examples=50, deadline=None, print_blob=True)
settings.register_profile(
    "ci",
    max_examples=250,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("deterministic", derandomize=True, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

POSTGRES = os.environ.get("TIPO_TEST_POSTGRES_URL")
NO_POSTGRES = "TIPO_TEST_POSTGRES_URL names no PostgreSQL to test against"
needs_postgres = pytest.mark.skipif(POSTGRES is None, reason=NO_POSTGRES)
LONGEST = ("tests/stories/", "tests/playground/")
KINDS = ["sqlite", pytest.param("postgresql", marks=needs_postgres)]


def pytest_collection_modifyitems(items):
    """Begin with what waits for processes for minutes: at the end, the other workers would idle."""
    items.sort(key=lambda each: not each.nodeid.startswith(LONGEST))


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch):
    """No setting of the person who runs the tests may change what they do."""
    ours = {"TIPO_TEST_POSTGRES_URL", "TIPO_HISTORIES"}
    for name in set(os.environ) - ours:
        if name.startswith(("TIPO_", "SLACK_")):
            monkeypatch.delenv(name)


@contextmanager
def _opened(url):
    database = SqlDatabase(url)
    try:
        yield database
    finally:
        database.close()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    """A SQLite file with the newest schema, to be copied: that is faster than migrating."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    with _opened(f"sqlite:///{path}") as database:
        migrate(database.engine)
    return path


@pytest.fixture
def sqlite_url(migrated_file, tmp_path):
    """A migrated SQLite file of this test's own."""
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'tipo.db')}"


@contextmanager
def _postgres(template="template1"):
    """Yield the URL of a new database on the PostgreSQL that the tests were given."""
    if POSTGRES is None:
        pytest.skip(NO_POSTGRES)
    with new_database(POSTGRES, template=template) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_postgres():
    """The name of a PostgreSQL database with the newest schema, to be copied."""
    with _postgres() as url:
        with _opened(url) as database:
            migrate(database.engine)
        yield make_url(url).database


@pytest.fixture
def postgres_url(migrated_postgres):
    """A migrated PostgreSQL database of this test's own."""
    with _postgres(migrated_postgres) as url:
        yield url


@pytest.fixture
def empty_postgres_url():
    """A PostgreSQL database that nobody has migrated."""
    with _postgres() as url:
        yield url


@pytest.fixture(params=KINDS)
def database_url(request):
    """A migrated database; the test runs on each kind."""
    chosen = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return request.getfixturevalue(chosen)


@pytest.fixture(params=KINDS)
def empty_url(request, tmp_path):
    """A database without tables; the test runs on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return request.getfixturevalue("empty_postgres_url")


@pytest.fixture
def database(database_url):
    """A migrated database, open; the test runs on each kind."""
    with _opened(database_url) as found:
        yield found


@pytest.fixture(autouse=True)
def uvicorn_speaks():
    """Undo what a server that ran in this process has left behind: it quiets uvicorn for all."""
    logging.getLogger("uvicorn.error").setLevel(logging.NOTSET)
