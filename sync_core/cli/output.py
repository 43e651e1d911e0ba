"""Say things: to people by tables and sentences, to programs by JSON.

Names that merchants wrote reach a terminal here: nothing is read as markup, and control
characters are taken out.
"""

import json
from collections.abc import Iterable
from datetime import datetime

import typer
from pydantic_core import to_jsonable_python
from rich import box
from rich.console import Console
from rich.table import Table

from sync_core.errors import cut

PIPE_WIDTH = 240  # columns for a pipe: the program that reads it must not find lines folded
EMPTY_CELL = "-"


def console(*, err: bool = False) -> Console:
    """Return where to print to; plain and wide when nobody looks."""
    out = Console(stderr=err, markup=False, emoji=False, highlight=False)
    if not out.is_terminal:
        out = Console(
            stderr=err, markup=False, emoji=False, highlight=False, width=PIPE_WIDTH, no_color=True
        )
    return out


def echo(text: str = "", *, style: str | None = None) -> None:
    """Print a sentence."""
    console().print(text, style=style, soft_wrap=True)


def echo_table(
    headings: Iterable[str],
    rows: Iterable[Iterable[object]],
    *,
    title: str = "",
    err: bool = False,
) -> None:
    """Print a table. Numbers stand to the right."""
    out = console(err=err)
    if title:
        out.print(title, style="bold", soft_wrap=True)
    listed = [[format_cell(each) for each in row] for row in rows]
    table = Table(
        box=box.SIMPLE_HEAD if out.is_terminal else None,
        show_edge=False,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="dim" if out.is_terminal else "",
    )
    for index, heading in enumerate(headings):
        column = [row[index] for row in listed]
        table.add_column(heading, justify="right" if _are_numbers(column) else "left")
    for row in listed:
        table.add_row(*row)
    out.print(table)


def format_cell(value: object) -> str:
    """Return a value as people read it."""
    if value is None or value == "":
        return EMPTY_CELL
    if isinstance(value, datetime):
        return format_time(value)
    return cut(str(value))


def _are_numbers(column: list[str]) -> bool:
    return any(each != EMPTY_CELL for each in column) and all(
        each == EMPTY_CELL or each.lstrip("+-").replace(".", "", 1).isdigit() for each in column
    )


def format_time(at: datetime) -> str:
    """Return a time of day, with its date, by the clock on the wall."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def format_age(at: datetime | None, now: datetime) -> str:
    """Return how long ago something was."""
    if at is None:
        return "never"
    seconds = max(0.0, (now - at).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def signed(number: int) -> str:
    """Return a change with its sign."""
    return f"{number:+d}"


def echo_json(value: object) -> None:
    """Print a value as JSON. All is ASCII: a terminal is not spoken to by a product's title."""
    typer.echo(json.dumps(to_jsonable_python(value), indent=2))
