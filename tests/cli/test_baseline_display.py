"""How far an initial comparison has come: bars for people, lines for a log."""

import io
from datetime import UTC, datetime, timedelta

from rich.console import Console

from sync_core.cli.baseline_display import BaselineDisplay
from sync_core.domain.read_progress import ReadProgress, ReadStage
from sync_core.domain.values import Alias

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EU, US = Alias("eu"), Alias("us")


def shown(*, terminal):
    """Return what is printed of 25 seconds: two exports, one of which is over before the other."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120, highlight=False)
    with BaselineDisplay(console) as display:
        for seconds in range(0, 25, 5):
            now = NOON + timedelta(seconds=seconds)
            reading = {US: ReadProgress(stage=ReadStage.EXPORTING, since=NOON, done=seconds * 100)}
            if seconds < 12:
                reading[EU] = ReadProgress(
                    stage=ReadStage.ADOPTING, since=NOON, done=seconds * 50, total=1_000
                )
            display.show(reading, 2_000, now)
    return out.getvalue()


def test_a_log_gets_a_line_of_each_store_now_and_then():
    assert shown(terminal=False).splitlines() == [
        "US: exporting: 0 variants",
        "EU: comparing: 0 of 1,000 stock levels",
        "US: exporting: 1,000 variants, 100 a second",
        "EU: comparing: 500 of 1,000 stock levels, 50 a second, about 10 s left",
        "US: exporting: 2,000 variants, 100 a second",
    ]


def test_a_terminal_gets_a_bar_of_each_store_that_is_read():
    said = shown(terminal=True)
    assert "Comparing the stores: 2,000 stock levels to go" in said
    last = said.rpartition("Comparing the stores")[2]
    assert "US" in last
    assert "exporting: 2,000 variants, 100 a second" in last
    assert "━" in last
    assert "EU" not in last


def test_what_a_store_says_is_not_read_as_markup():
    out = io.StringIO()
    with BaselineDisplay(Console(file=out, force_terminal=True, width=120)) as display:
        why = "[/red] [bold]"
        failed = ReadProgress(stage=ReadStage.RETRYING, since=NOON, why=why)
        display.show({Alias("uk"): failed}, 1, NOON)
    assert why in out.getvalue()
