"""Comparisons of the stores, from the request to the result."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sync_core.domain.proposals import Asker, Report, ReportFacts, ReportKind, ReportState
from sync_core.domain.values import Alias


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """A report that somebody, or the clock, asks for."""

    kind: ReportKind
    token: str
    by: str = ""
    night: str | None = None  # its date; one report a night, whoever asks
    facts: ReportFacts = field(default_factory=ReportFacts)


class ReportRepository(Protocol):
    """Comparisons of the stores, from the request to the result."""

    def request(self, wanted: ReportRequest, *, now: datetime) -> tuple[int, bool]:
        """Ask for a report; return its id, and whether it is new.

            asked for           while the stores are compared, or wait for it  else
            ------------------  ---------------------------------------------  ----------
            a check, preflight  that comparison                                a new one
            a night             a new one, which runs after it                 a new one
            a night once more   the night's                                    the night's
            what compares none  a new one, at once                             a new one

        One comparison runs at a time.
        """

    def claim(self, *, now: datetime, until: datetime) -> Report | None:
        """Take the oldest report that nobody works on and whose turn it is, until then."""

    def next_at(self) -> datetime | None:
        """Return from when on a report may be claimed; None when none waits."""

    def update(
        self,
        report: int,
        state: ReportState,
        *,
        progress: Mapping[str, str] | None = None,
        until: datetime,
    ) -> bool:
        """Note how far a report has come, and go on holding it; False if it is over."""

    def postpone(self, report: int, *, until: datetime, why: str) -> int:
        """Let a report be claimed again from then on; return how often it was tried."""

    def finish(
        self,
        report: int,
        *,
        now: datetime,
        summary: Mapping[str, object] | None = None,
        why_failed: str = "",
    ) -> None:
        """Close a report; with `why_failed` it is one that failed.

        Whatever the order in which reports end, all that is open is held by the newest asked for
        that is done.
        """

    def latest(self) -> int | None:
        """Return the report that holds what is open: the newest asked for that is done."""

    def join(self, report: int, asker: Asker) -> bool:
        """Have somebody else told of a report's result, too; False if it is over already."""

    def count_new(self, report: int) -> int:
        """Return how many of a report's open proposals are about what it was the first to find."""

    def keep_question(self, report: int, token: str) -> None:
        """Keep which question a report has asked."""

    def keep_operations(self, report: int, operations: Mapping[Alias, str]) -> None:
        """Keep which exports a report has begun."""

    def get(self, report: int) -> Report | None:
        """Return a report."""

    def by_token(self, token: str) -> Report | None:
        """Return the report whose buttons carry that token."""

    def last_of(self, kinds: Iterable[ReportKind]) -> Report | None:
        """Return the newest report of these kinds that is done."""
