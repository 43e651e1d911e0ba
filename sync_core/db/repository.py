"""What every repository has: its transaction, whose connection it shares."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, overload

from sqlalchemy import Connection, CursorResult, Executable, Table
from sqlmodel import Session
from sqlmodel.sql.expression import Select, SelectOfScalar

if TYPE_CHECKING:
    from sync_core.db.transaction import SqlTransaction

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Given = Mapping[str, Any] | None  # the values of a statement's parameters


def chunks(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield the rows, so many at a time: databases limit the parameters of a statement."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


class Statements:
    """A connection, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_sqlite = connection.dialect.name == "sqlite"

    def run(self, statement: Executable, rows: Any = None) -> CursorResult[*tuple[Any, ...]]:
        """Execute a statement, once or for each of the rows."""
        return self.connection.execute(statement, rows)

    @overload
    def rows(self, query: SelectOfScalar[T], given: Given = None) -> Sequence[T]: ...

    @overload
    def rows(self, query: Select[*Ts], given: Given = None) -> Sequence[tuple[*Ts]]: ...

    def rows(self, query: Any, given: Given = None) -> Sequence[Any]:
        """Return whole rows as their models, for what people are shown: typed, and detached.

        It costs about twice what `run` does, so what is asked all the time goes by `run`. Each
        query has a session of its own: nothing is remembered that a statement changes meanwhile.
        """
        with Session(self.connection) as session:
            found: Sequence[Any] = session.exec(query, params=given).all()
        return found

    def insert(self, table: Table) -> Any:
        """Return an INSERT that may say what to do about conflicts, in the words of the dialect."""
        # Each in its own time: whoever has SQLite need not wait for all drivers of PostgreSQL.
        if self.is_sqlite:
            from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415
        else:
            from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]  # noqa: PLC0415
        return insert(table)

    def insert_new(self, table: Table, rows: Sequence[dict[str, Any]]) -> int:
        """Insert the rows that break no constraint; return how many.

        By the driver, row by row: a statement of many rows would be compiled anew for each number
        of them, which takes longer than running it.
        """
        if not rows:
            return 0
        new = self.insert(table).on_conflict_do_nothing()
        return self.run(new.execution_options(preserve_rowcount=True), list(rows)).rowcount

    def upsert(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows, or make the rows of the same primary key equal to them."""
        keys = [column.name for column in table.primary_key]
        for some in chunks(rows, 200):
            statement = self.insert(table).values(some)
            fresh = {name: statement.excluded[name] for name in some[0] if name not in keys}
            self.run(statement.on_conflict_do_update(index_elements=keys, set_=fresh))


class SqlRepository(Statements):
    """What is done with the tables of one kind of thing, within one transaction."""

    def __init__(self, tx: "SqlTransaction") -> None:
        super().__init__(tx.connection)
        self.tx = tx  # where one repository needs another
