"""How far a store's levels have been read for the first time, with the rate and what is left.

stage      what is counted           then
---------  ------------------------  ----------------------------------------------------
EXPORTING  variants in the export    ADOPTING, or RETRYING
RETRYING   -                         EXPORTING, or DIRECT
ADOPTING   stock levels taken over   what is left is read by id
DIRECT     stock levels read by id   -
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sync_core.domain.texts import number

MIN_SECONDS = 2.0  # of a stage before a rate says anything
MINUTE, HOUR = 60, 3600
SHORT = 2  # of a unit, below which the smaller one is said


class ReadStage(StrEnum):
    """What is being done."""

    EXPORTING = "exporting"
    RETRYING = "retrying"
    ADOPTING = "adopting"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadProgress:
    """How far a stage has come."""

    stage: ReadStage
    since: datetime  # when the stage began; for people, so a step of the clock does not matter
    done: int = 0
    total: int = 0  # 0: nobody knows
    why: str = ""  # the store gave no export

    def rate(self, now: datetime) -> float:
        """Return how many a second; 0 where it is too early to say."""
        seconds = (now - self.since).total_seconds()
        return self.done / seconds if seconds >= MIN_SECONDS else 0.0

    def seconds_left(self, now: datetime) -> float | None:
        """Return how long it will take; None where nobody can say."""
        rate = self.rate(now)
        return max(0, self.total - self.done) / rate if rate and self.total else None


WORDS = {
    ReadStage.EXPORTING: ("exporting", "variants"),
    ReadStage.ADOPTING: ("comparing", "stock levels"),
    ReadStage.DIRECT: ("reading one by one", "stock levels"),
}


def describe(progress: ReadProgress, *, now: datetime) -> str:
    """Return how far a store is, for people.

    As in "exporting: 12,000 of 50,000 variants, 950 a second, about 40 s left".
    """
    if progress.stage is ReadStage.RETRYING:
        return f"the store made no export ({progress.why}); trying again soon"
    verb, things = WORDS[progress.stage]
    if progress.why:
        verb += f", because the store made no export ({progress.why})"
    of = f" of {number(progress.total)}" if progress.total else ""
    rate, left = progress.rate(now), progress.seconds_left(now)
    pace = f", {number(max(1, round(rate)))} a second" if rate else ""
    end = "" if left is None else f", about {_duration(left)} left"
    return f"{verb}: {number(progress.done)}{of} {things}{pace}{end}"


def _duration(seconds: float) -> str:
    """Return a time in the unit that people would use."""
    if seconds < SHORT * MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < SHORT * HOUR:
        return f"{round(seconds / MINUTE)} min"
    return f"{round(seconds / HOUR)} h"
