"""Messages: what they say, when they come, and what becomes of a subscription."""

import base64
import hashlib
import hmac
import json

import pytest

from tests.sandbox.conftest import HOOK


def bodies(shop):
    return [json.loads(each.body) for each in shop.due()]


def test_a_change_is_told_with_signature_and_headers(app, time):
    app.subscribe(name="tipo-1")
    time.go(1)
    app.shop.sell(app.item, 5)
    (message,) = app.shop.due()
    mac = hmac.new(b"sandbox-secret", message.body, hashlib.sha256).digest()
    assert message.headers["X-Shopify-Hmac-Sha256"] == base64.b64encode(mac).decode()
    assert message.headers["X-Shopify-Topic"] == "inventory_levels/update"
    assert message.headers["X-Shopify-Name"] == "tipo-1"
    assert message.headers["X-Shopify-Triggered-At"] == "2026-11-23T10:00:01.250000000Z"
    assert b"gid:\\/\\/shopify" in message.body
    assert json.loads(message.body) == {
        "inventory_item_id": app.item,
        "location_id": app.location,
        "available": 45,
        "updated_at": "2026-11-23T11:00:01+01:00",
        "admin_graphql_api_id": f"gid://shopify/InventoryLevel/143?inventory_item_id={app.item}",
    }


def test_one_act_has_one_event_and_two_deliveries(app):
    app.shop.access.scopes.append("read_orders")
    app.subscribe()
    app.subscribe("ORDERS_CREATE")
    app.shop.sell(app.item, 5)
    messages = app.shop.due()
    assert len(messages) == 2
    assert len({m.headers["X-Shopify-Event-Id"] for m in messages}) == 1
    assert len({m.headers["X-Shopify-Webhook-Id"] for m in messages}) == 2


def test_a_body_shows_the_moment_when_it_is_put_together(app, time):
    app.subscribe()
    app.shop.webhooks.body_delay_seconds = 2
    app.shop.restock(app.item, 1)
    time.go(1)
    app.shop.restock(app.item, 1)
    assert bodies(app.shop) == []
    time.go(2)
    assert [each["available"] for each in bodies(app.shop)] == [52, 52]


def test_an_untracked_item_has_no_number(app):
    app.subscribe()
    app.shop.untrack(app.item)
    app.shop.restock(app.item, 1)
    assert bodies(app.shop)[0]["available"] is None


def test_fields_may_be_chosen_and_equal_bodies_are_merged(app):
    app.subscribe(includeFields=["inventory_item_id"])
    app.shop.restock(app.item, 1)
    app.shop.restock(app.item, 1)
    assert bodies(app.shop) == [{"inventory_item_id": app.item}]


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("http://example.com/x", "Address protocol http:// is not supported"),
        ("https://a.myshopify.com/x", "Address cannot be a Shopify or an internal domain"),
        ("https://127.0.0.1/x", "Address cannot be a Shopify or an internal domain"),
        ("", "Address can't be blank"),
        (HOOK, "Address for this topic has already been taken"),
    ],
)
def test_a_wrong_address_is_refused(app, uri, message):
    app.subscribe()
    assert app.subscribe(uri=uri) == {
        "webhookSubscription": None,
        "userErrors": [{"field": ["webhookSubscription", "callbackUrl"], "message": message}],
    }


def test_order_topics_need_a_scope(app):
    assert app.subscribe("ORDERS_CREATE")["userErrors"]


def test_user_errors_of_webhooks_have_no_code(app):
    reply = app("mutation { webhookSubscriptionDelete(id: 1) { userErrors { code } } }")
    assert reply["errors"][0]["extensions"]["code"] == "undefinedField"


def test_a_subscription_can_be_changed_listed_and_deleted(app):
    made = app.subscribe()["webhookSubscription"]["id"]
    change = """mutation U($id: ID!, $s: WebhookSubscriptionInput!) {
      webhookSubscriptionUpdate(id: $id, webhookSubscription: $s) {
        webhookSubscription { name } userErrors { message } } }"""
    assert "errors" not in app(change, id=made, s={"name": "two"})
    listed = app("{ webhookSubscriptions(first: 9) { nodes { id name topic uri } } }")
    assert listed["data"]["webhookSubscriptions"]["nodes"][0]["name"] == "two"
    delete = """mutation D($id: ID!) { webhookSubscriptionDelete(id: $id) {
      deletedWebhookSubscriptionId userErrors { field message } } }"""
    assert app(delete, id=made)["data"]["webhookSubscriptionDelete"]["userErrors"] == []
    assert app(delete, id=made)["data"]["webhookSubscriptionDelete"]["userErrors"] == [
        {"field": ["id"], "message": "Webhook subscription does not exist"}
    ]


def test_a_failed_delivery_is_tried_again_with_the_same_body(app, time):
    app.subscribe()
    app.shop.restock(app.item, 1)
    (first,) = app.shop.due()
    body, name = first.body, first.headers["X-Shopify-Webhook-Id"]
    app.shop.delivered(first, ok=False)
    app.shop.restock(app.item, 1)
    assert len(app.shop.due()) == 1
    time.go(60)
    (again,) = app.shop.due()
    assert (again.body, again.headers["X-Shopify-Webhook-Id"]) == (body, name)


def test_eight_failures_in_a_row_end_a_subscription(app, time):
    app.subscribe()
    app.shop.restock(app.item, 1)
    for _ in range(8):
        (message,) = app.shop.due()
        app.shop.delivered(message, ok=False)
        time.go(6000)
    assert app.shop.webhooks.subscriptions == {}
    assert app.shop.due() == []


def test_webhooks_may_be_lost_doubled_and_late(app, time):
    app.subscribe()
    app.shop.faults.webhook_lost = 1
    app.shop.restock(app.item, 1)
    assert bodies(app.shop) == []
    app.shop.faults.webhook_lost, app.shop.faults.webhook_doubled = 0, 1
    app.shop.restock(app.item, 1)
    one, two = app.shop.due()
    assert one.headers == two.headers
    app.shop.faults.webhook_doubled, app.shop.faults.webhook_late = 0, 1
    app.shop.restock(app.item, 1)
    assert bodies(app.shop) == []
    time.go(3600)
    assert bodies(app.shop)[0]["available"] == 53


def test_uninstalling_sends_one_last_word(app):
    app.subscribe("APP_UNINSTALLED")
    app.shop.uninstall()
    (message,) = app.shop.due()
    assert json.loads(message.body)["myshopify_domain"] == "urbanwear-eu.myshopify.com"
    app("{ shop { id } }")
    assert app.last.status == 401


def test_an_own_write_comes_back_like_anybodys(app):
    app.subscribe()
    app.adjust()
    assert bodies(app.shop)[0]["available"] == 45
