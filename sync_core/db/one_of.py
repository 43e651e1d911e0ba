"""`one_of(column, name)`: whether a column is one of many whole numbers, given as one parameter.

    SQLite       column IN (SELECT value FROM json_each(?))
    PostgreSQL   column = ANY(%s)

An ordinary IN is another statement for each count of numbers: SQLAlchemy puts it together each time
it runs, and each time the database parses it. This one is always the same, and has no limit.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Dialect, TypeDecorator, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import BigInteger, String, TypeEngine


class WholeNumbers(TypeDecorator[Iterable[int]]):
    """Many whole numbers, as one parameter."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return text for SQLite, an array for PostgreSQL."""
        return String() if dialect.name == "sqlite" else ARRAY(BigInteger)

    def process_bind_param(self, value: Iterable[int] | None, dialect: Dialect) -> Any:
        """Return the parameter."""
        numbers = list(value or ())
        return str(numbers) if dialect.name == "sqlite" else numbers


class one_of(FunctionElement[bool]):  # noqa: N801 - it reads as a function
    """Whether a column is one of the numbers of a parameter."""

    name = "one_of"
    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], parameter: str) -> None:
        super().__init__(column, bindparam(parameter, type_=WholeNumbers()))


@compiles(one_of, "sqlite")
def _in_json(element: one_of, compiler: SQLCompiler, **given: Any) -> str:
    column, numbers = (compiler.process(each, **given) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({numbers}))"  # noqa: S608 - of our own parts


@compiles(one_of, "postgresql")
def _any_of_array(element: one_of, compiler: SQLCompiler, **given: Any) -> str:
    column, numbers = (compiler.process(each, **given) for each in element.clauses)
    return f"{column} = ANY({numbers})"
