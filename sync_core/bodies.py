"""Bodies of requests, read whole, before anybody knows whether they are signed.

    what a sender does                          then
    ------------------------------------------  -------------------------------------------------
    says or sends more than a body may have     BodyTooLarge, without reading on
    takes longer than a body may take           BodyTooSlow
    goes away                                   SenderGone
    is one of too many, or one byte too much    the body that has been arriving for longest is put
    of all that is held in memory               off (TooManyBodies), and this one is read

Anybody may send a body, and hold it back. What a store or Slack sends is there within a few
milliseconds, so the one that has been arriving for longest is the one to put off: those who hold
back their bodies take the room of one another.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

MAX_LENGTH_DIGITS = 12  # of a Content-Length; `int` takes any digits, and time by their number

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class BodyNotRead(Exception):
    """A body is not there as a whole."""


class BodyTooLarge(BodyNotRead):
    """It is, or says to be, larger than any that is wanted."""


class BodyTooSlow(BodyNotRead):
    """It has not arrived in time."""


class SenderGone(BodyNotRead):
    """The sender has gone in the middle of it."""


class TooManyBodies(BodyNotRead):
    """Others came meanwhile, and this one had been arriving for longest."""


@dataclass(eq=False, slots=True)
class _Arriving:
    timeout: asyncio.Timeout
    size: int = 0  # bytes
    is_put_off: bool = False


class BodyReader:
    """Reads the bodies of one entrance: not too many at once, and not too much of them."""

    def __init__(self, *, max_bodies: int, max_bytes: int) -> None:
        """Take how many bodies may arrive at once, and how many bytes all of them may have."""
        self.max_bodies, self.max_bytes = max_bodies, max_bytes
        self._arriving: dict[_Arriving, None] = {}  # in the order in which they began
        self._bytes = 0  # of all that arrive

    async def read(
        self, receive: Receive, declared: str, *, max_bytes: int, max_seconds: float
    ) -> bytes:
        """Return a body; `declared` is its Content-Length, empty if there is none.

        Raises:
            BodyNotRead: If it is not there as a whole; says why.
        """
        if declared and not _is_small(declared, max_bytes):
            raise BodyTooLarge
        one = _Arriving(asyncio.timeout(max_seconds))
        parts: list[bytes] = []
        try:
            async with one.timeout:
                self._arriving[one] = None
                self._make_room()
                more = True
                while more:
                    part, more = await _next_part(receive)
                    self._count(one, len(part))
                    if one.size > max_bytes:
                        raise BodyTooLarge
                    parts.append(part)
        except TimeoutError:
            raise (TooManyBodies if one.is_put_off else BodyTooSlow) from None
        finally:
            self._arriving.pop(one, None)
            self._bytes -= one.size
        return b"".join(parts)

    def _count(self, one: _Arriving, size: int) -> None:
        one.size += size
        self._bytes += size
        self._make_room()

    def _make_room(self) -> None:
        """Put off those that began first, until the others fit."""
        while self._arriving and (
            len(self._arriving) > self.max_bodies or self._bytes > self.max_bytes
        ):
            first = next(iter(self._arriving))
            del self._arriving[first]
            self._bytes -= first.size
            first.size, first.is_put_off = 0, True
            first.timeout.reschedule(0)


def _is_small(declared: str, max_bytes: int) -> bool:
    is_length = declared.isascii() and declared.isdecimal() and len(declared) <= MAX_LENGTH_DIGITS
    return is_length and int(declared) <= max_bytes


async def _next_part(receive: Receive) -> tuple[bytes, bool]:
    """Return what has come, and whether more is to come."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise SenderGone
    part: bytes = message.get("body", b"")
    return part, bool(message.get("more_body", False))
