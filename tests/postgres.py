"""Databases of their own on the PostgreSQL that tests are given."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from sqlalchemy.engine import make_url


@contextmanager
def new_database(server: str, *, template: str = "template1") -> Iterator[str]:
    """Yield the URL of a new database on a server; it is dropped afterwards, in use or not."""
    name = f"tipo_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
