"""What a store tells us by itself."""

import base64
import hashlib
import hmac
import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.domain.values import Alias, ItemId, LevelKey, LocationId, Observation
from sync_core.domain.webhook_events import (
    AppUninstalled,
    ExportFinished,
    IgnoredTopic,
    OrderEvent,
    OrderEventKind,
    OrderEvents,
    ProductChanged,
    ProductDeleted,
    ReportedVariant,
)
from sync_core.shopify import webhooks
from sync_core.shopify.webhooks import UnreadableWebhook, parse_webhook, topics, verify

EU = Alias("eu")
LEVEL = {
    "inventory_item_id": 5201,
    "location_id": 101,
    "available": 45,
    "updated_at": "2026-11-23T11:35:10+01:00",
    "admin_graphql_api_id": "gid://shopify/InventoryLevel/143?inventory_item_id=5201",
}
# RFC 4231, test case 2: the key "Jefe", the data below.
RFC = b"what do ya want for nothing?"
RFC_MAC = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
RFC_HEADER = base64.b64encode(bytes.fromhex(RFC_MAC)).decode()


def raw(body):
    return json.dumps(body).replace("/", "\\/").encode()


def signed(secret, body):
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def test_a_known_signature_is_accepted():
    assert verify(["Jefe"], RFC, RFC_HEADER)


@pytest.mark.parametrize("secrets", [["Jefe", "new"], ["new", "Jefe"], ["a", "Jefe", "b"]])
def test_any_of_several_secrets_may_have_signed(secrets):
    """After a rotation the old secret signs for another hour."""
    assert verify(secrets, RFC, RFC_HEADER)


@pytest.mark.parametrize(
    ("secrets", "body", "header"),
    [
        (["jefe"], RFC, RFC_HEADER),
        ([], RFC, RFC_HEADER),
        (["Jefe"], RFC + b" ", RFC_HEADER),
        (["Jefe"], RFC, None),
        (["Jefe"], RFC, ""),
        (["Jefe"], RFC, "äöü"),
        (["Jefe"], RFC, RFC_HEADER[:-1]),
        (["Jefe"], RFC, RFC_HEADER + "\n"),
        (["Jefe"], RFC, RFC_MAC),
        ([""], RFC, signed("", RFC)),
    ],
)
def test_nothing_else_is_accepted(secrets, body, header):
    assert not verify(secrets, body, header)


@given(st.lists(st.text()), st.binary(), st.none() | st.text())
def test_a_garbage_signature_is_refused_and_breaks_nothing(secrets, body, header):
    assert verify(secrets, body, header) is False


@given(st.text(min_size=1).filter(str.isprintable), st.binary())
def test_what_a_secret_signed_is_accepted(secret, body):
    assert verify([secret], body, signed(secret, body))


def test_a_level_is_an_observation_in_utc():
    assert parse_webhook(EU, "inventory_levels/update", raw(LEVEL)) == Observation(
        key=LevelKey(store=EU, item=ItemId(5201), location=LocationId(101)),
        available=45,
        updated_at=datetime(2026, 11, 23, 10, 35, 10, tzinfo=UTC),
    )


def test_an_untracked_level_has_no_quantity():
    assert webhooks.parse_inventory_level(EU, raw(LEVEL | {"available": None})).available is None


@pytest.mark.parametrize("available", [0, -3, 2_000_000_000])
def test_a_quantity_is_taken_as_it_is(available):
    assert (
        webhooks.parse_inventory_level(EU, raw(LEVEL | {"available": available})).available
        == available
    )


@pytest.mark.parametrize(
    "change",
    [
        {"available": True},
        {"available": "45"},
        {"available": 45.0},
        {"available": 45.5},
        {"available": 2_000_000_001},
        {"available": 10**30},
        {"available": []},
        {"inventory_item_id": None},
        {"inventory_item_id": True},
        {"inventory_item_id": "5201"},
        {"inventory_item_id": 0},
        {"inventory_item_id": 2**63},
        {"location_id": None},
        {"location_id": 101.0},
        {"updated_at": None},
        {"updated_at": 1763893000},
        {"updated_at": "2026-11-23T11:35:10"},
        {"updated_at": "2026-11-23"},
        {"updated_at": "today"},
        {"updated_at": "0001-01-01T00:00:00+14:00"},
    ],
    ids=repr,
)
def test_an_inexact_level_is_unreadable(change):
    """Unknown is never zero, and true is not one."""
    with pytest.raises(UnreadableWebhook):
        webhooks.parse_inventory_level(EU, raw(LEVEL | change))


@pytest.mark.parametrize("missing", ["inventory_item_id", "location_id", "available", "updated_at"])
def test_a_level_without_one_of_its_fields_is_unreadable(missing):
    """An absent quantity is not a null one: only null means untracked."""
    body = {name: value for name, value in LEVEL.items() if name != missing}
    with pytest.raises(UnreadableWebhook):
        webhooks.parse_inventory_level(EU, raw(body))


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"\xff", b"[" * 100_000, b'"x"'])
@pytest.mark.parametrize("topic", sorted({*webhooks.BASE_TOPICS, *webhooks.ORDER_TOPICS}))
def test_what_is_no_object_is_unreadable(topic, body):
    if topic == "app/uninstalled":
        assert parse_webhook(EU, topic, body) == AppUninstalled(store=EU)
        return
    with pytest.raises(ValueError, match=r"JSON|missing"):
        parse_webhook(EU, topic, body)


def test_an_export_that_has_ended_says_which():
    """How it ended is asked for: whatever the message says may be late."""
    body = {"admin_graphql_api_id": "gid://shopify/BulkOperation/8001", "status": "completed"}
    ended = ExportFinished(store=EU, operation="gid://shopify/BulkOperation/8001")
    assert parse_webhook(EU, "bulk_operations/finish", raw(body)) == ended


def test_a_product_says_what_identifies_its_variants():
    body = {
        "id": 7,
        "handle": "slim-fit-denim-jacket",
        "title": "Slim Fit Denim Jacket",
        "status": "active",
        "variants": [
            {
                "id": 41,
                "inventory_item_id": 5201,
                "sku": "SFDJ-M",
                "barcode": None,
                "inventory_policy": "continue",
                "option1": "M",
                "option2": "Blue",
                "option3": None,
                "inventory_quantity": 50,
            },
            {"id": 42},
            "garbage",
        ],
    }
    assert parse_webhook(EU, "products/update", raw(body)) == ProductChanged(
        store=EU,
        product_id=7,
        handle="slim-fit-denim-jacket",
        title="Slim Fit Denim Jacket",
        status="ACTIVE",
        variants=(
            ReportedVariant(
                variant_id=41,
                item=ItemId(5201),
                sku="SFDJ-M",
                barcode="",
                policy="continue",
                options=("M", "Blue"),
            ),
        ),
    )


def test_a_deleted_product_is_gone():
    assert parse_webhook(EU, "products/delete", b'{"id":7}') == ProductDeleted(
        store=EU, product_id=7
    )


def test_an_unknown_topic_says_nothing():
    assert parse_webhook(EU, "carts/update", b"what ever") == IgnoredTopic()


ORDER = {
    "id": 6001,
    "name": "#1042",
    "created_at": "2026-11-23T11:35:09+01:00",
    "updated_at": "2026-11-23T11:36:09+01:00",
    "cancelled_at": None,
    "location_id": None,
    "source_name": "web",
    "line_items": [
        {"id": 8001, "product_id": 7, "variant_id": 41, "sku": "SFDJ-M", "quantity": 5},
        {"id": 8002, "product_id": None, "variant_id": None, "quantity": 1},
    ],
    "refunds": [],
}
SOLD = OrderEvent(
    store=EU,
    kind=OrderEventKind.SALE,
    ref=6001,
    line=8001,
    order_id=6001,
    name="#1042",
    variant_id=41,
    quantity=5,
    location=None,
    at=datetime(2026, 11, 23, 10, 35, 9, tzinfo=UTC),
)


def test_an_order_is_a_sale_of_each_line_that_has_a_variant():
    assert parse_webhook(EU, "orders/create", raw(ORDER)) == OrderEvents(order_events=(SOLD,))


def test_a_sale_at_the_till_names_the_tills_location():
    (order_event,) = webhooks.parse_order(EU, raw(ORDER | {"location_id": 101})).order_events
    assert order_event.location == 101


def returned(kind, quantity=5, location=101):
    line = {"line_item_id": 8001, "quantity": quantity, "restock_type": kind}
    return {"refund_line_items": [line | {"location_id": location}]}


@pytest.mark.parametrize(
    ("refunds", "expected"),
    [
        ([], [(5, None)]),
        ([returned("cancel")], [(5, 101)]),
        ([returned("cancel", 2), returned("cancel", 3, None)], [(5, 101)]),
        ([returned("cancel", 2_000_000_000)] * 2, []),
        ([returned("no_restock")], []),
    ],
    ids=[
        "nothing refunded",
        "restocked",
        "in two steps",
        "more than any store holds",
        "not restocked",
    ],
)
def test_a_cancellation_gives_back_what_is_restocked(refunds, expected):
    body = ORDER | {"cancelled_at": "2026-11-23T12:00:00+01:00", "refunds": refunds}
    order_events = parse_webhook(EU, "orders/cancelled", raw(body)).order_events
    assert [(each.quantity, each.location) for each in order_events] == expected
    assert all(each.kind is OrderEventKind.CANCELLATION for each in order_events)
    assert all(each.at == datetime(2026, 11, 23, 11, tzinfo=UTC) for each in order_events)


def test_a_refund_gives_back_the_lines_that_are_restocked():
    line = {"id": 8001, "variant_id": 41, "sku": "SFDJ-M"}
    body = {
        "id": 7001,
        "order_id": 6001,
        "created_at": "2026-11-24T09:00:00+01:00",
        "refund_line_items": [
            {"id": 7101, "quantity": 2, "restock_type": "return", "location_id": 101}
            | {"line_item": line},
            {"id": 7102, "quantity": 1, "restock_type": "no_restock", "line_item": line},
        ],
    }
    assert parse_webhook(EU, "refunds/create", raw(body)) == OrderEvents(
        order_events=(
            OrderEvent(
                store=EU,
                kind=OrderEventKind.REFUND,
                ref=7001,
                line=7101,
                order_id=6001,
                name="",
                variant_id=41,
                quantity=2,
                location=101,
                at=datetime(2026, 11, 24, 8, tzinfo=UTC),
            ),
        )
    )


def test_order_topics_need_the_order_scope():
    assert not set(webhooks.ORDER_TOPICS) & set(topics({"read_products"}))
    assert set(webhooks.ORDER_TOPICS) <= set(topics({"read_orders"}))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["2026-11-23T11:35:09+01:00", "cancel", "no_restock", ""])
    | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
FIELDS = sorted(
    {*LEVEL, *ORDER, "variants", "refund_line_items", "order_id", "line_item", "option1"}
)
bodies = st.recursive(
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=8),
    lambda inner: st.dictionaries(
        st.sampled_from(FIELDS), values | inner | st.lists(inner, max_size=3), max_size=8
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(webhooks._PARSERS)), bodies.map(raw) | st.binary())
def test_no_body_does_anything_but_say_what_it_says_or_be_unreadable(topic, body):
    with suppress(UnreadableWebhook):
        parse_webhook(EU, topic, body)
