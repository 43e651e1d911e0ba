"""The mark of the Tipo that may write: read and set by compare-and-set, byte for byte."""

import json

import httpx
import pytest

from sync_core.domain.leases import LeaseMark
from sync_core.domain.values import NEVER
from sync_core.errors import AccessLost, MarkChanged, NoAnswer, NotPermitted, Refused
from sync_core.ports import StoredMark
from tests.wire.conftest import NOON

OURS = LeaseMark(instance="a1", renewal="r1", at=NOON)
VALUE = '{"instance":"a1","renewal":"r1","at":"2026-11-23T12:00:00Z"}'
OWNER = "gid://shopify/AppInstallation/7"


def ok(data):
    return httpx.Response(200, json={"data": data})


def found(metafield, owner=OWNER):
    return ok({"currentAppInstallation": {"id": owner, "metafield": metafield}})


def written(digest="d2"):
    row = {"value": VALUE, "compareDigest": digest}
    return ok({"metafieldsSet": {"metafields": [row], "userErrors": []}})


def refused(code):
    error = {"code": code, "field": ["metafields", "0"], "message": "No."}
    return ok({"metafieldsSet": {"metafields": None, "userErrors": [error]}})


def denied():
    return httpx.Response(
        200, json={"errors": [{"message": "no", "extensions": {"code": "ACCESS_DENIED"}}]}
    )


def sent(wire, number=-1):
    return json.loads(wire.calls[number].request.content)["variables"]


async def test_a_store_without_a_mark_has_none(store, wire):
    wire.mock(return_value=found(None))
    assert await store.mark() == StoredMark(mark=None, digest=None)
    assert sent(wire) == {"namespace": "tipo", "key": "lease"}


async def test_a_mark_is_read_with_its_digest(store, wire):
    wire.mock(return_value=found({"value": VALUE, "compareDigest": "d1"}))
    assert await store.mark() == StoredMark(mark=OURS, digest="d1")


@pytest.mark.parametrize(
    "value",
    ["", "{}", "7", '{"instance":"a","renewal":"b","at":"soon"}', VALUE.replace("Z", "")],
    ids=["nothing", "another shape", "a number", "no time", "no time zone"],
)
async def test_a_mark_that_we_do_not_understand_is_somebody_elses(store, wire, value):
    wire.mock(return_value=found({"value": value, "compareDigest": "d1"}))
    assert await store.mark() == StoredMark(
        mark=LeaseMark(instance="", renewal="", at=NEVER), digest="d1"
    )


@pytest.mark.parametrize("digest", [None, "d1"], ids=["the first", "a later one"])
async def test_a_mark_is_set_only_in_place_of_the_one_that_was_read(store, wire, digest):
    """The digest is always there: without it the store would write whatever it holds."""
    wire.mock(side_effect=[found(None), written("d2")])
    assert await store.write_mark(OURS, digest) == "d2"
    assert sent(wire)["metafields"] == [
        {
            "ownerId": OWNER,
            "namespace": "tipo",
            "key": "lease",
            "type": "json",
            "value": VALUE,
            "compareDigest": digest,
        }
    ]


async def test_the_owner_is_asked_for_once(store, wire):
    wire.mock(side_effect=[found(None), written("d2"), written("d3")])
    await store.write_mark(OURS, None)
    await store.write_mark(OURS, "d2")
    assert wire.call_count == 3


@pytest.mark.parametrize("code", ["STALE_OBJECT", "INVALID_COMPARE_DIGEST", "TAKEN"])
async def test_somebody_elses_mark_is_not_written_over(store, wire, code):
    wire.mock(side_effect=[found(None), refused(code)])
    with pytest.raises(MarkChanged):
        await store.write_mark(OURS, "d1")


async def test_an_app_that_may_not_is_told_apart_from_a_dead_token(store, wire):
    wire.mock(side_effect=[found(None), refused("APP_NOT_AUTHORIZED")])
    with pytest.raises(NotPermitted):
        await store.write_mark(OURS, None)
    wire.mock(side_effect=[denied()])
    with pytest.raises(NotPermitted):
        await store.mark()
    wire.mock(side_effect=[httpx.Response(401), httpx.Response(401)])
    with pytest.raises(AccessLost) as lost:
        await store.mark()
    assert not isinstance(lost.value, NotPermitted)


async def test_any_other_complaint_is_a_refusal(store, wire):
    wire.mock(side_effect=[found(None), refused("TOO_LONG")])
    with pytest.raises(Refused):
        await store.write_mark(OURS, None)


@pytest.mark.parametrize(
    "answer",
    [
        ok({"metafieldsSet": {"metafields": None, "userErrors": []}}),
        ok({"metafieldsSet": None}),
        ok({"metafieldsSet": {"metafields": [{"value": VALUE}], "userErrors": []}}),
        httpx.Response(502),
    ],
    ids=["no metafield", "no payload", "no digest", "a broken proxy"],
)
async def test_an_answer_that_says_neither_yes_nor_no_is_a_doubt(store, wire, answer):
    wire.mock(side_effect=[found(None), answer])
    with pytest.raises(NoAnswer):
        await store.write_mark(OURS, None)
