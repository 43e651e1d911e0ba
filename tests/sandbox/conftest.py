"""A shop with one jacket in three sizes, and a clock that only moves when told."""

import json
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from sandbox.shop import Shop

TOKEN = "shpat_sandbox"  # noqa: S105  opens nothing
HOOK = "https://tipo.example.com/webhooks/shopify"
ADJUST = """mutation Adjust($input: InventoryAdjustQuantitiesInput!, $key: String!) {
  inventoryAdjustQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id createdAt reason referenceDocumentUri
      changes { name delta quantityAfterChange item { id } location { id } } }
    userErrors { code field message } } }"""
SET = """mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id changes { name delta } }
    userErrors { code field message } } }"""
READ = """query Read($ids: [ID!]!, $location: ID!) {
  nodes(ids: $ids) { ... on InventoryItem { id tracked
    inventoryLevel(locationId: $location, includeInactive: true) { id isActive updatedAt
      quantities(names: ["available", "on_hand", "committed"]) {
        name quantity updatedAt } } } } }"""
SUBSCRIBE = """mutation S(
  $topic: WebhookSubscriptionTopic!, $subscription: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $subscription) {
    webhookSubscription { id topic uri name includeFields } userErrors { field message } } }"""


class Time:
    """A clock to be pushed."""

    def __init__(self):
        self.at = datetime(2026, 11, 23, 10, 0, 0, 250_000, tzinfo=UTC)

    def __call__(self):
        return self.at

    def go(self, seconds):
        self.at += timedelta(seconds=seconds)


class Caller:
    """An app that talks to one shop."""

    def __init__(self, shop, item, location):
        self.shop, self.item, self.location = shop, item, location
        self.item_gid = f"gid://shopify/InventoryItem/{item}"
        self.location_gid = f"gid://shopify/Location/{location}"
        self.last = None

    def __call__(self, text, /, version="2026-10", token=TOKEN, **variables):
        body = json.dumps({"query": text, "variables": variables}).encode()
        headers = {"X-Shopify-Access-Token": token, "Content-Type": "application/json"}
        path = f"/admin/api/{version}/graphql.json"
        self.last = self.shop.handle("POST", path, headers, body)
        return json.loads(self.last.body)

    def row(self, delta=-5, **more):
        start = {"inventoryItemId": self.item_gid, "locationId": self.location_gid}
        return {**start, "delta": delta, "changeFromQuantity": None, **more}

    def batch(self, *rows, **more):
        start = {"name": "available", "reason": "correction", "changes": list(rows)}
        return {**start, "referenceDocumentUri": "gid://tipo/Batch/77", **more}

    def adjust(self, *rows, key="k", **more):
        return self(ADJUST, key=key, input=self.batch(*(rows or [self.row()]), **more))

    def errors(self, reply):
        (payload,) = reply["data"].values()
        return [(each["code"], each["field"]) for each in payload["userErrors"]]

    def read(self):
        reply = self(READ, ids=[self.item_gid], location=self.location_gid)
        level = reply["data"]["nodes"][0]["inventoryLevel"]
        return {each["name"]: each for each in level["quantities"]}

    def subscribe(self, topic="INVENTORY_LEVELS_UPDATE", uri=HOOK, **more):
        reply = self(SUBSCRIBE, topic=topic, subscription={"uri": uri, **more})
        return reply["data"]["webhookSubscriptionCreate"]


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def shop(time):
    shop = Shop("urbanwear-eu.myshopify.com", now=time, rng=Random(7))
    location = shop.add_location("Berlin")
    jacket = shop.add_product("Slim Fit Denim Jacket", "slim-fit-denim-jacket", ["S", "M", "L"])
    for each in jacket.variants:
        shop.stock(each.item.id, location, 50)
    return shop


@pytest.fixture
def app(shop):
    return Caller(shop, next(iter(shop.items)), next(iter(shop.locations)))
