"""Bulk exports: what is refused, how they go on, what is in the file."""

import json

import pytest

NESTED = """{ productVariants { edges { node { id sku product { id handle }
  inventoryItem { id tracked inventoryLevels(includeInactive: true) { edges { node {
    id location { id } item { id }
    quantities(names: ["available"]) { name quantity } } } } } } } } }"""
START = """mutation B($query: String!) { bulkOperationRunQuery(query: $query) {
  bulkOperation { id status } userErrors { field message code } } }"""
POLL = """query P($id: ID!) { bulkOperation(id: $id) { id status errorCode objectCount
  rootObjectCount fileSize url partialDataUrl completedAt } }"""
CANCEL = """mutation C($id: ID!) { bulkOperationCancel(id: $id) { bulkOperation { status }
  userErrors { field message } } }"""


def start(app, query=NESTED):
    return app(START, query=query)["data"]["bulkOperationRunQuery"]


def poll(app, number="gid://shopify/BulkOperation/8001"):
    return app(POLL, id=number)["data"]["bulkOperation"]


def lines(app):
    response = app.shop.handle("GET", poll(app)["url"], {})
    return [json.loads(each) for each in response.body.splitlines()]


def test_it_is_created_runs_and_is_over(app, time):
    assert start(app)["bulkOperation"]["status"] == "CREATED"
    time.go(0.5)
    assert poll(app)["status"] == "RUNNING"
    assert poll(app)["url"] is None
    time.go(1)
    done = poll(app)
    assert (done["status"], done["objectCount"], done["rootObjectCount"]) == ("COMPLETED", "6", "3")


def test_children_are_lines_that_name_their_variant(app, time):
    start(app)
    time.go(2)
    variant, level = lines(app)[:2]
    assert variant["inventoryItem"] == {"id": app.item_gid, "tracked": True}
    assert level["__parentId"] == variant["id"]
    assert level["quantities"] == [{"name": "available", "quantity": 50}]


def test_an_aliased_level_stays_in_its_line(app, time):
    query = """{ productVariants { edges { node { id inventoryItem { id
      l0: inventoryLevel(locationId: "AT", includeInactive: true) {
        quantities(names: ["available"]) { quantity } } } } } } }"""
    start(app, query.replace("AT", app.location_gid))
    time.go(2)
    found = lines(app)
    assert len(found) == 3
    assert found[0]["inventoryItem"]["l0"] == {"quantities": [{"quantity": 50}]}


def test_slashes_are_escaped_and_the_file_wants_no_token(app, time):
    start(app)
    time.go(2)
    url = poll(app)["url"]
    assert b"gid:\\/\\/shopify" in app.shop.handle("GET", url, {}).body
    assert app.shop.handle("GET", url, {"X-Shopify-Access-Token": "t"}).status == 400
    assert app.shop.handle("GET", url[:-1], {}).status == 403
    time.go(7 * 24 * 3600 + 1)
    assert app.shop.handle("GET", url, {}).status == 400


PLAIN = "productVariants { edges { node { id } } }"


@pytest.mark.parametrize(
    "query",
    [
        "{ shop { id } }",
        "{ productVariants { nodes { id } } }",
        "mutation { inventoryDeactivate(inventoryLevelId: 1) { userErrors { field } } }",
        '{ node(id: "gid://shopify/Product/7") { id } }',
        "{ " + " ".join(f"a{n}: {PLAIN}" for n in range(6)) + " }",
        "{ products { edges { node { title variants { edges { node { id } } } } } } }",
        """{ products { edges { node { id variants { edges { node { id inventoryItem { id
          inventoryLevels { edges { node { id } } } } } } } } } } }""",
        """{ orders { edges { node { id refunds { id
          refundLineItems { edges { node { id } } } } } } } }""",
        "{ productVariants { edges { node { id colour } } } }",
        "{ productVariants { ",
        "{ " + PLAIN + " }" + " " * 65_535,
    ],
    ids=[
        "none",
        "nodes",
        "mutation",
        "node",
        "six",
        "no-id",
        "deep",
        "list",
        "field",
        "syntax",
        "long",
    ],
)
def test_a_query_that_cannot_be_exported_is_refused(app, query):
    (error,) = start(app, query)["userErrors"]
    assert (error["field"], error["code"]) == (["query"], "INVALID")


def test_five_at_a_time(app):
    for _ in range(5):
        assert start(app)["userErrors"] == []
    (error,) = start(app)["userErrors"]
    assert (error["field"], error["code"]) == (None, "OPERATION_IN_PROGRESS")


def test_it_can_be_cancelled(app):
    number = start(app)["bulkOperation"]["id"]
    reply = app(CANCEL, id=number)["data"]["bulkOperationCancel"]
    assert reply["bulkOperation"] == {"status": "CANCELING"}
    assert poll(app)["status"] == "CANCELED"


def test_it_may_fail(app, time):
    app.shop.faults.bulk_fails = "TIMEOUT"
    start(app)
    time.go(2)
    assert (poll(app)["status"], poll(app)["errorCode"]) == ("FAILED", "TIMEOUT")


def test_an_unknown_one_is_null(app):
    assert poll(app) is None


def test_the_end_is_told(app, time):
    app.subscribe("BULK_OPERATIONS_FINISH")
    start(app)
    time.go(2)
    (message,) = app.shop.due()
    assert json.loads(message.body)["status"] == "completed"


BARCODES = "barcodes(first: 20) { nodes { value type } pageInfo { hasNextPage } }"


def test_a_variant_has_several_barcodes_and_its_main_one_is_the_first(app):
    app.shop.set_barcodes(app.item, ["UPC-1", "EAN-1"])
    query = "query ($q: String) { productVariants(first: 5, query: $q) { nodes { barcode %s } } }"
    for code in ("ean-1", "UPC-1"):
        (found,) = app(query % BARCODES, q=f"barcode:{code}")["data"]["productVariants"]["nodes"]
        assert found == {
            "barcode": "UPC-1",
            "barcodes": {
                "nodes": [{"value": "UPC-1", "type": None}, {"value": "EAN-1", "type": None}],
                "pageInfo": {"hasNextPage": False},
            },
        }
    assert app(query % BARCODES, q="barcode:2")["data"]["productVariants"]["nodes"] == []


def test_a_variant_has_at_most_twenty_barcodes(app):
    with pytest.raises(ValueError, match="no more than 20"):
        app.shop.set_barcodes(app.item, map(str, range(21)))


def test_barcodes_are_in_no_export(app):
    """They are nodes without an id, and a bulk operation exports none of these."""
    query = "{ productVariants { edges { node { id barcodes { edges { node { value } } } } } } }"
    (error,) = start(app, query)["userErrors"]
    assert error["code"] == "INVALID"
    assert error["message"].startswith("Connections must implement the Node interface")
