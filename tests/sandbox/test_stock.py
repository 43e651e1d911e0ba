"""What each event does to the quantities, and what can be read of them."""

import pytest

from sandbox.models import SoldOut


def sold(shop, item):
    return shop.sell(item, 5)


def cancelled(shop, item, *, restock):
    shop.cancel(sold(shop, item), restock=restock)


def fulfilled(shop, item):
    order = sold(shop, item)
    shop.fulfil(order)
    return order


@pytest.mark.parametrize(
    ("event", "available", "committed", "on_hand"),
    [
        (sold, 45, 5, 50),
        (fulfilled, 45, 0, 45),
        (lambda s, i: s.pos_sale(i, 5), 45, 0, 45),
        (lambda s, i: cancelled(s, i, restock=True), 50, 0, 50),
        (lambda s, i: cancelled(s, i, restock=False), 45, 0, 45),
        (lambda s, i: s.refund(sold(s, i), 2, "cancel"), 47, 3, 50),
        (lambda s, i: s.refund(fulfilled(s, i), 2, "return"), 47, 0, 47),
        (lambda s, i: s.refund(sold(s, i), 2, "no_restock"), 45, 5, 50),
        (lambda s, i: s.edit_order(sold(s, i), 2), 43, 7, 50),
        (lambda s, i: s.edit_order(sold(s, i), -2), 47, 3, 50),
        (lambda s, i: s.restock(i, 10), 60, 0, 60),
        (lambda s, i: s.edit(i, to=12), 12, 0, 12),
        (lambda s, i: s.edit(i, by=-3), 47, 0, 47),
        (lambda s, i: s.make_unavailable(i, 4), 46, 0, 50),
    ],
    ids=[
        "sale",
        "fulfilment",
        "till",
        "cancel",
        "cancel-lost",
        "refund-cancel",
        "refund-return",
        "refund-money",
        "edit-adds",
        "edit-removes",
        "restock",
        "edit-to",
        "edit-by",
        "damaged",
    ],
)
def test_an_event_moves_the_quantities(app, event, available, committed, on_hand):
    event(app.shop, app.item)
    seen = app.read()
    assert [seen[x]["quantity"] for x in ("available", "committed", "on_hand")] == [
        available,
        committed,
        on_hand,
    ]


def test_a_transfer_leaves_one_place_and_reaches_the_other(shop, app):
    there = shop.add_location("Paris")
    moving = shop.transfer(app.item, app.location, there, 10)
    assert shop.available(app.item, app.location) == 40
    shop.ship(moving)
    assert shop.level(app.item, app.location).now.quantity("on_hand") == 40
    assert shop.available(app.item, there) == 0
    shop.receive(moving)
    assert shop.available(app.item, there) == 10


def test_a_shop_sells_no_more_than_it_has(shop, app):
    with pytest.raises(SoldOut):
        shop.sell(app.item, 51)
    shop.sell(app.item, 51, race=True)
    assert shop.available(app.item) == -1


def test_on_hand_has_no_time_and_available_a_whole_second(app, time):
    time.go(3.5)
    app.shop.restock(app.item, 1)
    seen = app.read()
    assert seen["available"]["updatedAt"] == "2026-11-23T10:00:03Z"
    assert seen["on_hand"]["updatedAt"] is None
    assert seen["committed"]["updatedAt"] is None


def test_reads_may_lag_behind(app, time):
    app.shop.faults.read_lag = 5
    time.go(10)
    app.shop.restock(app.item, 1)
    assert app.read()["available"] == {
        "name": "available",
        "quantity": 50,
        "updatedAt": "2026-11-23T10:00:00Z",
    }
    time.go(5)
    assert app.read()["available"]["quantity"] == 51


CHANGED = """query C($id: ID!, $query: String) { location(id: $id) {
  inventoryLevels(first: 10, query: $query, includeInactive: true) { nodes { item { id } } } } }"""


def test_changed_levels_can_be_searched(app, time):
    time.go(60)
    app.shop.restock(app.item, 1)
    query = "updated_at:>='2026-11-23T10:00:30Z'"
    reply = app(CHANGED, id=app.location_gid, query=query)
    nodes = reply["data"]["location"]["inventoryLevels"]["nodes"]
    assert nodes == [{"item": {"id": app.item_gid}}]


def test_the_search_may_lag_behind(app, time):
    time.go(60)
    app.shop.restock(app.item, 1)
    app.shop.faults.search_lag = 10
    query = "updated_at:>='2026-11-23T10:00:30Z'"
    reply = app(CHANGED, id=app.location_gid, query=query)
    assert reply["data"]["location"]["inventoryLevels"]["nodes"] == []


def test_an_unknown_search_word_matches_everything_and_warns(app):
    reply = app(CHANGED, id=app.location_gid, query="colour:red")
    assert len(reply["data"]["location"]["inventoryLevels"]["nodes"]) == 3
    assert reply["extensions"]["search"][0]["warnings"][0]["code"] == "invalid_field"


def test_pages_follow_each_other(app):
    query = """query P($after: String) { productVariants(first: 2, after: $after, sortKey: ID) {
      pageInfo { hasNextPage endCursor } nodes { id product { handle } } } }"""
    one = app(query)["data"]["productVariants"]
    two = app(query, after=one["pageInfo"]["endCursor"])["data"]["productVariants"]
    assert one["pageInfo"]["hasNextPage"]
    assert not two["pageInfo"]["hasNextPage"]
    assert len({x["id"] for x in one["nodes"] + two["nodes"]}) == 3


@pytest.mark.parametrize("args", ["", "(first: 251)", "(first: 0)"])
def test_a_page_must_have_a_size_up_to_250(app, args):
    assert "errors" in app("{ products" + args + " { nodes { id } } }")


def test_what_is_gone_reads_as_null(app):
    query = "query N($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    app.shop.delete_item(app.item)
    kept = f"gid://shopify/InventoryItem/{app.item + 1}"
    assert app(query, ids=[app.item_gid, kept])["data"]["nodes"] == [None, {"id": kept}]


def test_an_inactive_level_is_hidden_unless_asked_for(app):
    query = """query L($id: ID!, $at: ID!, $all: Boolean) { inventoryItem(id: $id) {
      inventoryLevel(locationId: $at, includeInactive: $all) { isActive } } }"""
    app.shop.disconnect(app.item, app.location)
    hidden = app(query, id=app.item_gid, at=app.location_gid, all=False)
    shown = app(query, id=app.item_gid, at=app.location_gid, all=True)
    assert hidden["data"]["inventoryItem"]["inventoryLevel"] is None
    assert shown["data"]["inventoryItem"]["inventoryLevel"] == {"isActive": False}


def test_a_handle_is_unique_in_its_shop(shop):
    assert shop.add_product("Another", "slim-fit-denim-jacket").handle == "slim-fit-denim-jacket-1"
