"""Bodies that anybody may send: those who hold theirs back take the room of one another."""

import asyncio

import pytest

from sync_core.bodies import (
    BodyReader,
    BodyTooLarge,
    BodyTooSlow,
    SenderGone,
    TooManyBodies,
)

LARGEST = 1_000


class Sender:
    """One that sends a body: part by part, as the test says."""

    def __init__(self, reader, declared=""):
        self.parts = asyncio.Queue()
        self.reading = asyncio.ensure_future(
            reader.read(self.parts.get, declared, max_bytes=LARGEST, max_seconds=30)
        )

    async def send(self, part, *, more=True):
        self.parts.put_nowait({"type": "http.request", "body": part, "more_body": more})
        await asyncio.sleep(0.001)

    async def go(self):
        self.parts.put_nowait({"type": "http.disconnect"})
        return await self.reading


def room(reader):
    return len(reader._arriving), reader._bytes


async def test_a_body_is_put_together():
    reader = BodyReader(max_bodies=1, max_bytes=LARGEST)
    sender = Sender(reader, "6")
    await sender.send(b"abc")
    assert room(reader) == (1, 3)
    await sender.send(b"def", more=False)
    assert await sender.reading == b"abcdef"
    assert room(reader) == (0, 0)


@pytest.mark.parametrize("declared", ["1001", "-1", "1e3", "\u0661", "9" * 5_000, " 1", "x"])
async def test_what_is_declared_too_large_is_not_read(declared):
    reader = BodyReader(max_bodies=1, max_bytes=LARGEST)
    with pytest.raises(BodyTooLarge):
        await Sender(reader, declared).reading


async def test_what_grows_too_large_is_not_read_on():
    """Whatever it said before: chunked, it says nothing."""
    reader = BodyReader(max_bodies=1, max_bytes=10 * LARGEST)
    sender = Sender(reader)
    await sender.send(b"x" * LARGEST)
    assert not sender.reading.done()
    await sender.send(b"x")
    with pytest.raises(BodyTooLarge):
        await sender.reading
    assert room(reader) == (0, 0)


async def test_a_sender_that_goes_leaves_no_trace():
    reader = BodyReader(max_bodies=1, max_bytes=LARGEST)
    sender = Sender(reader)
    await sender.send(b"abc")
    with pytest.raises(SenderGone):
        await sender.go()
    assert room(reader) == (0, 0)


async def test_a_body_has_its_time():
    reader = BodyReader(max_bodies=1, max_bytes=LARGEST)
    with pytest.raises(BodyTooSlow):
        await reader.read(asyncio.Queue().get, "", max_bytes=1, max_seconds=0.01)
    assert room(reader) == (0, 0)


async def test_of_too_many_the_slowest_is_put_off():
    """One that sends as a store does, all at once, gets through while others hold back."""
    reader = BodyReader(max_bodies=3, max_bytes=LARGEST)
    slow = [Sender(reader) for _ in range(3)]
    for each in slow:
        await each.send(b"x")
    quick = Sender(reader)
    await quick.send(b"signed", more=False)
    assert await quick.reading == b"signed"
    with pytest.raises(TooManyBodies):
        await slow[0].reading
    assert [each.reading.done() for each in slow] == [True, False, False]
    assert room(reader) == (2, 2)
    for each in slow[1:]:
        await each.send(b"y", more=False)
        assert await each.reading == b"xy"
    assert room(reader) == (0, 0)


async def test_of_too_much_the_oldest_is_put_off():
    """And no more of them than it takes: their bytes count no longer, at once."""
    reader = BodyReader(max_bodies=9, max_bytes=3 * LARGEST)
    slow = [Sender(reader) for _ in range(4)]
    for each in slow:
        await each.send(b"x" * 600)
    quick = Sender(reader)
    await quick.send(b"y" * 700, more=False)
    assert await quick.reading == b"y" * 700
    with pytest.raises(TooManyBodies):
        await slow[0].reading
    assert [each.reading.done() for each in slow] == [True, False, False, False]
    assert room(reader) == (3, 1800)
    for each in slow[1:]:
        with pytest.raises(SenderGone):
            await each.go()
    assert room(reader) == (0, 0)


async def test_one_alone_that_is_too_much_is_put_off():
    reader = BodyReader(max_bodies=1, max_bytes=5)
    sender = Sender(reader)
    await sender.send(b"123456")
    with pytest.raises(TooManyBodies):
        await sender.reading
    assert room(reader) == (0, 0)
