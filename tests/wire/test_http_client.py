"""One POST: bounded in time and in size, and nowhere but where it was sent."""

import asyncio
import gzip

import httpx
import pytest

from sync_core.errors import NoAnswer, NotSent
from sync_core.shopify.http_client import HttpClient

SECRET = "shpat_0123456789abcdef"  # noqa: S105 - opens nothing
URL = "https://urbanwear-us.myshopify.com/x"


async def post(handler, **limits):
    wire = HttpClient(httpx.MockTransport(handler), **limits)
    try:
        return await wire.post(URL, b"{}", {}, secret=SECRET)
    finally:
        await wire.close()


async def test_an_answer_has_its_header_names_in_lower_case():
    answer = await post(lambda _: httpx.Response(200, headers={"X-Shopify-Stage": "P"}, text="hi"))
    assert (answer.status, answer.body) == (200, b"hi")
    assert answer.headers["x-shopify-stage"] == "P"


async def test_a_store_that_never_answers_is_not_waited_for():
    async def silent(request):
        await asyncio.Event().wait()

    with pytest.raises(NoAnswer, match="within"):
        await post(silent, timeout_seconds=0.01)


async def test_a_connection_that_is_reset_as_soon_as_it_stands_is_a_lost_answer():
    """What httpx raises then is none of its own errors."""

    def reset(_request):
        raise AttributeError("'NoneType' object has no attribute 'getpeername'")

    with pytest.raises(NoAnswer, match="lost"):
        await post(reset)


async def test_an_answer_that_trickles_is_not_waited_for():
    """Each piece comes in time, the whole never does."""

    class Trickle(httpx.AsyncByteStream):
        async def __aiter__(self):
            while True:
                await asyncio.sleep(0.001)
                yield b" "

    with pytest.raises(NoAnswer, match="within"):
        await post(lambda _: httpx.Response(200, stream=Trickle()), timeout_seconds=0.05)


async def test_an_answer_may_not_be_too_large():
    whole = httpx.Response(200, content=b"x" * 11)
    with pytest.raises(NoAnswer, match="larger"):
        await post(lambda _: whole, max_bytes=10)


async def test_a_small_answer_may_not_unfold_into_a_large_one():
    headers = {"Content-Encoding": "gzip"}
    packed = gzip.compress(b"x" * 100_000)
    with pytest.raises(NoAnswer, match="larger"):
        await post(lambda _: httpx.Response(200, headers=headers, content=packed), max_bytes=10_000)


async def test_a_redirect_is_returned_and_not_followed():
    """The token must not go anywhere else."""
    asked = []

    def elsewhere(request):
        asked.append(request.url)
        return httpx.Response(302, headers={"Location": "https://evil.example/"})

    assert (await post(elsewhere)).status == 302
    assert asked == [httpx.URL(URL)]


async def test_an_address_that_is_none_is_not_sent_to():
    wire = HttpClient()
    for url in ("ftp://x.example/", "http://[/", "https:///nowhere"):
        with pytest.raises(NotSent):
            await wire.post(url, b"", {}, secret=SECRET)
    await wire.close()


async def test_a_port_where_nobody_listens_is_not_sent_to():
    wire = HttpClient()
    with pytest.raises(NotSent):
        await wire.post("http://127.0.0.1:9/", b"", {}, secret=SECRET)
    await wire.close()


async def cut_off(answer):
    """Serve one answer over a real connection, and hang up."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wire = HttpClient()
    try:
        return await wire.post(f"http://127.0.0.1:{port}/", b"{}", {}, secret=SECRET)
    finally:
        await wire.close()
        server.close()
        await server.wait_closed()


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def test_an_answer_that_comes_whole_is_one():
    assert (await cut_off(WHOLE)).body == b"{}"


@pytest.mark.parametrize("end", range(len(WHOLE)))
async def test_a_connection_that_drops_at_any_byte_may_have_done_it(end):
    with pytest.raises(NoAnswer):
        await cut_off(WHOLE[:end])


async def test_what_comes_back_never_holds_the_secret_that_was_sent():
    """A proxy shows the request in its page of errors."""
    page = f"<pre>x-shopify-access-token: {SECRET}</pre> at {SECRET[:-1]}"
    answer = await post(lambda _: httpx.Response(502, text=page, headers={"via": f"x {SECRET}"}))
    assert answer.body.decode() == f"<pre>x-shopify-access-token: •••</pre> at {SECRET[:-1]}"
    assert answer.headers["via"] == "x •••"
