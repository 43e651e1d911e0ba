"""Adding deltas: the bytes that leave, and what each answer means."""

import asyncio
import json
from datetime import UTC, datetime

import httpx
import pytest

from sync_core.domain.values import Alias, ItemId, LevelKey, LocationId
from sync_core.errors import (
    AccessLost,
    BatchRefused,
    KeyMisused,
    KeySpent,
    NoAnswer,
    NotSent,
    Refused,
    RowsRefused,
    StillRunning,
    Throttled,
    WrongShop,
)
from sync_core.ports import QuantityChange
from sync_core.shopify.documents import ADJUST

WRITTEN = datetime(2026, 11, 23, 1, 33, 56, tzinfo=UTC)
REFERENCE = "gid://tipo/Batch/77"
CHANGES = [
    QuantityChange(item=ItemId(5201), location=LocationId(101), delta=-5),
    QuantityChange(item=ItemId(5202), location=LocationId(101), delta=3),
]
GOLDEN = (
    '{"query":' + json.dumps(ADJUST.text) + ',"variables":{"input":{"name":"available",'
    '"reason":"correction","referenceDocumentUri":"gid://tipo/Batch/77","changes":['
    '{"inventoryItemId":"gid://shopify/InventoryItem/5201","locationId":"gid://shopify/Location/101",'
    '"delta":-5,"changeFromQuantity":null},'
    '{"inventoryItemId":"gid://shopify/InventoryItem/5202","locationId":"gid://shopify/Location/101",'
    '"delta":3,"changeFromQuantity":null}]},"key":"0199c3"}}'
).encode()


def group(**fields):
    given = {"id": "gid://shopify/InventoryAdjustmentGroup/9001", "changes": []}
    return {**given, "createdAt": "2026-11-23T01:33:56Z", **fields}


def answered(group=None, errors=(), **rest):
    payload = {"inventoryAdjustmentGroup": group, "userErrors": list(errors)}
    body = {"data": {"inventoryAdjustQuantities": payload}, **rest}
    return httpx.Response(200, json=body)


def error(code, *path, message="so it is"):
    return {"code": code, "field": list(path) or None, "message": message}


def failing(code, *, path=None, data=None):
    fault = {"message": "oh", "extensions": {"code": code}}
    if path:
        fault["path"] = path
    return httpx.Response(200, json={"errors": [fault]} | ({} if data is None else {"data": data}))


@pytest.fixture
def body(store):
    return store.encode_batch(key="0199c3", reference=REFERENCE, changes=CHANGES)


def test_what_is_written_down_is_the_whole_request(body):
    """These bytes are kept for hours and sent again: they must not depend on anything."""
    assert body == GOLDEN


def test_a_batch_holds_one_to_250_rows(store):
    for count in (0, 251):
        with pytest.raises(ValueError, match="rows"):
            store.encode_batch(key="k", reference=REFERENCE, changes=CHANGES[:1] * count)
    assert store.encode_batch(key="k", reference=REFERENCE, changes=CHANGES[:1] * 250)


def test_a_blank_key_is_no_key(store):
    with pytest.raises(ValueError, match="blank"):
        store.encode_batch(key=" ", reference=REFERENCE, changes=CHANGES)


async def test_sending_posts_exactly_the_bytes(store, wire, body):
    wire.mock(return_value=answered(group()))
    assert await store.send(body) == WRITTEN
    request = wire.calls.last.request
    assert request.content == GOLDEN
    assert request.headers["X-Shopify-Access-Token"] == "shpat_permanent"
    assert request.headers["Content-Type"] == "application/json"


async def test_sending_again_posts_the_same_bytes(store, wire, body):
    wire.side_effect = [httpx.ReadError("gone"), answered(group())]
    with pytest.raises(NoAnswer):
        await store.send(body)
    assert await store.send(body) == WRITTEN
    assert {call.request.content for call in wire.calls} == {GOLDEN}


async def test_adding_nothing_is_done_at_the_stores_own_time(store, wire):
    """All deltas zero: no group and no errors."""
    changes = [QuantityChange(item=ItemId(1), location=LocationId(2), delta=0)]
    body = store.encode_batch(key="k", reference=REFERENCE, changes=changes)
    answer = answered(None)
    answer.headers["Date"] = "Mon, 23 Nov 2026 11:00:00 GMT"
    wire.side_effect = [answer, answered(None)]
    assert await store.send(body) == datetime(2026, 11, 23, 11, tzinfo=UTC)
    assert await store.send(body) == datetime(2026, 11, 23, 12, tzinfo=UTC)  # our clock


ROW = ("input", "changes", "1", "locationId")
WHOLE = ("input", "reason")


@pytest.mark.parametrize(
    ("code", "path", "kind"),
    [
        ("CHANGE_FROM_QUANTITY_STALE", ROW, RowsRefused),
        ("INVALID_INVENTORY_ITEM", ROW, RowsRefused),
        ("INVALID_LOCATION", ROW, RowsRefused),
        ("NON_MUTABLE_INVENTORY_ITEM", ROW, RowsRefused),
        ("INVALID_QUANTITY_TOO_HIGH", ROW, RowsRefused),
        ("INVALID_QUANTITY_TOO_LOW", ROW, RowsRefused),
        ("INVALID_AVAILABLE_DOCUMENT", ROW, RowsRefused),
        ("INTERNAL_LEDGER_DOCUMENT", ROW, RowsRefused),
        ("INVALID_LEDGER_DOCUMENT", ROW, RowsRefused),
        ("INVALID_QUANTITY_DOCUMENT", ROW, RowsRefused),
        ("ADJUST_QUANTITIES_FAILED", ROW, RowsRefused),
        ("SOMETHING_NEW", ROW, RowsRefused),
        (None, ROW, RowsRefused),
        ("INVALID_LOCATION", ("input", "changes", "99"), BatchRefused),  # not a row that we sent
        ("INVALID_QUANTITY_NAME", ("input", "name"), BatchRefused),
        ("INVALID_REASON", WHOLE, BatchRefused),
        ("INVALID_REFERENCE_DOCUMENT", WHOLE, BatchRefused),
        ("MAX_ONE_LEDGER_DOCUMENT", WHOLE, BatchRefused),
        (None, (), BatchRefused),
        ("IDEMPOTENCY_CONCURRENT_REQUEST", (), StillRunning),
        ("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", (), KeyMisused),
        ("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", (), KeySpent),
        ("ADJUST_QUANTITIES_FAILED", (), KeySpent),
        ("SERVICE_UNAVAILABLE", (), KeySpent),
        ("SERVICE_UNAVAILABLE", ROW, KeySpent),
    ],
)
async def test_each_user_error_has_one_meaning(store, wire, body, code, path, kind):
    wire.mock(return_value=answered(None, [error(code, *path)]))
    with pytest.raises(kind) as caught:
        await store.send(body)
    assert type(caught.value) is kind
    if kind is RowsRefused:
        assert list(caught.value.reasons) == [1]


async def test_two_errors_of_one_row_are_one_refused_row(store, wire, body):
    errors = [
        error("INVALID_LOCATION", *ROW, message="No place."),
        error(None, "input", "changes", "1", message="No item."),
        error("INVALID_INVENTORY_ITEM", "input", "changes", 0, message="Gone."),
    ]
    wire.mock(return_value=answered(None, errors))
    with pytest.raises(RowsRefused) as caught:
        await store.send(body)
    assert caught.value.reasons == {
        0: "INVALID_INVENTORY_ITEM: Gone.",
        1: "INVALID_LOCATION: No place.; No item.",
    }


async def test_a_long_foreign_text_is_cut(store, wire, body):
    wire.mock(return_value=answered(None, [error(None, message="x" * 5000)]))
    with pytest.raises(Refused) as caught:
        await store.send(body)
    assert len(str(caught.value)) <= 256


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, NotSent),
        (302, NotSent),
        (307, NotSent),
        (308, NotSent),
        (400, Refused),
        (401, AccessLost),
        (402, AccessLost),
        (403, AccessLost),
        (404, WrongShop),
        (408, NoAnswer),
        (413, Refused),
        (423, AccessLost),
        (429, Throttled),
        (430, NotSent),
        (500, NoAnswer),
        (502, NoAnswer),
        (503, NoAnswer),
        (504, NoAnswer),
        (204, NoAnswer),
        (299, NoAnswer),
        (599, NoAnswer),
    ],
)
async def test_each_status_has_one_meaning(store, wire, body, status, kind):
    wire.mock(return_value=httpx.Response(status, headers={"Location": "https://evil.example/"}))
    with pytest.raises(kind) as caught:
        await store.send(body)
    assert type(caught.value) is kind
    assert wire.call_count == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("THROTTLED", Throttled),
        ("MAX_COST_EXCEEDED", Refused),
        ("ACCESS_DENIED", AccessLost),
        ("SHOP_INACTIVE", AccessLost),
        ("INTERNAL_SERVER_ERROR", NoAnswer),
        ("BAD_REQUEST", Refused),
        ("INVALID_FIELD_ARGUMENTS", Refused),
        ("INVALID_VARIABLE", Refused),
        ("undefinedField", Refused),
        ("SOMETHING_NEW", NoAnswer),
        ("", NoAnswer),
    ],
)
async def test_each_top_level_error_has_one_meaning(store, wire, body, code, kind):
    wire.mock(return_value=failing(code, data={"inventoryAdjustQuantities": None}))
    with pytest.raises(kind):
        await store.send(body)


async def test_an_error_in_what_we_asked_to_see_does_not_undo_the_writing(store, wire, body):
    """The group is there: repeating would change nothing, and refusing would lose the delta."""
    path = ["inventoryAdjustQuantities", "inventoryAdjustmentGroup", "app"]
    payload = {"inventoryAdjustmentGroup": group(app=None), "userErrors": []}
    wire.mock(
        return_value=failing(
            "ACCESS_DENIED", path=path, data={"inventoryAdjustQuantities": payload}
        )
    )
    assert await store.send(body) == WRITTEN


@pytest.mark.parametrize(
    "answer",
    [
        answered(None),
        answered(group(createdAt=None)),
        answered(group(createdAt="yesterday")),
        answered(group(createdAt="2026-11-23T01:33:56")),
        httpx.Response(200, json={"data": {"inventoryAdjustQuantities": None}}),
        httpx.Response(200, json={"data": {}}),
        httpx.Response(200, json={"data": None}),
        httpx.Response(200, json={"data": {"inventoryAdjustQuantities": {"userErrors": None}}}),
        httpx.Response(200, json={}),
        httpx.Response(200, json=[]),
        httpx.Response(200, content=b""),
        httpx.Response(200, html="<html>Be right back</html>"),
        httpx.Response(200, content=GOLDEN[:-5]),
        httpx.Response(200, content=b"\xff\xfe"),
        httpx.Response(200, content=b"[" * 100_000),
    ],
)
async def test_what_cannot_be_read_may_have_happened(store, wire, body, answer):
    wire.mock(return_value=answer)
    with pytest.raises(NoAnswer):
        await store.send(body)


async def test_an_answer_cut_off_anywhere_may_have_happened(store, wire, body):
    whole = answered(group()).content
    wire.side_effect = [httpx.Response(200, content=whole[:end]) for end in range(len(whole))]
    for _ in range(len(whole)):
        with pytest.raises(NoAnswer):
            await store.send(body)


@pytest.mark.parametrize(
    ("exc", "kind"),
    [
        (httpx.ConnectError("refused, or no such name, or TLS"), NotSent),
        (httpx.ConnectTimeout("slow"), NotSent),
        (httpx.PoolTimeout("busy"), NotSent),
        (httpx.ReadTimeout("slow"), NoAnswer),
        (httpx.WriteTimeout("slow"), NoAnswer),
        (httpx.ReadError("reset"), NoAnswer),
        (httpx.WriteError("reset"), NoAnswer),
        (httpx.RemoteProtocolError("closed in the middle"), NoAnswer),
        (httpx.DecodingError("bad gzip"), NoAnswer),
        (ConnectionResetError(), NoAnswer),
        (TimeoutError(), NoAnswer),
    ],
)
async def test_each_broken_connection_has_one_meaning(store, wire, body, exc, kind):
    wire.side_effect = exc
    with pytest.raises(kind) as caught:
        await store.send(body)
    assert type(caught.value) is kind


async def test_a_cancelled_sending_is_cancelled(store, wire, body):
    def cancelled(request):
        raise asyncio.CancelledError

    wire.side_effect = cancelled
    with pytest.raises(asyncio.CancelledError):
        await store.send(body)


async def test_a_throttled_writing_says_how_long_to_wait(store, wire, body):
    """The caller repeats the same bytes: here nothing is repeated."""
    status = {"maximumAvailable": 2000, "currentlyAvailable": 3.0, "restoreRate": 5.0}
    cost = {"requestedQueryCost": 13, "actualQueryCost": None, "throttleStatus": status}
    fault = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
    body_ = {"errors": [fault], "extensions": {"cost": cost}}
    wire.mock(return_value=httpx.Response(200, json=body_))
    with pytest.raises(Throttled) as caught:
        await store.send(body)
    assert caught.value.wait == 2.0
    assert wire.call_count == 1


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("2.0", 2.0),
        ("0", 1.0),
        ("-3", 1.0),
        ("nan", 1.0),
        ("inf", 300.0),
        ("99999", 300.0),
        ("Mon, 23 Nov 2026 12:00:09 GMT", 9.0),
        ("soon", 2.0),
        (None, 2.0),
    ],
)
async def test_retry_after_is_obeyed_within_reason(store, wire, body, header, wait):
    headers = {"Date": "Mon, 23 Nov 2026 12:00:00 GMT"}
    headers |= {} if header is None else {"Retry-After": header}
    wire.mock(return_value=httpx.Response(429, headers=headers))
    with pytest.raises(Throttled) as caught:
        await store.send(body)
    assert caught.value.wait == wait


# -- asking whether a quantity holds
LEVEL = LevelKey(store=Alias("us"), item=ItemId(5201), location=LocationId(101))


def said(*errors):
    payload = {"inventoryAdjustmentGroup": None, "userErrors": list(errors)}
    return httpx.Response(200, json={"data": {"inventorySetQuantities": payload}})


async def test_a_question_is_a_set_that_changes_nothing(store, wire):
    """A total would erase a sale: what it is set to and what it must be are one number."""
    wire.mock(return_value=said())
    assert await store.confirm(LEVEL, 45, key="0199c3")
    asked = json.loads(wire.calls.last.request.content)["variables"]
    assert asked["key"] == "0199c3"
    assert asked["input"]["name"] == "available"
    assert asked["input"]["quantities"] == [
        {
            "inventoryItemId": "gid://shopify/InventoryItem/5201",
            "locationId": "gid://shopify/Location/101",
            "quantity": 45,
            "changeFromQuantity": 45,
        }
    ]


STALE = error("CHANGE_FROM_QUANTITY_STALE", "input", "quantities", "0", "changeFromQuantity")


async def test_a_stale_quantity_does_not_hold(store, wire):
    wire.mock(return_value=said(STALE))
    assert not await store.confirm(LEVEL, 45, key="k")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (said(error(None)), Refused),
        (said(STALE, error("INVALID_NAME")), Refused),
        # One odd level must not end the questions of all: an oversold one can't be set below zero.
        (said(error("INVALID_QUANTITY_NEGATIVE", "input", "quantities", "0")), NoAnswer),
        (said(STALE, error("INVALID_LOCATION")), NoAnswer),
        (said(error("IDEMPOTENCY_CONCURRENT_REQUEST")), NoAnswer),
        (httpx.Response(200, json={"data": {"inventorySetQuantities": None}}), NoAnswer),
        (failing("INVALID_FIELD_ARGUMENTS"), Refused),
        (failing("THROTTLED"), Throttled),
    ],
)
async def test_any_other_answer_says_neither(store, wire, answer, kind):
    wire.mock(return_value=answer)
    with pytest.raises(kind):
        await store.confirm(LEVEL, 45, key="k")
