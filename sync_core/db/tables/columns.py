"""What the tables have in common: types, conditions of their indexes, defaults."""

import logging
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Index,
    Integer,
    TextClause,
    TypeDecorator,
    text,
)
from sqlmodel import SQLModel

from sync_core.errors import UnreadableValue
from sync_core.stored import from_plain, to_plain

log = logging.getLogger(__name__)

OPEN = text("state = 'open'")
UNHANDLED = text("handled_at IS NULL")
QUARANTINED = text("quarantined_at IS NOT NULL")
REFRESH_DUE = text("refresh_at IS NOT NULL")
DUE = text("due")
OPEN_FINDING = text("closed_at IS NULL")
HAS_TURN = text("turn IS NOT NULL")
APPROVED = text("state = 'approved'")
NOT_RELEASED = text("released_at IS NULL")
UNSENT = text("sent < version")
NOT_BASELINED = text("NOT baselined")
SUSPENDED = text("suspended IS NOT NULL")
UNAGREED = text("shared IS NULL")
OVERSOLD = text("shared < 0")
HAS_BODY = text("length(body) > 0")
CLOSED = text("closed_at IS NOT NULL")
EXPLAINS = text("movement_id IS NOT NULL")
NAMED = text("sku <> ''")  # the others would all have one hash

ZERO = {"server_default": text("0")}  # for columns that older rows have not got
FALSE = {"server_default": text("false")}

# A row is never validated, so nothing is built that would do it: with 31 tables that takes a while.
SQLModel.model_config["defer_build"] = True

Big = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys only


def index_where(condition: TextClause, name: str, *columns: str, **more: Any) -> Index:
    """Return an index of the rows of which a condition holds."""
    return Index(name, *columns, sqlite_where=condition, postgresql_where=condition, **more)


class Utc(TypeDecorator[datetime]):
    """An aware time in UTC, whatever the database makes of time zones.

    A level has seven of them. In SQLite they are texts, which take longer to read than all that is
    done with them; and most are one of few: the time of a commit, or none at all.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Store UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Return UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def bind_processor(self, dialect: Dialect) -> Any:
        """Return what makes a parameter of a time."""
        return _sqlite_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Return what makes a time of a column's value."""
        sqlite = dialect.name == "sqlite"
        return _from_sqlite_text if sqlite else super().result_processor(dialect, coltype)


@lru_cache(4096)
def _sqlite_text(value: datetime | None) -> str | None:
    """Return a time as SQLite keeps it: 2026-11-23 12:00:00.000000, in UTC."""
    if value is None:
        return None
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


@lru_cache(4096)
def _from_sqlite_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


class Json(TypeDecorator[Any]):
    """A value stored as JSON. One that no Tipo has stored is logged, and read as `otherwise`.

    `{}`, where there is no value, is read so without a log line. An odd row stops nothing else:
    what depends on the value says itself what is missing.
    """

    impl = JSON
    cache_ok = True

    def __init__(self, kind: Any, otherwise: Any = None) -> None:
        super().__init__()
        self.kind = kind
        self._otherwise = otherwise

    def process_bind_param(self, value: Any, _: Dialect) -> Any:
        """Store what JSON knows; nothing as `{}`."""
        return {} if value is None else to_plain(value)

    def process_result_value(self, value: Any, _: Dialect) -> Any:
        """Return the value."""
        if value is None:
            return self._otherwise
        try:
            return from_plain(value, self.kind)
        except UnreadableValue as exc:
            if value:
                log.error("can't read a stored value: %s", exc, extra={"event": "unreadable"})  # noqa: TRY400
            return self._otherwise

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """Compare and index as JSON does."""
        return self.impl_instance.coerce_compared_value(op, value)


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Tell alembic how to write our own types into a migration."""
    if kind != "type" or not isinstance(item, Utc | Json):
        return False
    return "sa.JSON()" if isinstance(item, Json) else "sa.DateTime(timezone=True)"
