"""Reading quantities, the catalogue and the store itself. Unknown is never zero."""

import copy
import json
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_core.domain.values import (
    Alias,
    ItemId,
    LevelKey,
    LocationId,
    Reading,
    Suspension,
    Variant,
)
from sync_core.errors import AccessLost, NoAnswer, Refused, StoreError, Throttled
from sync_core.ports import Location, QuantityChange, Subscription
from sync_core.shopify import documents, nodes
from sync_core.shopify.responses import HttpResponse, adjusted_at, data_of, parse_response

PLACE = LocationId(101)
SINCE = datetime(2026, 11, 23, 10, tzinfo=UTC)
TOUCHED = datetime(2026, 11, 22, 20, 1, 2, tzinfo=UTC)


def key(item):
    return LevelKey(store=Alias("us"), item=ItemId(item), location=PLACE)


def level(quantity=50, **changes):
    row = {"name": "available", "quantity": quantity, "updatedAt": "2026-11-22T20:01:02Z"}
    return {"isActive": True, "quantities": [row], **changes}


def item(number=5201, **changes):
    sold = {"requiresComponents": False, "product": {"isGiftCard": False}}
    given = {"id": f"gid://shopify/InventoryItem/{number}", "tracked": True}
    return {**given, "inventoryLevel": level(), "variants": {"nodes": [sold]}, **changes}


def ok(data, *, headers=None, **rest):
    return httpx.Response(200, json={"data": data, **rest}, headers=headers)


def cost(asked, available):
    status = {"maximumAvailable": 2000, "currentlyAvailable": available, "restoreRate": 100}
    return {"cost": {"requestedQueryCost": asked, "throttleStatus": status}}


def failing(code, **rest):
    fault = {"message": "oh", "extensions": {"code": code}}
    return httpx.Response(200, json={"errors": [fault], **rest})


def sent(route, number=-1):
    return json.loads(route.calls[number].request.content)


def page(rows, after=None):
    return {"nodes": rows, "pageInfo": {"hasNextPage": after is not None, "endCursor": after}}


async def test_a_reading_is_by_id_at_one_location(store, wire):
    wire.mock(return_value=ok({"nodes": [item(5202), None, item(5201)]}))
    found = await store.read([ItemId(5202), ItemId(9), ItemId(5201)], PLACE)
    assert found == [
        Reading(key=key(5202), available=50, updated_at=TOUCHED),
        Reading(key=key(9), trouble=Suspension.MISSING),
        Reading(key=key(5201), available=50, updated_at=TOUCHED),
    ]
    assert sent(wire)["variables"] == {
        "ids": [f"gid://shopify/InventoryItem/{each}" for each in (5202, 9, 5201)],
        "location": "gid://shopify/Location/101",
    }


def kind(*, bundle=False, gift=False):
    return {"nodes": [{"requiresComponents": bundle, "product": {"isGiftCard": gift}}]}


@pytest.mark.parametrize(
    ("node", "trouble"),
    [
        (None, Suspension.MISSING),
        ({}, Suspension.MISSING),
        (item(variants=kind(bundle=True)), Suspension.BUNDLE),
        (item(variants=kind(gift=True)), Suspension.GIFT_CARD),
        (item(tracked=False), Suspension.UNTRACKED),
        (item(inventoryLevel=None), Suspension.MISSING),
        (item(inventoryLevel=level(isActive=False)), Suspension.INACTIVE),
        (item(inventoryLevel=level(quantities=[])), Suspension.MISSING),
        (item(inventoryLevel=level(quantities=level()["quantities"] * 2)), Suspension.MISSING),
        (item(inventoryLevel=level(2_000_000_001)), Suspension.MISSING),
        (item(variants={"nodes": []}), Suspension.MISSING),
    ],
)
async def test_what_is_odd_has_trouble_and_no_quantity(store, wire, node, trouble):
    wire.mock(return_value=ok({"nodes": [node]}))
    assert await store.read([ItemId(5201)], PLACE) == [Reading(key=key(5201), trouble=trouble)]


@pytest.mark.parametrize("quantity", [0, -3])
async def test_a_quantity_that_is_there_is_believed(store, wire, quantity):
    wire.mock(return_value=ok({"nodes": [item(inventoryLevel=level(quantity))]}))
    assert (await store.read([ItemId(5201)], PLACE))[0].available == quantity


async def test_a_name_never_touched_has_a_quantity_without_time(store, wire):
    row = {"name": "available", "quantity": 0, "updatedAt": None}
    wire.mock(return_value=ok({"nodes": [item(inventoryLevel=level(quantities=[row]))]}))
    assert await store.read([ItemId(5201)], PLACE) == [Reading(key=key(5201), available=0)]


def paths(node, path=()):
    """Yield the path of everything inside."""
    inner = node.items() if isinstance(node, dict) else enumerate(node)
    for step, value in inner:
        yield (*path, step)
        if isinstance(value, dict | list):
            yield from paths(value, (*path, step))


def changed_at(node, path, value, *, drop=False):
    made = copy.deepcopy(node)
    inner = made
    for step in path[:-1]:
        inner = inner[step]
    if drop:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return made


ANSWER = {"data": {"nodes": [item()]}}


@pytest.mark.parametrize("drop", [False, True], ids=["null", "absent"])
@pytest.mark.parametrize("path", list(paths(ANSWER)), ids=lambda path: ".".join(map(str, path)))
async def test_any_one_field_that_is_lost_never_becomes_a_quantity(store, wire, path, drop):
    """Unknown is never zero. Only the time may be unknown."""
    wire.mock(return_value=httpx.Response(200, json=changed_at(ANSWER, path, None, drop=drop)))
    try:
        (reading,) = await store.read([ItemId(5201)], PLACE)
    except NoAnswer:
        return
    if path[-1] == "updatedAt":
        assert reading == Reading(key=key(5201), available=50)
    else:
        assert reading.available is None
        assert reading.trouble is not None


@pytest.mark.parametrize("wrong", [True, "0", 0.5, {}, []], ids=repr)
async def test_a_quantity_of_another_type_is_no_answer(store, wire, wrong):
    wire.mock(return_value=ok({"nodes": [item(inventoryLevel=level(wrong))]}))
    with pytest.raises(NoAnswer):
        await store.read([ItemId(5201)], PLACE)


@pytest.mark.parametrize(
    "rows", [[], [item(), item()], [item(5202)]], ids=["fewer", "more", "another"]
)
async def test_the_answer_to_another_question_is_no_answer(store, wire, rows):
    wire.mock(return_value=ok({"nodes": rows}))
    with pytest.raises(NoAnswer):
        await store.read([ItemId(5201)], PLACE)


@pytest.mark.parametrize(
    ("code", "error"),
    [("INTERNAL_SERVER_ERROR", NoAnswer), ("ACCESS_DENIED", AccessLost), ("NEW", NoAnswer)],
)
async def test_partial_data_is_no_reading(store, wire, code, error):
    wire.mock(return_value=failing(code, data={"nodes": [item()]}))
    with pytest.raises(error):
        await store.read([ItemId(5201)], PLACE)


async def test_a_throttled_read_waits_and_asks_again(store, wire, clock):
    throttled = failing("THROTTLED", extensions=cost(752, 0))
    wire.side_effect = [throttled, httpx.Response(429), ok({"nodes": [item()]})]
    assert (await store.read([ItemId(5201)], PLACE))[0].available == 50
    assert sum(clock.slept) >= 7.52 + 2.0


async def test_a_read_gives_up_at_last(store, wire):
    wire.mock(return_value=httpx.Response(429))
    with pytest.raises(Throttled):
        await store.read([ItemId(5201)], PLACE)
    assert wire.call_count == 5


async def test_a_read_does_not_sit_out_a_long_wait(store, wire, clock):
    wire.mock(return_value=httpx.Response(429, headers={"Retry-After": "200"}))
    with pytest.raises(Throttled) as caught:
        await store.read([ItemId(5201)], PLACE)
    assert caught.value.wait == 200
    assert sum(clock.slept) == 0


def answer_ids(request):
    ids = json.loads(request.content)["variables"]["ids"]
    return ok({"nodes": [item(int(each.rsplit("/", 1)[1])) for each in ids]})


async def test_a_read_too_costly_is_asked_in_parts(store, wire):
    """A store charges what it likes; what it refuses is not asked again unchanged."""

    def charged(request):
        count = len(json.loads(request.content)["variables"]["ids"])
        return failing("MAX_COST_EXCEEDED") if count > 30 else answer_ids(request)

    wire.side_effect = charged
    items = [ItemId(each) for each in range(1, 251)]
    assert [each.key.item for each in await store.read(items, PLACE)] == items
    sizes = [len(sent(wire, n)["variables"]["ids"]) for n in range(wire.call_count)]
    assert sizes == [100, 50, *[25] * 10]


async def test_a_single_item_too_costly_is_refused(store, wire):
    wire.mock(return_value=failing("MAX_COST_EXCEEDED"))
    with pytest.raises(Refused):
        await store.read([ItemId(1), ItemId(2)], PLACE)
    assert wire.call_count == 2


async def test_cheap_reads_grow(store, wire):
    def charged(request):
        answer = json.loads(answer_ids(request).content)
        return ok(answer["data"], extensions=cost(3 * len(answer["data"]["nodes"]), 2000))

    wire.side_effect = charged
    await store.read([ItemId(each) for each in range(1, 301)], PLACE)
    assert [len(sent(wire, n)["variables"]["ids"]) for n in (0, 1)] == [100, 200]


# -- what changed


async def test_changes_are_searched_for_page_by_page(store, wire):
    rows = [
        level(item={"id": "gid://shopify/InventoryItem/5201", "tracked": True}),
        level(item={"id": "gid://shopify/InventoryItem/5202", "tracked": False}),
        level(item={"id": "gid://shopify/InventoryItem/5203", "tracked": True}, isActive=False),
    ]
    wire.mock(return_value=ok({"location": {"inventoryLevels": page(rows, "more")}}))
    found = await store.changed(PLACE, SINCE, "here")
    assert found.rows == (
        Reading(key=key(5201), available=50, updated_at=TOUCHED),
        Reading(key=key(5202), trouble=Suspension.UNTRACKED),
        Reading(key=key(5203), trouble=Suspension.INACTIVE),
    )
    assert found.after == "more"
    assert sent(wire)["variables"] == {
        "location": "gid://shopify/Location/101",
        "query": "updated_at:>='2026-11-23T10:00:00Z'",
        "first": 250,
        "after": "here",
    }


async def test_a_search_that_the_store_ignores_is_refused(store, wire):
    """An unknown word does not fail: everything matches, and a warning says so."""
    warning = {"field": "updated", "message": "Invalid search field", "code": "invalid_field"}
    search = [{"path": ["location", "inventoryLevels"], "warnings": [warning]}]
    wire.mock(
        return_value=ok({"location": {"inventoryLevels": page([])}}, extensions={"search": search})
    )
    with pytest.raises(Refused, match="invalid_field"):
        await store.changed(PLACE, SINCE, None)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({"location": None}, Refused),
        ({"location": {"inventoryLevels": None}}, NoAnswer),
        ({"location": {"inventoryLevels": page([None])}}, NoAnswer),
        ({"location": {"inventoryLevels": page([level()])}}, NoAnswer),
        ({"location": {"inventoryLevels": {"nodes": []}}}, NoAnswer),
        ({"location": {"inventoryLevels": page([], "")}}, NoAnswer),
    ],
)
async def test_a_page_with_holes_is_none(store, wire, data, error):
    wire.mock(return_value=ok(data))
    with pytest.raises(error):
        await store.changed(PLACE, SINCE, None)


# -- the catalogue

PRODUCT = {
    "id": "gid://shopify/Product/7",
    "handle": "slim-fit-denim-jacket",
    "title": "Slim Fit Denim Jacket",
    "status": "ACTIVE",
    "isGiftCard": False,
}


def sold(number=41, **changes):
    return {
        "id": f"gid://shopify/ProductVariant/{number}",
        "sku": "SFDJ-M",
        "inventoryPolicy": "DENY",
        "barcodes": {"nodes": []},
        "requiresComponents": False,
        "selectedOptions": [{"name": "Size", "value": "M"}],
        "inventoryItem": {"id": f"gid://shopify/InventoryItem/{number + 5160}", "tracked": True},
        **changes,
    }


def variant(number=41):
    return Variant(
        store=Alias("us"),
        variant_id=number,
        product_id=7,
        item=ItemId(number + 5160),
        handle="slim-fit-denim-jacket",
        title="Slim Fit Denim Jacket",
        options=(("Size", "M"),),
        sku="SFDJ-M",
        barcodes=(),
        tracked=True,
        bundle=False,
        gift_card=False,
        status="ACTIVE",
    )


async def test_the_catalogue_comes_in_pages(store, wire):
    rows = [sold(product=PRODUCT)]
    wire.side_effect = [
        ok({"productVariants": page(rows, "more")}),
        ok({"productVariants": page([])}),
    ]
    first = await store.variants(None)
    assert (first.rows, first.after) == ((variant(),), "more")
    last = await store.variants(first.after)
    assert (last.rows, last.after) == ((), None)
    assert sent(wire)["variables"]["after"] == "more"


async def test_a_page_too_costly_is_asked_smaller(store, wire):
    wire.side_effect = [failing("MAX_COST_EXCEEDED"), ok({"productVariants": page([])})]
    await store.variants("here")
    assert [sent(wire, n)["variables"] for n in (0, 1)] == [
        {"first": 120, "after": "here"},
        {"first": 60, "after": "here"},
    ]


async def test_all_variants_of_a_product_are_paged_through(store, wire):
    """A product has up to 2,048 variants."""
    wire.side_effect = [
        ok({"product": PRODUCT | {"variants": page([sold(n)], f"after {n}")}}) for n in (41, 42)
    ] + [ok({"product": PRODUCT | {"variants": page([sold(43)])}})]
    assert await store.product(7) == [variant(41), variant(42), variant(43)]
    assert [sent(wire, n)["variables"]["after"] for n in range(3)] == [
        None,
        "after 41",
        "after 42",
    ]


async def test_a_product_without_end_is_no_answer(store, wire):
    wire.mock(return_value=ok({"product": PRODUCT | {"variants": page([], "again")}}))
    with pytest.raises(NoAnswer):
        await store.product(7)


async def test_a_product_that_is_gone_has_no_variants(store, wire):
    wire.mock(return_value=ok({"product": None}))
    assert await store.product(7) == []


LISTED = {"data": {"productVariants": page([sold(product=PRODUCT)])}}
OPTIONAL = {"sku", "endCursor"}


@pytest.mark.parametrize(
    "path",
    [path for path in paths(LISTED) if path[-1] not in OPTIONAL],
    ids=lambda path: ".".join(map(str, path)),
)
async def test_a_variant_without_one_of_its_fields_is_no_answer(store, wire, path):
    """A half-read catalogue would unmatch products that are well."""
    wire.mock(return_value=httpx.Response(200, json=changed_at(LISTED, path, None)))
    with pytest.raises(NoAnswer):
        await store.variants(None)


# -- the store itself


def setup(rows, after=None):
    return {
        "shop": {
            "id": "gid://shopify/Shop/1",
            "name": "Urban Wear",
            "myshopifyDomain": "urbanwear-us.myshopify.com",
        },
        "currentAppInstallation": {
            "accessScopes": [{"handle": "read_products"}, {"handle": "write_inventory"}]
        },
        "locations": page(rows, after),
    }


def place(number, **changes):
    given = {"id": f"gid://shopify/Location/{number}", "name": "Warehouse", "isActive": True}
    return {**given, "isFulfillmentService": False, **changes}


async def test_a_store_says_what_it_is(store, wire):
    headers = {"Date": "Mon, 23 Nov 2026 12:00:01 GMT", "X-Shopify-API-Version": "2026-10"}
    wire.side_effect = [
        ok(setup([place(101)], "more")),
        ok(setup([place(102, isActive=False, isFulfillmentService=True)]), headers=headers),
    ]
    facts = await store.facts()
    assert (facts.shop_id, facts.name) == ("gid://shopify/Shop/1", "Urban Wear")
    assert facts.domain == "urbanwear-us.myshopify.com"
    assert facts.locations == (
        Location(id=LocationId(101), name="Warehouse", active=True, owned=True),
        Location(id=LocationId(102), name="Warehouse", active=False, owned=False),
    )
    assert facts.scopes == {"read_products", "write_inventory"}
    assert facts.api_version == "2026-10"
    assert facts.time == datetime(2026, 11, 23, 12, 0, 1, tzinfo=UTC)


SETUP = {"data": setup([place(101)])}


@pytest.mark.parametrize(
    "path",
    [path for path in paths(SETUP) if path[-1] not in OPTIONAL],
    ids=lambda path: ".".join(map(str, path)),
)
async def test_a_store_that_says_half_of_it_is_no_answer(store, wire, path):
    wire.mock(return_value=httpx.Response(200, json=changed_at(SETUP, path, None)))
    with pytest.raises(NoAnswer):
        await store.facts()


async def test_another_version_is_remembered_and_warned_of_once(store, wire, caplog):
    """An expired version falls forward: a newer one answers, and nothing else says so."""
    headers = {"X-Shopify-API-Version": "2027-01"}
    wire.mock(return_value=ok({"product": None}, headers=headers))
    with caplog.at_level(logging.WARNING):
        await store.product(7)
        await store.product(8)
    assert store._graphql.answered_version == "2027-01"
    assert [each.event for each in caplog.records] == ["version_differs"]


# -- subscriptions


async def test_subscriptions_are_named_as_deliveries_are(store, wire):
    row = {"id": "gid://shopify/WebhookSubscription/1", "topic": "INVENTORY_LEVELS_UPDATE"}
    wire.mock(
        return_value=ok({"webhookSubscriptions": page([row | {"uri": "https://tipo.example/w"}])})
    )
    assert await store.subscriptions() == [
        Subscription(id=row["id"], topic="inventory_levels/update", uri="https://tipo.example/w")
    ]


def complaint(field, *messages):
    errors = [{"field": ["webhookSubscription"], "message": each} for each in messages]
    return ok({field: {"userErrors": errors}})


async def test_subscribing_sends_the_address(store, wire):
    wire.mock(return_value=complaint("webhookSubscriptionCreate"))
    await store.subscribe("inventory_levels/update", "https://tipo.example/w", "tipo-1")
    assert sent(wire)["variables"] == {
        "topic": "INVENTORY_LEVELS_UPDATE",
        "subscription": {"uri": "https://tipo.example/w", "format": "JSON", "name": "tipo-1"},
    }


async def test_of_an_order_we_ask_for_no_more_than_we_read(store, wire):
    """Who bought it, and where they live, stays in the store."""
    wire.mock(return_value=complaint("webhookSubscriptionCreate"))
    await store.subscribe("orders/create", "https://tipo.example/w", "tipo-1")
    asked = sent(wire)["variables"]["subscription"]["includeFields"]
    assert set(asked) == {"id", "name", "created_at", "updated_at", "location_id", "line_items"}


async def test_subscribing_twice_is_quiet(store, wire):
    """The first answer may have been lost."""
    words = "Address for this topic has already been taken"
    wire.mock(return_value=complaint("webhookSubscriptionCreate", words))
    await store.subscribe("app/uninstalled", "https://tipo.example/w", "tipo-1")


@pytest.mark.parametrize(
    "words",
    [
        "Address protocol http:// is not supported",
        "Address cannot be a Shopify or an internal domain",
        "Address can't be blank",
        "",
    ],
)
async def test_an_address_that_the_store_does_not_like_is_refused(store, wire, words):
    wire.mock(return_value=complaint("webhookSubscriptionCreate", words))
    with pytest.raises(Refused):
        await store.subscribe("app/uninstalled", "http://tipo.example/w", "tipo-1")


async def test_unsubscribing_what_is_gone_is_quiet(store, wire):
    words = "Webhook subscription does not exist"
    wire.side_effect = [
        complaint("webhookSubscriptionDelete", words),
        complaint("webhookSubscriptionDelete"),
        complaint("webhookSubscriptionDelete", "No."),
        ok({"webhookSubscriptionDelete": None}),
    ]
    await store.unsubscribe("gid://shopify/WebhookSubscription/1")
    await store.unsubscribe("gid://shopify/WebhookSubscription/1")
    with pytest.raises(Refused):
        await store.unsubscribe("gid://shopify/WebhookSubscription/1")
    with pytest.raises(NoAnswer):
        await store.unsubscribe("gid://shopify/WebhookSubscription/1")


async def test_closing_may_happen_twice(store):
    await store.close()
    await store.close()


# -- any answer at all

texts = st.text(max_size=8) | st.sampled_from(["THROTTLED", "ACCESS_DENIED", "undefinedField"])
NAMES = [
    *("data", "errors", "extensions", "cost", "throttleStatus", "code", "message", "path"),
    *("field", "search", "warnings", "createdAt", "inventoryAdjustQuantities", "userErrors"),
    *("inventoryAdjustmentGroup", "requestedQueryCost", "currentlyAvailable", "restoreRate"),
    "maximumAvailable",
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)
bodies = anything.map(lambda body: json.dumps(body).encode()) | st.binary()


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([200, 200, 200, 200, 302, 400, 401, 404, 429, 430, 500])
    | st.integers(100, 999),
    st.dictionaries(st.sampled_from(["date", "retry-after"]), st.text(max_size=40)),
    bodies,
)
def test_no_answer_is_anything_but_data_or_a_named_error(status, headers, body):
    try:
        found = parse_response(HttpResponse(status=status, headers=headers, body=body))
        written = adjusted_at(found, (1, 0), SINCE)
        assert written.utcoffset() == timedelta(0)
    except StoreError as exc:
        assert len(str(exc)) < 600  # noqa: PT017 - there may be none
    with suppress(StoreError):
        assert isinstance(
            data_of(parse_response(HttpResponse(status=status, headers=headers, body=body))), dict
        )


@given(anything)
def test_no_node_is_anything_but_a_reading_or_no_answer(value):
    for path in paths(item()):
        node = changed_at(item(), path, value)
        try:
            reading = nodes.item_reading(key(5201), nodes.convert(node, nodes.ItemNode))
        except NoAnswer:
            continue
        assert (reading.available is None) == (reading.trouble is not None)


def test_writing_and_reading_name_the_same_things(store):
    body = store.encode_batch(
        key="k", reference="r", changes=[QuantityChange(item=ItemId(1), location=PLACE, delta=1)]
    )
    (row,) = json.loads(body)["variables"]["input"]["changes"]
    assert row["locationId"] == "gid://shopify/Location/101"
    assert documents.API_VERSION == "2026-10"
