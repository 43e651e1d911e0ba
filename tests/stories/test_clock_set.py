"""A real process whose machine's clock is set back by an hour goes on writing, and says so."""

from pathlib import Path

import httpx
import pytest

BUSY = 120  # seconds that a busy machine may take
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@pytest.mark.skipif(
    LIBRARY is None, reason="faketime is not installed: nobody can set a clock here"
)
def test_it_goes_on_within_seconds(harness):
    harness.open_stores(products=2)
    ours = dict(harness.environment)
    clock = harness.folder / "clock"
    clock.write_text("+0")
    harness.environment |= {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DISABLE_SHM": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    harness.serve()
    harness.environment = ours
    harness.until(harness.is_up, "tipo serve is up", seconds=BUSY)
    assert harness.tipo("mode", "two-way", "--yes").returncode == 0, harness.log()
    harness.perform("us", "sell", item="SFDJ-M", quantity=5)
    harness.until(
        lambda: harness.shows("SFDJ-M") == {"eu": 45, "us": 45}, "the sale is in both", seconds=BUSY
    )

    clock.write_text("-3600")
    harness.perform("eu", "restock", item="SFDJ-M", quantity=10)
    harness.until(
        lambda: harness.shows("SFDJ-M") == {"eu": 55, "us": 55},
        "the restock is in both",
        seconds=BUSY,
    )
    harness.until(
        lambda: was_set_by(harness) == pytest.approx(-3600, abs=2), "it has noticed", seconds=BUSY
    )
    harness.perform("us", "sell", item="SFDJ-M", quantity=1)
    harness.until(
        lambda: harness.shows("SFDJ-M") == {"eu": 54, "us": 54}, "it goes on", seconds=BUSY
    )


def was_set_by(harness):
    try:
        answer = harness.client.get(f"http://127.0.0.1:{harness.port}/readyz")
    except httpx.TransportError:  # it starts over, which takes a while on a busy machine
        return 0
    return answer.json()["clock"]["was_set_by_seconds"] if answer.is_success else 0
