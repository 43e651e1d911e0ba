"""Tokens: asked for in time, once, and never shown."""

import asyncio
import logging
from datetime import timedelta
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.domain.values import Alias, ItemId, LocationId
from sync_core.errors import (
    AccessLost,
    BadSettings,
    NotSent,
    StoreError,
    Throttled,
    WrongShop,
)
from sync_core.ports import QuantityChange
from sync_core.shopify.auth import ClientCredentials, PermanentToken, parse_grant
from sync_core.shopify.responses import HttpResponse

GRANT = "https://urbanwear-us.myshopify.com/admin/oauth/access_token"
GONE = httpx.Response(200, json={"data": {"product": None}})


def token(name, life=86399):
    scope = "read_products,write_inventory"
    return httpx.Response(
        200, json={"access_token": f"shpat_{name}", "scope": scope, "expires_in": life}
    )


def used(route):
    return [call.request.headers["X-Shopify-Access-Token"] for call in route.calls]


@pytest.fixture
def grant(respx_mock):
    return respx_mock.post(GRANT)


async def test_a_token_is_asked_for_by_form_and_kept(daily, wire, grant):
    grant.mock(return_value=token("a"))
    wire.mock(return_value=GONE)
    await daily.product(7)
    await daily.product(8)
    assert used(wire) == ["shpat_a", "shpat_a"]
    (call,) = grant.calls
    assert call.request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(call.request.content.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["id"],
        "client_secret": ["s&cret"],
    }


@pytest.mark.parametrize(
    ("hours", "expected"), [(19.9, "shpat_a"), (20.1, "shpat_b"), (30, "shpat_b")]
)
async def test_a_token_is_renewed_well_before_its_end(daily, wire, grant, clock, hours, expected):
    grant.side_effect = [token("a"), token("b")]
    wire.mock(return_value=GONE)
    await daily.product(7)
    clock.time += timedelta(hours=hours)
    await daily.product(7)
    assert used(wire)[-1] == expected


async def test_many_requests_want_one_token(daily, wire, grant):
    grant.side_effect = [token("a"), token("b")]
    wire.mock(return_value=GONE)
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(daily.product(number))
    assert grant.call_count == 1
    assert set(used(wire)) == {"shpat_a"}


async def test_a_refused_token_is_renewed_once_however_many_were_refused(daily, wire, grant):
    grant.side_effect = [token("a"), token("b"), token("c")]

    def door(request):
        stale = request.headers["X-Shopify-Access-Token"] == "shpat_a"
        return httpx.Response(401) if stale else GONE

    wire.side_effect = door
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(daily.product(number))
    assert grant.call_count == 2
    assert used(wire).count("shpat_b") == 20


async def test_a_refused_writing_is_sent_again_unchanged(daily, wire, grant):
    """401 is said at the door: the bytes have not been looked at."""
    grant.side_effect = [token("a"), token("b")]
    group = {"createdAt": "2026-11-23T01:33:56Z"}
    payload = {"inventoryAdjustmentGroup": group, "userErrors": []}
    done = httpx.Response(200, json={"data": {"inventoryAdjustQuantities": payload}})
    wire.side_effect = [httpx.Response(401), done]
    change = QuantityChange(item=ItemId(1), location=LocationId(2), delta=1)
    body = daily.encode_batch(key="k", reference="gid://tipo/Batch/1", changes=[change])
    await daily.send(body)
    assert used(wire) == ["shpat_a", "shpat_b"]
    assert {call.request.content for call in wire.calls} == {body}


async def test_a_new_token_that_is_refused_too_is_the_end(daily, wire, grant):
    grant.side_effect = [token("a"), token("b")]
    wire.mock(return_value=httpx.Response(401))
    with pytest.raises(AccessLost):
        await daily.product(7)
    assert wire.call_count == 2


async def test_a_permanent_token_that_is_refused_is_the_end(store, wire):
    wire.mock(return_value=httpx.Response(401))
    with pytest.raises(AccessLost, match="set a new one"):
        await store.product(7)
    assert wire.call_count == 1


@pytest.mark.parametrize("early", [httpx.Response(503), httpx.Response(400), httpx.ReadError("x")])
async def test_a_token_that_works_is_used_while_none_newer_can_be_had(
    daily, wire, grant, clock, early
):
    grant.side_effect = [token("a"), early, token("b")]
    wire.mock(return_value=GONE)
    await daily.product(7)
    clock.time += timedelta(hours=21)
    await daily.product(7)
    await daily.product(7)  # does not ask again at once
    clock.time += timedelta(minutes=2)
    await daily.product(7)
    assert used(wire) == ["shpat_a", "shpat_a", "shpat_a", "shpat_b"]
    assert grant.call_count == 3


async def test_a_renewal_that_hangs_holds_up_nobody_whose_token_works(daily, wire, grant, clock):
    asked, release = asyncio.Event(), asyncio.Event()

    async def slow(request):
        asked.set()
        await release.wait()
        return token("b")

    grant.side_effect = [token("a")]
    wire.mock(return_value=GONE)
    await daily.product(7)
    clock.time += timedelta(hours=21)
    grant.side_effect = slow
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(daily.product(7))
        await asyncio.wait_for(asked.wait(), 1)
        await asyncio.wait_for(daily.product(8), 1)
        assert not waiting.done()
        release.set()
    assert used(wire) == ["shpat_a", "shpat_a", "shpat_b"]


async def test_failing_attempts_are_not_repeated_by_every_request(daily, grant, clock):
    grant.mock(return_value=httpx.Response(400, json={"error": "shop_not_permitted"}))
    for _ in range(5):
        with pytest.raises(AccessLost, match="same organization"):
            await daily.product(7)
    assert grant.call_count == 1
    clock.time += timedelta(seconds=6)
    with pytest.raises(AccessLost):
        await daily.product(7)
    assert grant.call_count == 2


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (httpx.Response(400, json={"error": "shop_not_permitted"}), AccessLost, "organization"),
        (
            httpx.Response(400, html="<h1>Oauth error shop_not_permitted: Client …</h1>"),
            AccessLost,
            "organization",
        ),
        (httpx.Response(400, json={"error": "app_not_installed"}), AccessLost, "installed"),
        (
            httpx.Response(400, json={"error": "application_cannot_be_found"}),
            AccessLost,
            "client id",
        ),
        (httpx.Response(401), AccessLost, "401"),
        (httpx.Response(403), AccessLost, "403"),
        (httpx.Response(402), AccessLost, "402"),
        (httpx.Response(404), WrongShop, "404"),
        (httpx.Response(429, headers={"Retry-After": "7"}), Throttled, "429"),
        (httpx.Response(430), NotSent, "430"),
        (httpx.Response(408), NotSent, "408"),
        (httpx.Response(302, headers={"Location": "https://evil.example"}), NotSent, "302"),
        (httpx.Response(500), NotSent, "500"),
        (httpx.Response(200, html="<html>"), NotSent, "no token"),
        (httpx.Response(200, json={"access_token": None}), NotSent, "no token"),
        (httpx.Response(200, json={"access_token": "a\nb"}), NotSent, "no token"),
        (httpx.Response(200, json=[]), NotSent, "no token"),
        (httpx.ConnectError("no such name"), NotSent, "reached"),
        (httpx.ReadTimeout("slow"), NotSent, "no answer"),
    ],
)
async def test_each_refusal_of_a_token_has_one_meaning(daily, wire, grant, answer, kind, words):
    """Whatever happens here: the request itself was not sent."""
    grant.side_effect = [answer]
    with pytest.raises(kind, match=words) as caught:
        await daily.send(
            daily.encode_batch(
                key="k",
                reference="r",
                changes=[QuantityChange(item=ItemId(1), location=LocationId(2), delta=1)],
            )
        )
    assert type(caught.value) is kind
    assert wire.call_count == 0


@given(st.integers(100, 999), st.binary() | st.text().map(str.encode))
def test_no_grant_is_anything_but_a_token_or_a_named_error(status, body):
    try:
        name, life = parse_grant(HttpResponse(status=status, headers={}, body=body))
    except StoreError:
        return
    assert name
    assert timedelta(0) < life <= timedelta(hours=24)


@pytest.mark.parametrize("life", [None, 0, -1, "soon", 10**12, True])
def test_a_token_lives_no_longer_than_a_day(life):
    answer = token("a", life)
    given = HttpResponse(status=200, headers={}, body=answer.content)
    assert parse_grant(given) == ("shpat_a", timedelta(hours=24))


@pytest.mark.parametrize("wrong", ["", "a b", "shpat_ä", "shpat_\n"])
def test_a_permanent_token_must_look_like_one(wrong):
    with pytest.raises(BadSettings):
        PermanentToken(wrong)


async def test_no_secret_is_ever_said(daily, wire, grant, caplog, clock):
    grant.side_effect = [token("hidden"), httpx.Response(400), httpx.Response(400)]
    wire.mock(return_value=GONE)
    with caplog.at_level(logging.DEBUG):
        await daily.product(7)
        clock.time += timedelta(hours=21)
        await daily.product(7)
        clock.time += timedelta(hours=21)
        with pytest.raises(AccessLost) as caught:
            await daily.product(7)
    auth = ClientCredentials(alias=Alias("us"), api_url=GRANT, client=("id", "s&cret"), clock=clock)
    said = [caplog.text, str(caught.value), repr(auth), repr(PermanentToken("hidden")), repr(daily)]
    assert not [
        each
        for each in said
        if "hidden" in each or "cret" in each.replace("client_sec", "").replace("client secret", "")
    ]
