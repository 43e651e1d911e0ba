"""The two scenarios that must always work, as a shop would live them.

Three processes that know of each other by environment variables and HTTP alone: the stores,
`tipo serve`, and `tipo mode two-way --yes` of somebody at a terminal.
"""

import json
import socket
import sqlite3
from contextlib import closing

import pytest

JACKET = "SFDJ-M"


def test_a_sale_and_a_restock_reach_the_other_store(harness):
    """Fifty in both; five sold in the destination; then ten restocked in the source."""
    harness.open_stores()
    harness.serve()
    harness.until(harness.is_up, "tipo serve is up")

    answer = harness.tipo("mode", "two-way", "--yes", "--json")
    assert answer.returncode == 0, answer.stderr + harness.log()
    said = json.loads(answer.stdout)
    assert said["modes"] == {"us": "two-way"}
    assert said["ended"] is True
    assert [(each["agreed"], each["differing"]) for each in said["baselines"]] == [(15, 0)]
    assert harness.shows(JACKET) == {"eu": 50, "us": 50}

    harness.perform("us", "sell", item=JACKET, quantity=5)
    harness.until(lambda: harness.shows(JACKET) == {"eu": 45, "us": 45}, "45 and 45")

    harness.perform("eu", "restock", item=JACKET, quantity=10)
    harness.until(lambda: harness.shows(JACKET) == {"eu": 55, "us": 55}, "55 and 55")

    others = {sku: 50 for sku in harness.stock("eu") if sku != JACKET}
    assert harness.stock("eu") == harness.stock("us") == {**others, JACKET: 55}

    timeline = json.loads(harness.tipo("history", JACKET, "--json").stdout)["pools"][0]["entries"]
    assert [(each["store"], each["kind"], each["delta"]) for each in timeline] == [
        ("us", "movement", -5),
        ("eu", "adjustment", -5),
        ("eu", "movement", 10),
        ("us", "adjustment", 10),
    ]


def batches(harness):
    with closing(sqlite3.connect(f"file:{harness.folder / 'tipo.db'}?mode=ro", uri=True)) as known:
        return [each[0] for each in known.execute("SELECT state FROM batch ORDER BY id")]


def unsent_posts(harness):
    with closing(sqlite3.connect(f"file:{harness.folder / 'tipo.db'}?mode=ro", uri=True)) as known:
        return known.execute("SELECT count(*) FROM post WHERE sent < version").fetchone()[0]


@pytest.fixture
def mute_slack(harness):
    """A Slack that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        harness.environment |= {
            "TIPO_SLACK__BOT_TOKEN": "xoxb-0-0-mute",
            "TIPO_SLACK__SIGNING_SECRET": "mute",
            "TIPO_SLACK__CHANNEL": "C0ALERTS",
            "TIPO_SLACK__API_URL": f"http://127.0.0.1:{listener.getsockname()[1]}/api/",
        }
        yield


@pytest.mark.usefixtures("mute_slack")
def test_it_stops_in_the_middle_of_an_update_and_the_next_one_ends_it(harness):
    """SIGTERM is how every process manager stops a service, and a long goodbye ends in a kill.

    A slow store and a mute Slack make it no longer; nothing is lost, nothing is done twice. An
    update that the store answers within seconds is waited for. One that it does not is sent again
    under its key by the next process. Messages wait in the database.
    """
    harness.open_stores(products=1)
    harness.serve()
    harness.until(harness.is_up, "tipo serve is up")
    assert harness.tipo("mode", "two-way", "--yes").returncode == 0, harness.log()
    slow = {"mutations_only": True, "answers": {"slow": 1.0}, "slow_for": 20.0}
    harness.perform("us", "break", **slow)
    harness.perform("eu", "sell", item=JACKET, quantity=5)
    harness.until(lambda: harness.shows(JACKET)["us"] == 45, "it is written, and not answered")
    harness.until(lambda: unsent_posts(harness), "a message waits for Slack")

    harness.serving.terminate()

    assert harness.serving.wait(10) == 0
    assert batches(harness)[-1] == "open"
    assert unsent_posts(harness)
    harness.perform("us", "break", slow_for=1.5)
    harness.perform("us", "sell", item=JACKET, quantity=1)
    harness.serve()
    harness.until(lambda: harness.shows(JACKET)["eu"] == 44, "the sale has arrived", seconds=90)
    harness.perform("eu", "sell", item=JACKET, quantity=2)
    harness.until(lambda: harness.shows(JACKET)["us"] == 42, "it is written, and not answered")
    harness.serving.terminate()
    assert harness.serving.wait(10) == 0
    assert set(batches(harness)) == {"settled"}, "the answer was waited for"
    assert json.loads(harness.tipo("status", "--json").stdout)["serving"] is False
    harness.perform("us", "clear-faults")
    harness.perform("us", "restock", item=JACKET, quantity=2)
    harness.serve()
    harness.until(lambda: harness.shows(JACKET) == {"eu": 44, "us": 44}, "44 and 44", seconds=90)
