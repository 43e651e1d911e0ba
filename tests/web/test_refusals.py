"""What is not a store's word: one answer, one line in the log, nothing stored, no harm done."""

import asyncio
import contextlib
import gzip
import json

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from tests.web.conftest import (
    BODY,
    EU,
    HOOK,
    HOST,
    LEVEL,
    OLD,
    OTHER,
    US,
    headers,
    signature,
    until,
)

MAX_WEBHOOK_BYTES = 2 * 1024 * 1024


@pytest.fixture
async def refused(harness, refusals):
    """Check an answer, and that the house stands as before."""

    async def check(answer, status):
        assert answer.status_code == status
        assert "Traceback" not in answer.text
        await unharmed(status)

    async def unharmed(status):
        assert harness.stored() == []
        assert [each.status for each in refusals()] == [status]
        assert (await harness.client.get("/healthz")).status_code == 200
        assert (await harness.send()).status_code == 200
        assert len(harness.stored()) == 1
        assert len(refusals()) == 1

    check.unharmed = unharmed
    return check


REPARSED = json.dumps(json.loads(BODY), separators=(",", ":")).encode()
HEXADECIMAL = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("=", id="padding alone"),
        pytest.param("garbage!", id="not base64"),
        pytest.param(HEXADECIMAL, id="hexadecimal"),
        pytest.param(signature(BODY, "forged"), id="forged"),
        pytest.param(signature(REPARSED), id="of the parsed body"),
        pytest.param(signature(BODY + b"\n"), id="of another body"),
        pytest.param(signature(b""), id="of no body"),
        pytest.param(signature(BODY)[:-2], id="cut"),
        pytest.param(signature(BODY, ""), id="with an empty secret"),
        pytest.param("é".encode("latin-1"), id="not ASCII"),
        pytest.param("A" * 20_000, id="long"),
    ],
)
async def test_a_signature_that_is_not_the_stores(harness, refused, given):
    await refused(await harness.send(hmac_sha256=given), 401)


async def test_every_refused_signature_gets_the_same_answer(harness):
    """Nobody learns by it how near they came."""
    forged = (None, "", "garbage!", signature(BODY, "forged"), signature(BODY)[:-2])
    answers = [await harness.send(hmac_sha256=each) for each in forged]
    answers.append(await harness.send(secret=OLD, shop_domain=US))
    said = {
        (
            each.status_code,
            each.content,
            *(f"{k}: {v}" for k, v in each.headers.items() if k != "date"),
        )
        for each in answers
    }
    assert len(said) == 1


async def test_store_a_cannot_speak_for_store_b(harness, refused):
    await refused(await harness.send(secret=OLD, shop_domain=US), 401)


async def test_nor_the_other_way_round(harness, refused):
    await refused(await harness.send(secret=OTHER, shop_domain=EU), 401)


async def test_a_good_signature_behind_a_forged_one_does_not_count(harness, refused):
    two = [
        ("x-shopify-hmac-sha256", signature(BODY, "forged")),
        *headers().items(),
    ]
    await refused(await harness.client.post(HOOK, content=BODY, headers=two), 401)


@pytest.mark.parametrize(
    "domain",
    [
        None,
        "",
        "urbanwear-fr.myshopify.com",
        "evil.com",
        f"evil.com#.{EU}",
        f"evil.com/{EU}",
        f"user@{EU}",
        f"{EU}.evil.com",
        f"{EU}, {US}",
        f"{EU}:443",
        "127.0.0.1",
        "eu",
        "é".encode("latin-1"),
        "x" * 20_000,
    ],
)
async def test_a_shop_that_is_not_known(harness, refused, domain):
    await refused(await harness.send(shop_domain=domain), 404)


@pytest.mark.parametrize("name", ["topic", "webhook_id"])
@pytest.mark.parametrize("value", [None, "", "x" * 201])
async def test_headers_that_name_no_topic_or_no_id(harness, refused, name, value):
    await refused(await harness.send(**{name: value}), 400)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_only_post_is_answered(harness, refused, method):
    answer = await harness.client.request(method, HOOK, content=BODY, headers=headers())
    await refused(answer, 405)


def level(**changes):
    return json.dumps(LEVEL | changes).encode()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"inventory", id="not JSON"),
        pytest.param(BODY[:-1], id="cut"),
        pytest.param(BODY + BODY, id="two"),
        pytest.param(b"\xef\xbb\xbf" + BODY, id="byte order mark"),
        pytest.param(BODY.decode().encode("utf-16"), id="UTF-16"),
        pytest.param(BODY[:-1] + b', "x": "\xff\xfe"}', id="not UTF-8"),
        pytest.param(BODY[:-1] + b', "x": "\xed\xa0\x80"}', id="a surrogate"),
        pytest.param(BODY[:-1] + b', "x": "\x00"}', id="NUL"),
        pytest.param(BODY[:-1] + b', "x": NaN}', id="NaN"),
        pytest.param(BODY[:-1] + b', "x": Infinity}', id="Infinity"),
        pytest.param(BODY.replace(b"45", b"1e999"), id="too large to be a number"),
        pytest.param(b"[" * 100_000, id="deep and open"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="deep"),
        pytest.param(b'{"a":' * 50_000 + b"1" + b"}" * 50_000, id="deep objects"),
        pytest.param(gzip.compress(b"0" * 10_000_000), id="gzip bomb"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'"level"', id="text"),
        pytest.param(b"{}", id="nothing in it"),
        pytest.param(level(available="45"), id="text for a number"),
        pytest.param(level(available=4.5), id="half a unit"),
        pytest.param(level(available=True), id="truth for a number"),
        pytest.param(level(available=10**40), id="more than any store holds"),
        pytest.param(level(inventory_item_id=None), id="no item"),
        pytest.param(level(inventory_item_id=2**63), id="an id too large to store"),
        pytest.param(level(location_id=[101]), id="a list for an id"),
        pytest.param(level(updated_at=5), id="a number for a time"),
        pytest.param(level(updated_at="2026-11-23T11:35:10"), id="a time without a zone"),
        pytest.param(level(updated_at="0001-01-01T00:00:00+14:00"), id="a time before all"),
    ],
)
async def test_a_body_that_cannot_be_read(harness, refused, body):
    await refused(await harness.send(body), 400)


@pytest.mark.parametrize(
    "topic", ["products/create", "products/delete", "orders/create", "refunds/create"]
)
async def test_every_topic_we_read_is_looked_at(harness, refused, topic):
    await refused(await harness.send(b'{"id": "1"}', topic=topic), 400)


def head(**changes):
    lines = {"host": "tipo", **headers(), **{k.replace("_", "-"): v for k, v in changes.items()}}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {HOOK} HTTP/1.1\r\n{text}\r\n".encode()


async def test_a_body_said_to_be_too_large_is_refused_unread(harness, refused):
    answer = await harness.raw(head(content_length=MAX_WEBHOOK_BYTES + 1))
    assert answer.startswith(b"HTTP/1.1 413 ")
    await refused.unharmed(413)


async def test_a_body_that_grows_too_large_is_refused(harness, refused):
    """Nobody said how long it would be, and its signature would fit."""
    part = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = await harness.raw(head(transfer_encoding="chunked"), *[part] * 32, b"1\r\n \r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    await refused.unharmed(413)


async def test_the_largest_body_is_read(harness):
    body = BODY[:-1] + b" " * (MAX_WEBHOOK_BYTES - len(BODY)) + b"}"
    assert len(body) == MAX_WEBHOOK_BYTES
    assert (await harness.send(body)).status_code == 200


async def test_a_chunked_body_is_read(harness):
    async def parts():
        for each in (BODY[:5], BODY[5:]):
            yield each

    answer = await harness.client.post(HOOK, content=parts(), headers=headers())
    assert answer.status_code == 200
    assert harness.stored()[0].body == BODY


async def test_a_body_that_takes_too_long(harness, refused, monkeypatch):
    monkeypatch.setattr("sync_core.web.webhooks.MAX_BODY_SECONDS", 0.2)
    answer = await harness.raw(head(content_length=len(BODY)), BODY[:5])
    assert answer.startswith(b"HTTP/1.1 408 ")
    await refused.unharmed(408)


async def test_a_sender_that_goes_in_the_middle(harness, refused, refusals):
    _, writer = await asyncio.open_connection(HOST, harness.port)
    writer.write(head(content_length=len(BODY)) + BODY[:5])
    await writer.drain()
    writer.close()
    await until(refusals)
    await refused.unharmed(400)


async def test_slow_senders_do_not_hold_up_the_others(harness):
    """Some stop within the headers, some within the body."""
    whole = head(content_length=len(BODY))
    writers = []
    for number in range(200):
        _, writer = await asyncio.open_connection(HOST, harness.port)
        writer.write(whole[:40] if number % 2 else whole)
        writers.append(writer)
    async with asyncio.timeout(1):
        assert (await harness.client.get("/healthz")).status_code == 200
    assert (await harness.send()).status_code == 200
    assert len(harness.stored()) == 1
    for writer in writers:
        writer.close()


MANY = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 100) for number in range(700))


@pytest.mark.parametrize("path", [HOOK, "/healthz", "/nowhere"])
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([b"x: " + b"y" * 70_000 + b"\r\n\r\n"], id="one, at once"),
        pytest.param([b"x: "] + [b"y" * 10_000] * 7, id="one, without an end"),
        pytest.param([MANY + b"\r\n"], id="many"),
        pytest.param([MANY], id="many, without an end"),
    ],
)
async def test_a_head_that_is_too_large(harness, path, headers, caplog):
    answer = await harness.raw(f"GET {path} HTTP/1.1\r\nhost: tipo\r\n".encode(), *headers)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert caplog.text.count("refused a request") == 1
    assert (await harness.send()).status_code == 200


async def test_an_address_that_is_too_long(harness):
    answer = await harness.raw(b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_a_hundred_mebibytes_of_headers_are_not_read(harness):
    """What Tipo reads of them fits into the buffers of a connection."""
    _, writer = await asyncio.open_connection(HOST, harness.port)
    sent = 0
    writer.write(b"GET /healthz HTTP/1.1\r\nx: ")
    with contextlib.suppress(ConnectionError):
        while sent < 100 * 1024 * 1024:
            writer.write(b"y" * 65_536)
            await writer.drain()
            sent += 65_536
    assert sent < 20 * 1024 * 1024
    assert (await harness.send()).status_code == 200


async def test_trailers_that_are_too_large_end_the_connection(harness):
    body = b"%x\r\n%s\r\n0\r\n" % (len(BODY), BODY)
    with pytest.raises(asyncio.IncompleteReadError):
        await harness.raw(head(transfer_encoding="chunked"), body, MANY)
    assert harness.stored() == []
    assert (await harness.send()).status_code == 200


async def test_the_largest_head_that_anybody_needs_is_read(harness):
    assert (await harness.send(odd="y" * 60_000)).status_code == 200


@pytest.mark.parametrize("begun", [b"\r\n", b"GET /healthz", b"GET /healthz HTTP/1.1\r\nhost: t"])
async def test_a_head_that_takes_too_long(harness, begun, monkeypatch):
    monkeypatch.setattr("sync_core.web.http_limits.MAX_REQUEST_SECONDS", 0.2)
    answer = await harness.raw(begun)
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/metrics"])
async def test_a_body_that_nobody_reads_may_not_take_for_ever(harness, path, monkeypatch):
    """The answer comes at once; then the connection goes, though the body is still to come."""
    monkeypatch.setattr("sync_core.web.http_limits.MAX_REQUEST_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection(HOST, harness.port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: t\r\ncontent-length: 9\r\n\r\nabc".encode())
    async with asyncio.timeout(5):
        assert (await reader.read()).startswith(b"HTTP/1.1 ")
    writer.close()


async def test_the_time_limit_is_each_requests_own(harness, monkeypatch):
    """A connection that is kept open is not closed while it says nothing, or for its age."""
    monkeypatch.setattr("sync_core.web.http_limits.MAX_REQUEST_SECONDS", 0.3)
    reader, writer = await asyncio.open_connection(HOST, harness.port)
    for _ in range(4):
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n")
        answer = await reader.readuntil(b"ok\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
        await asyncio.sleep(0.15)
    writer.close()


@pytest.mark.parametrize(
    "path", [f"{HOOK}/", f"/{HOOK}", f"{HOOK};x", "/metrics/", "/x/../metrics", "/metrics%0a"]
)
async def test_an_address_that_is_nearly_one_leads_nowhere(harness, path):
    """Not to the right one either: the host in a redirect would be the sender's."""
    asked = f"GET {path} HTTP/1.1\r\nhost: evil.example.com\r\n\r\n"
    answer = await harness.raw(asked.encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"evil" not in answer


async def test_nobody_is_upgraded_to_a_socket(harness):
    asked = b"GET /healthz HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    assert (await harness.raw(asked)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        head(content_length="-1"),
        head(content_length="9" * 5000),
        head(content_length="\u0663".encode().decode("latin-1")),
        head(content_length=5, transfer_encoding="chunked"),
        head(x_shopify_topic="a\x00b"),
    ],
)
async def test_what_is_not_http_is_refused_below(harness, garbage):
    answer = await harness.raw(garbage)
    assert answer.startswith(b"HTTP/1.1 4")
    assert harness.stored() == []
    assert (await harness.send()).status_code == 200


VISIBLE = st.binary(max_size=300).map(
    lambda raw: bytes(c for c in raw if c >= 0x20 and c != 0x7F).strip()
)
NAMES = st.sampled_from(
    [
        "x-shopify-topic",
        "x-shopify-shop-domain",
        "x-shopify-webhook-id",
        "x-shopify-hmac-sha256",
        "content-type",
        "content-encoding",
    ]
)


@profile(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=2000),
    changes=st.dictionaries(NAMES, VISIBLE, max_size=6),
    method=st.sampled_from(["POST", "GET", "PUT"]),
)
async def test_random_requests_are_refused(harness, body, changes, method):
    """Whatever comes, without a signature over just these bytes it is refused and forgotten."""
    sent = {**headers(b"something else"), **changes}
    answer = await harness.client.request(method, HOOK, content=body, headers=sent)
    assert 400 <= answer.status_code < 500
    assert harness.stored() == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@profile(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=500)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from(sorted(LEVEL)), JSON).map(
        lambda changes: json.dumps(LEVEL | changes).encode()
    )
)
async def test_random_signed_bodies_never_break_anything(harness, body):
    """A signature proves where it came from, not that it makes sense."""
    answer = await harness.send(body)
    assert answer.status_code in {200, 400}
    if answer.status_code == 200:
        assert harness.stored()[-1].body == body
