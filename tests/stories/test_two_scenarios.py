"""The two scenarios that must always work, as a shop would live them.

Three processes that know of each other by environment variables and HTTP alone: the stores,
`tipo serve`, and `tipo mode two-way --yes` of somebody at a terminal.
"""

import json

JACKET = "SFDJ-M"


def test_a_sale_and_a_restock_reach_the_other_store(house):
    """Fifty in both; five sold in the destination; then ten restocked in the source."""
    house.open_stores()
    house.serve()
    house.until(house.is_up, "tipo serve is up")

    answer = house.tipo("mode", "two-way", "--yes", "--json")
    assert answer.returncode == 0, answer.stderr + house.log()
    said = json.loads(answer.stdout)
    assert said["modes"] == {"us": "two-way"}
    assert said["ended"] is True
    assert [(each["agreed"], each["differing"]) for each in said["meetings"]] == [(15, 0)]
    assert house.shows(JACKET) == {"eu": 50, "us": 50}

    house.act("us", "sell", item=JACKET, quantity=5)
    house.until(lambda: house.shows(JACKET) == {"eu": 45, "us": 45}, "45 and 45")

    house.act("eu", "restock", item=JACKET, quantity=10)
    house.until(lambda: house.shows(JACKET) == {"eu": 55, "us": 55}, "55 and 55")

    others = {sku: 50 for sku in house.stock("eu") if sku != JACKET}
    assert house.stock("eu") == house.stock("us") == {**others, JACKET: 55}

    timeline = json.loads(house.tipo("history", JACKET, "--json").stdout)["pools"][0]["entries"]
    assert [(each["store"], each["kind"], each["delta"]) for each in timeline] == [
        ("us", "movement", -5),
        ("eu", "adjustment", -5),
        ("eu", "movement", 10),
        ("us", "adjustment", 10),
    ]


def test_it_stops_when_told_to(house):
    """SIGTERM is how every process manager stops a service; a long goodbye ends in a kill."""
    house.open_stores(products=1)
    house.serve()
    house.until(house.is_up, "tipo serve is up")

    house.serving.terminate()

    assert house.serving.wait(10) == 0
    status = json.loads(house.tipo("status", "--json").stdout)
    assert status["serving"] is False
