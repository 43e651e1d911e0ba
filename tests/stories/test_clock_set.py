"""A real process whose machine's clock is set back by an hour goes on writing, and says so."""

from pathlib import Path

import pytest

BUSY = 120  # seconds that a busy machine may take
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@pytest.mark.skipif(
    LIBRARY is None, reason="faketime is not installed: nobody can set a clock here"
)
def test_it_goes_on_within_seconds(house):
    house.open_stores(products=2)
    ours = dict(house.environment)
    clock = house.folder / "clock"
    clock.write_text("+0")
    house.environment |= {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DISABLE_SHM": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    house.serve()
    house.environment = ours
    house.until(house.is_up, "tipo serve is up", seconds=BUSY)
    assert house.tipo("mode", "two-way", "--yes").returncode == 0, house.log()
    house.act("us", "sell", item="SFDJ-M", quantity=5)
    house.until(
        lambda: house.shows("SFDJ-M") == {"eu": 45, "us": 45}, "the sale is in both", seconds=BUSY
    )

    clock.write_text("-3600")
    house.act("eu", "restock", item="SFDJ-M", quantity=10)
    house.until(
        lambda: house.shows("SFDJ-M") == {"eu": 55, "us": 55},
        "the restock is in both",
        seconds=BUSY,
    )
    house.until(
        lambda: was_set_by(house) == pytest.approx(-3600, abs=2), "it has noticed", seconds=BUSY
    )
    house.act("us", "sell", item="SFDJ-M", quantity=1)
    house.until(lambda: house.shows("SFDJ-M") == {"eu": 54, "us": 54}, "it goes on", seconds=BUSY)


def was_set_by(house):
    answer = house.client.get(f"http://127.0.0.1:{house.port}/readyz")
    return answer.json()["clock"]["was_set_by_seconds"] if answer.is_success else 0
