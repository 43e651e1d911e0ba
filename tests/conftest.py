"""What every test has."""

import os
import shutil
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import text

from sync_core.db.database import Database
from sync_core.db.migrate import migrate

settings.register_profile("dev", max_examples=50, deadline=None, print_blob=True)
settings.register_profile(
    "ci",
    max_examples=500,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("deterministic", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

POSTGRES = os.environ.get("TIPO_TEST_POSTGRES_URL")
needs_postgres = pytest.mark.skipif(
    POSTGRES is None, reason="TIPO_TEST_POSTGRES_URL names no PostgreSQL to test against"
)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch, tmp_path_factory):
    """No setting of whoever runs the tests may change what they do."""
    for name in list(os.environ):
        if name.startswith(("TIPO_STORES", "TIPO_DATABASE", "TIPO_SLACK", "SLACK_", "TIPO_PUBLIC")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    """A SQLite file with the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    database = Database(f"sqlite:///{path}")
    migrate(database.engine)
    database.close()
    return path


@pytest.fixture
def sqlite_url(migrated_file, tmp_path):
    path = tmp_path / "tipo.db"
    shutil.copy(migrated_file, path)
    return f"sqlite:///{path}"


@pytest.fixture
def empty_postgres_url():
    """A database of its own on the PostgreSQL that the tests were given."""
    if POSTGRES is None:
        pytest.skip("TIPO_TEST_POSTGRES_URL names no PostgreSQL to test against")
    name = f"tipo_{uuid4().hex}"
    admin = Database(POSTGRES)
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield admin.url.set(drivername="postgresql", database=name).render_as_string(
        hide_password=False
    )
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=needs_postgres)])
def database_url(request):
    """An empty database of each kind, migrated."""
    if request.param == "sqlite":
        return request.getfixturevalue("sqlite_url")
    url = request.getfixturevalue("empty_postgres_url")
    database = Database(url)
    migrate(database.engine)
    database.close()
    return url


@pytest.fixture
def database(database_url):
    found = Database(database_url)
    yield found
    found.close()
