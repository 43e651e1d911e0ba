"""The demo's world, by httpx in process and over the ASGI app."""

import anyio
import httpx
import pytest

from sandbox.faults import ShopFault
from sandbox.sample_shops import JACKET, build_shops, environment
from sandbox.server import WebhookCourier, build_app
from sandbox.shop_transport import ShopTransport
from tests.sandbox.conftest import SUBSCRIBE, Caller


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def world(time):
    return build_shops(time, products=30, base_url="http://127.0.0.1:4100")


def test_both_stores_sell_the_same_jacket(world):
    for shop in world.values():
        jacket = shop.product(JACKET)
        assert [v.sku for v in jacket.variants] == ["SFDJ-S", "SFDJ-M", "SFDJ-L"]
        assert [shop.available(v.item.id) for v in jacket.variants] == [50, 50, 50]
        assert len({p.handle for p in shop.products.values()}) == 30
        assert len({v.sku for v in shop.variants.values()}) == 90
    assert not set(world["eu"].items) & set(world["us"].items)


def test_an_order_number_names_one_order_and_tipo_may_see_it(world):
    """An alert that names order #1042 must not leave open in which store it was."""
    names = {shop.sell("SFDJ-M", 1).name for shop in world.values() for _ in range(3)}
    assert names == {"#1042", "#1043", "#1044", "#2042", "#2043", "#2044"}
    assert all("read_orders" in shop.access.scopes for shop in world.values())


def test_the_environment_names_a_source_and_a_destination(world):
    found = environment(world, "http://127.0.0.1:4100")
    assert found["TIPO_STORES__EU__ROLE"] == "source"
    assert found["TIPO_STORES__US__DOMAIN"] == "urbanwear-us.myshopify.com"
    assert found["TIPO_STORES__US__API_URL"] == "http://127.0.0.1:4100/us"


async def test_a_shop_answers_httpx_in_process(world):
    shop = world["eu"]
    headers = {"X-Shopify-Access-Token": "shpat_sandbox_eu"}
    url = f"https://{shop.domain}/admin/api/2026-10/graphql.json"
    async with httpx.AsyncClient(transport=ShopTransport(world.values())) as client:
        reply = await client.post(url, headers=headers, json={"query": "{ shop { name } }"})
        assert reply.json()["data"] == {"shop": {"name": "Urbanwear EU"}}
        shop.faults.outage = True
        with pytest.raises(httpx.ReadError):
            await client.post(url, headers=headers, json={"query": "{ shop { name } }"})
        with pytest.raises(httpx.ConnectError):
            await client.get("https://nowhere.example.com/")


async def test_customers_and_faults_come_by_the_control_api(world):
    transport = httpx.ASGITransport(build_app(world))
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        sold = await client.post("/control/us/sell", json={"item": "SFDJ-M", "quantity": 5})
        assert sold.json()["available"] == 45
        refund = {"order": sold.json()["name"], "quantity": 2}
        assert (await client.post("/control/us/refund", json=refund)).json()["restock_type"]
        assert world["us"].available("SFDJ-M") == 47
        assert (await client.get("/control/us/log")).json()[0]["delta"] == -5
        rows = (await client.get("/control/us/stock")).json()
        assert {"SFDJ-M": 47}.items() <= {row["sku"]: row["available"] for row in rows}.items()
        await client.post("/control/us/break", json={"next": [503]})
        assert (await client.post("/us/admin/oauth/access_token")).status_code == 503
        bad = [
            ("nowhere/sell", 404),
            ("us/dance", 400),
            ("us/break", 400),
            ("us/rename", 400),
        ]
        for path, status in bad:
            answer = await client.post(f"/control/{path}", json={"no": "such"})
            assert answer.status_code == status
        many = {"item": "SFDJ-M", "quantity": 500}
        assert (await client.post("/control/us/sell", json=many)).status_code == 409


def reset(_request):
    """Break as httpx does where a connection is reset as soon as it stands."""
    raise AttributeError("'NoneType' object has no attribute 'getpeername'")


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        *((lambda _: httpx.Response(200), 0), (lambda _: httpx.Response(302), 1)),
        *((lambda _: httpx.Response(500), 1), (reset, 1)),
    ],
    ids=["taken", "redirected", "failed", "reset"],
)
async def test_the_courier_delivers_and_notes_how_it_went(world, answer, left):
    shop = world["us"]
    item = shop.item("SFDJ-M").id
    app = Caller(shop, item, next(iter(shop.locations)))
    app(
        SUBSCRIBE,
        token="shpat_sandbox_us",  # noqa: S106  opens nothing
        topic="INVENTORY_LEVELS_UPDATE",
        subscription={"uri": "http://127.0.0.1:8080/webhooks/shopify"},
    )
    shop.sell(item, 5)
    came = []

    def take(request):
        came.append(request)
        return answer(request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(take)) as client:
        with anyio.move_on_after(0.02):
            await WebhookCourier(world, client).run()
    assert [each.headers["X-Shopify-Shop-Domain"] for each in came] == [shop.domain]
    assert len(shop.outbox) == left


async def test_a_dropped_answer_breaks_the_connection(world):
    world["eu"].faults.next = [ShopFault.DROP_BEFORE]
    transport = httpx.ASGITransport(build_app(world))
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        answer = await client.post("/eu/admin/oauth/access_token")
    assert answer.headers["content-length"] != str(len(answer.content))
