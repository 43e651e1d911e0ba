"""How far a store has been read, in words that are true at that moment."""

from datetime import UTC, datetime, timedelta

import pytest

from sync_core.domain.read_progress import ReadProgress, ReadStage, describe

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EXPORTING, ADOPTING, DIRECT = ReadStage.EXPORTING, ReadStage.ADOPTING, ReadStage.DIRECT
ONE_BY_ONE = "reading one by one, because the store made no export (TIMEOUT)"


@pytest.mark.parametrize(
    ("stage", "done", "total", "seconds", "words"),
    [
        (EXPORTING, 0, 50_000, 1, "exporting: 0 of 50,000 variants"),
        (EXPORTING, 900, 0, 1, "exporting: 900 variants"),
        (
            EXPORTING, 10_000, 50_000, 10,
            "exporting: 10,000 of 50,000 variants, 1,000 a second, about 40 s left",
        ),
        (ADOPTING, 1, 2, 10, "comparing: 1 of 2 stock levels, 1 a second, about 10 s left"),
        (ADOPTING, 9, 5, 10, "comparing: 9 of 5 stock levels, 1 a second, about 1 s left"),
        (
            ADOPTING, 10, 1210, 10,
            "comparing: 10 of 1,210 stock levels, 1 a second, about 20 min left",
        ),
        (
            DIRECT, 100, 100_100, 5,
            f"{ONE_BY_ONE}: 100 of 100,100 stock levels, 20 a second, about 83 min left",
        ),
        (
            DIRECT, 100, 1_000_100, 5,
            f"{ONE_BY_ONE}: 100 of 1,000,100 stock levels, 20 a second, about 14 h left",
        ),
        (
            ReadStage.RETRYING, 0, 5, 5,
            "the store made no export (TIMEOUT); trying again soon",
        ),
    ],
)  # fmt: skip
def test_progress_in_words(stage, done, total, seconds, words):
    why = "TIMEOUT" if stage in {DIRECT, ReadStage.RETRYING} else ""
    at = NOON - timedelta(seconds=seconds)
    progress = ReadProgress(stage=stage, since=at, done=done, total=total, why=why)
    assert describe(progress, now=NOON) == words


def test_a_clock_that_was_set_back_says_no_rate():
    progress = ReadProgress(stage=EXPORTING, since=NOON, done=5, total=10)
    assert describe(progress, now=NOON - timedelta(hours=1)) == "exporting: 5 of 10 variants"
