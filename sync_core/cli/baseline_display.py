"""Show how far an initial comparison has come: bars in a terminal, and lines in a log."""

from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from sync_core.domain.read_progress import ReadProgress, ReadStage, describe
from sync_core.domain.texts import number, store_name
from sync_core.domain.values import Alias

LINE_EVERY_SECONDS = 10.0  # in a log, as long as a stage lasts
ALL = Alias("")  # the line about all stores


class BaselineDisplay:
    """Shows what every store is at; in a terminal each has a bar."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._bars = Progress(
            TextColumn("{task.fields[store]}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.description}", markup=False, table_column=Column(ratio=1)),
            console=out,
            transient=True,
            disable=not out.is_terminal,
        )
        self._tasks: dict[Alias, TaskID] = {}
        self._printed: dict[Alias, tuple[ReadStage, datetime]] = {}

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave nothing of the bars behind."""
        self._bars.stop()

    def show(self, reading: Mapping[Alias, ReadProgress], waiting: int, now: datetime) -> None:
        """Show how far each store is, and how many levels of the destinations are to go."""
        if not self._out.is_terminal:
            self._print(reading, now)
            return
        for alias in set(self._tasks) - {*reading, ALL}:
            self._bars.remove_task(self._tasks.pop(alias))
        self._draw(ALL, f"Comparing the stores: {number(waiting)} stock levels to go …")
        for alias, each in reading.items():
            words = describe(each, now=now)
            self._draw(alias, words, total=each.total or None, completed=each.done)

    def _draw(
        self, alias: Alias, words: str, *, total: int | None = None, completed: int = 0
    ) -> None:
        if alias not in self._tasks:
            self._tasks[alias] = self._bars.add_task("", store=store_name(alias), total=None)
        self._bars.update(self._tasks[alias], description=words, total=total, completed=completed)

    def _print(self, reading: Mapping[Alias, ReadProgress], now: datetime) -> None:
        for alias, each in reading.items():
            stage, at = self._printed.get(alias, (None, now))
            if stage is each.stage and (now - at).total_seconds() < LINE_EVERY_SECONDS:
                continue
            self._printed[alias] = each.stage, now
            self._out.print(f"{store_name(alias)}: {describe(each, now=now)}", soft_wrap=True)
