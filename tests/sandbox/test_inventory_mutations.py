"""The rules that make Shopify refuse a write."""

import json

import pytest

from sandbox.faults import ShopFault
from tests.sandbox.conftest import SET

NO_KEY = """mutation Adjust($input: InventoryAdjustQuantitiesInput!) {
  inventoryAdjustQuantities(input: $input) { userErrors { code field message } } }"""


def test_an_adjustment_moves_available_and_on_hand(app):
    reply = app.adjust()
    group = reply["data"]["inventoryAdjustQuantities"]["inventoryAdjustmentGroup"]
    assert [(x["name"], x["delta"], x["quantityAfterChange"]) for x in group["changes"]] == [
        ("available", -5, None),
        ("on_hand", -5, None),
    ]
    assert group["createdAt"] == "2026-11-23T10:00:00Z"
    assert app.shop.available(app.item) == 45
    assert reply["extensions"]["cost"] == {
        "requestedQueryCost": 13,
        "actualQueryCost": 13,
        "throttleStatus": {
            "maximumAvailable": 2000.0,
            "currentlyAvailable": 1987,
            "restoreRate": 100.0,
        },
    }
    entry = app.shop.log[-1]
    assert (entry.by, entry.key, entry.uri, entry.delta) == ("api", "k", "gid://tipo/Batch/77", -5)


def test_idempotent_is_required(app):
    reply = app(NO_KEY, input=app.batch(app.row()))
    assert reply["data"] == {"inventoryAdjustQuantities": None}
    (error,) = reply["errors"]
    assert error["message"] == (
        "The @idempotent directive is required for this mutation but was not provided."
    )
    assert error["extensions"] == {"code": "BAD_REQUEST"}
    assert error["path"] == ["inventoryAdjustQuantities"]


@pytest.mark.parametrize("key", ["", "  ", "\t"])
def test_a_blank_key_is_refused(app, key):
    assert app.adjust(key=key)["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}
    assert app.shop.available(app.item) == 50


def test_change_from_quantity_must_be_there(app):
    row = app.row()
    del row["changeFromQuantity"]
    (error,) = app.adjust(row)["errors"]
    assert error["message"] == (
        "InventoryChangeInput must include the following argument: changeFromQuantity."
    )
    assert error["extensions"] == {"code": "INVALID_FIELD_ARGUMENTS"}
    assert len(error["locations"]) == 2


GONE = "gid://shopify/Location/999"
AT = ["input", "changes", "0"]


@pytest.mark.parametrize(
    ("row", "batch", "code", "field"),
    [
        ({"locationId": GONE}, {}, "INVALID_LOCATION", [*AT, "locationId"]),
        (
            {"inventoryItemId": "gid://shopify/InventoryItem/1"},
            {},
            "INVALID_INVENTORY_ITEM",
            [*AT, "inventoryItemId"],
        ),
        ({"changeFromQuantity": 49}, {}, "CHANGE_FROM_QUANTITY_STALE", [*AT, "changeFromQuantity"]),
        ({"delta": 2_000_000_000}, {}, "INVALID_QUANTITY_TOO_HIGH", [*AT, "delta"]),
        ({"delta": -2_000_000_051}, {}, "INVALID_QUANTITY_TOO_LOW", [*AT, "delta"]),
        (
            {"ledgerDocumentUri": "gid://a/B/1"},
            {},
            "INVALID_AVAILABLE_DOCUMENT",
            [*AT, "ledgerDocumentUri"],
        ),
        ({}, {"reason": "sale"}, "INVALID_REASON", ["input", "reason"]),
        ({}, {"reason": ""}, "INVALID_REASON", ["input", "reason"]),
        ({}, {"name": "committed"}, "INVALID_QUANTITY_NAME", ["input", "name"]),
        (
            {},
            {"referenceDocumentUri": "no uri"},
            "INVALID_REFERENCE_DOCUMENT",
            ["input", "referenceDocumentUri"],
        ),
    ],
)
def test_a_wrong_adjustment_is_refused_as_a_whole(app, row, batch, code, field):
    other = {**app.row(1), "inventoryItemId": f"gid://shopify/InventoryItem/{app.item + 1}"}
    reply = app.adjust(app.row(**row), other, **batch)
    assert (code, field) in app.errors(reply)
    assert reply["data"]["inventoryAdjustQuantities"]["inventoryAdjustmentGroup"] is None
    assert reply["extensions"]["cost"]["actualQueryCost"] == 10
    assert app.shop.available(app.item + 1) == 50


def test_one_bundle_fails_the_whole_batch(app):
    app.shop.set_bundle(app.item)
    other = {**app.row(1), "inventoryItemId": f"gid://shopify/InventoryItem/{app.item + 1}"}
    assert app.errors(app.adjust(other, app.row())) == [
        ("NON_MUTABLE_INVENTORY_ITEM", ["input", "changes", "1", "inventoryItemId"])
    ]
    assert app.shop.available(app.item + 1) == 50


def test_all_zero_is_success_without_a_group(app):
    reply = app.adjust(app.row(0))
    assert reply["data"]["inventoryAdjustQuantities"] == {
        "inventoryAdjustmentGroup": None,
        "userErrors": [],
    }


def test_zero_rows_are_left_out(app):
    other = {**app.row(0), "inventoryItemId": f"gid://shopify/InventoryItem/{app.item + 1}"}
    group = app.adjust(app.row(), other)["data"]["inventoryAdjustQuantities"]
    assert len(group["inventoryAdjustmentGroup"]["changes"]) == 2


@pytest.mark.parametrize(("rows", "fine"), [(250, True), (251, False)])
def test_a_batch_has_at_most_250_rows(app, rows, fine):
    assert ("errors" not in app.adjust(*[app.row(-1)] * rows)) is fine


def test_available_may_fall_below_zero(app):
    assert app.errors(app.adjust(app.row(-60))) == []
    assert app.shop.available(app.item) == -10


class TestKeys:
    """Twenty-four hours of memory."""

    def test_the_same_request_again_is_done_once(self, app):
        assert app.adjust()["data"] == app.adjust()["data"]
        assert app.shop.available(app.item) == 45

    def test_a_key_lives_a_day(self, app, time):
        app.adjust()
        time.go(24 * 3600 - 1)
        app.adjust()
        assert app.shop.available(app.item) == 45
        time.go(1)
        app.adjust()
        assert app.shop.available(app.item) == 40

    def test_other_parameters_do_not_fit(self, app):
        app.adjust()
        assert app.errors(app.adjust(app.row(-6))) == [("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", None)]

    def test_a_failed_attempt_uses_up_its_key(self, app):
        app.adjust(app.row(locationId=GONE))
        assert app.errors(app.adjust(app.row(locationId=GONE))) == [
            ("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", None)
        ]

    def test_a_failed_attempt_may_leave_its_key(self, app):
        app.shop.keys.errors_use_up = False
        app.adjust(app.row(locationId=GONE))
        assert app.errors(app.adjust(app.row(locationId=GONE)))[0][0] == "INVALID_LOCATION"

    def test_a_running_request_asks_for_patience(self, app):
        app.shop.faults.next = [ShopFault.CONCURRENT]
        assert app.errors(app.adjust()) == [("IDEMPOTENCY_CONCURRENT_REQUEST", None)]
        assert app.errors(app.adjust()) == []

    def test_a_replay_may_carry_the_present(self, app, time):
        app.shop.faults.replay_says_now = True
        first = app.adjust()
        time.go(9)
        assert first != app.adjust()


class TestSet:
    """Totals."""

    def put(self, app, *rows, name="available"):
        given = {"name": name, "reason": "correction", "quantities": list(rows)}
        return app(SET, key=json.dumps(given), input=given)

    def row(self, app, quantity, **more):
        start = {"inventoryItemId": app.item_gid, "locationId": app.location_gid}
        return {**start, "quantity": quantity, "changeFromQuantity": None, **more}

    def test_it_replaces(self, app):
        self.put(app, self.row(app, 7))
        assert app.shop.available(app.item) == 7

    def test_on_hand_moves_available(self, app):
        app.shop.sell(app.item, 5)
        self.put(app, self.row(app, 60), name="on_hand")
        assert app.shop.available(app.item) == 55

    @pytest.mark.parametrize(
        ("quantity", "more", "name", "code"),
        [
            (7, {"changeFromQuantity": 3}, "available", "CHANGE_FROM_QUANTITY_STALE"),
            (-1, {}, "on_hand", "INVALID_QUANTITY_NEGATIVE"),
            (1_000_000_001, {}, "available", "INVALID_QUANTITY_TOO_HIGH"),
            (-1_000_000_001, {}, "available", "INVALID_QUANTITY_TOO_LOW"),
            (1, {}, "damaged", "INVALID_NAME"),
        ],
    )
    def test_it_refuses(self, app, quantity, more, name, code):
        reply = self.put(app, self.row(app, quantity, **more), name=name)
        assert code in {each[0] for each in app.errors(reply)}

    def test_twice_the_same_pair_is_an_error_on_each(self, app):
        assert app.errors(self.put(app, self.row(app, 1), self.row(app, 2))) == [
            (
                "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR",
                ["input", "quantities", index, "locationId"],
            )
            for index in "01"
        ]

    def test_compare_quantity_is_no_longer_known(self, app):
        reply = self.put(app, self.row(app, 1, compareQuantity=50))
        assert reply["errors"][0]["extensions"] == {"code": "INVALID_VARIABLE"}
        assert "data" not in reply


@pytest.mark.parametrize("refuses", [False, True])
def test_a_set_that_changes_nothing(app, refuses):
    """What the real one does with it is not documented: it may succeed, or be an error."""
    app.shop.faults.refuses_equal_sets = refuses
    row = {"inventoryItemId": app.item_gid, "locationId": app.location_gid}

    def ask(quantity, key):
        wanted = {**row, "quantity": quantity, "changeFromQuantity": quantity}
        given = {"name": "available", "reason": "correction", "quantities": [wanted]}
        return app.errors(app(SET, key=key, input=given))

    assert ask(50, "a") == ([(None, ["input"])] if refuses else [])
    assert ask(49, "b")[0][0] == "CHANGE_FROM_QUANTITY_STALE"
    assert app.shop.available(app.item) == 50
    assert app.shop.log == [each for each in app.shop.log if each.key is None]
