"""Tokens, cost, versions, and answers that break."""

import json
from random import Random

import pytest

from sandbox.faults import ShopFault


def test_a_wrong_token_is_refused(app):
    app("{ shop { id } }", token="nonsense")  # noqa: S106  opens nothing
    assert app.last.status == 401


def test_a_token_by_credentials_lives_a_day(app, time):
    form = b"grant_type=client_credentials&client_id=sandbox-client&client_secret=sandbox-secret"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    path = "/admin/oauth/access_token"
    grant = json.loads(app.shop.handle("POST", path, headers, form).body)
    assert grant["expires_in"] == 86399
    assert "data" in app("{ shop { id } }", token=grant["access_token"])
    time.go(24 * 3600)
    app("{ shop { id } }", token=grant["access_token"])
    assert app.last.status == 401
    app.shop.access.permitted = False
    refused = app.shop.handle("POST", path, headers, form)
    assert json.loads(refused.body) == {"error": "shop_not_permitted"}


@pytest.mark.parametrize(
    ("asked", "served"),
    [("2026-10", "2026-10"), ("2025-07", "2026-01"), ("2031-01", "2026-10")],
)
def test_an_old_version_falls_forward(app, asked, served):
    app("{ shop { id } }", version=asked)
    assert app.last.headers["X-Shopify-API-Version"] == served


def test_the_bucket_runs_dry_and_fills_again(app, time):
    query = "{ productVariants(first: 250) { nodes { id product { id } inventoryItem { id } } } }"
    app.shop.bucket.take(1900)
    reply = app(query)
    assert "data" not in reply
    assert reply["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert reply["extensions"]["cost"]["actualQueryCost"] is None
    assert reply["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"] == 100
    time.go(5)
    assert "data" in app(query)


def test_nobody_may_ask_for_more_than_a_thousand_points(app):
    inner = " ".join(f"a{n}: product {{ id }}" for n in range(20))
    reply = app("{ productVariants(first: 250) { nodes { " + inner + " } } }")
    assert reply["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"
    assert "data" not in reply


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ shop { colour } }", "undefinedField"),
        ("{ shop { ", "PARSE_ERROR"),
        ("{ shop(x: 1) { id } }", "argumentNotAccepted"),
    ],
)
def test_a_wrong_document_has_a_code_and_no_data(app, query, code):
    reply = app(query)
    assert reply["errors"][0]["extensions"]["code"] == code
    assert "data" not in reply


def test_orders_need_their_scope(app):
    query = "{ orders(first: 1) { nodes { id } } }"
    assert app(query)["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
    app.shop.access.scopes.append("read_orders")
    app.shop.sell(app.item, 1)
    assert len(app(query)["data"]["orders"]["nodes"]) == 1


@pytest.mark.parametrize(
    ("answer", "done"),
    [
        (ShopFault.ERROR_BEFORE, False),
        (ShopFault.ERROR_AFTER, True),
        (ShopFault.DROP_BEFORE, False),
        (ShopFault.DROP_AFTER, True),
        (ShopFault.HTML, False),
        (503, False),
        (ShopFault.SLOW, True),
    ],
)
def test_a_broken_answer_says_nothing_of_what_was_done(app, answer, done):
    app.shop.faults.next = [answer]
    headers = {"X-Shopify-Access-Token": "shpat_sandbox"}
    body = json.dumps({"query": ADJUST, "variables": variables(app)}).encode()
    path = "/admin/api/2026-10/graphql.json"
    broken = app.shop.handle("POST", path, headers, body)
    assert broken.status != 200 or broken.dropped or broken.delay or b"<html>" in broken.body
    assert (app.shop.available(app.item) == 45) is done
    app.shop.handle("POST", path, headers, body)
    assert app.shop.available(app.item) == 45


def test_a_late_request_is_done_once(app, time):
    app.shop.faults.next = [ShopFault.LATE]
    with pytest.raises(json.JSONDecodeError):
        app.adjust()
    app.adjust()
    time.go(10)
    app.shop.catch_up()
    assert app.shop.available(app.item) == 45


def test_an_outage_answers_nobody(app):
    app.shop.faults.outage = True
    assert app.shop.handle("POST", "/", {}, b"").dropped


def test_the_same_seed_gives_the_same_faults(app):
    app.shop.faults.answers = {ShopFault.ERROR_BEFORE: 0.3, ShopFault.DROP_AFTER: 0.3}
    runs = [
        [app.shop.faults.draw(rng, mutation=True) for _ in range(50)]
        for rng in (Random(3), Random(3))
    ]
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 3


ADJUST = """mutation Adjust($input: InventoryAdjustQuantitiesInput!, $key: String!) {
  inventoryAdjustQuantities(input: $input) @idempotent(key: $key) { userErrors { code } } }"""


def variables(app):
    return {"key": "once", "input": app.batch(app.row())}
