"""Changes of what a sender might send: to JSON by its structure, to bytes by theirs. Pure.

Whatever they make of a body, it is signed afterwards.
"""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from itertools import islice
from typing import Any

NUMBERS = (0, -1, 1, 2**31, -(2**31) - 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**40, 10**400)
WORDS = ("", " ", "0", "9" * 25, "\0", "\ud800", "\u202e", "é" * 300, "<!channel>", "=1+1", "../..")
OTHERS = (None, True, False, 1.5, -0.0, 1e308, [], {}, [[]], {"": {}}, [None] * 50)
TIMES = ("2026-11-23T11:35:10+01:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00")
ODD = (*NUMBERS, *WORDS, *OTHERS, *TIMES)
PIECES = (b"\0", b"\r\n", b"\r\n\r\n", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"[" * 2_000, b"%00")
CHANGES = (0, 1, 1, 1, 2, 2, 4)  # of one thing
MAX_PLACES = 1_000  # where something may be changed
MAX_BYTES = 8_192  # that the changes of bytes let grow


def changed_json(rng: random.Random, seed: Any) -> Any:
    """Return JSON with some changes somewhere in it; what it was made from stays as it is."""
    found = deepcopy(seed)
    for _ in range(rng.choice(CHANGES)):
        places = list(islice(_places(found), MAX_PLACES))
        if places:
            _change(rng, *rng.choice(places))
    return found


def _places(found: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container with each of its keys."""
    match found:
        case dict():
            pairs: list[tuple[Any, Any]] = list(found.items())
        case list():
            pairs = list(enumerate(found))
        case _:
            pairs = []
    for key, value in pairs:
        yield found, key
        yield from _places(value)


def _change(rng: random.Random, within: Any, key: Any) -> None:
    match rng.randrange(6):
        case 0:
            del within[key]
        case 1 if isinstance(within, list):
            within += deepcopy(within[:9]) * rng.choice((1, 30))
        case 1:
            within[rng.choice(WORDS)] = deepcopy(within[key])
        case 2:
            within[key] = [within[key]]
        case 3:
            within[key] = {rng.choice(("id", "value", "type", "")): within[key]}
        case 4 if isinstance(within[key], str):
            text = within[key]
            at = rng.randrange(len(text) + 1)
            within[key] = text[:at] + f"{rng.choice(ODD)}" + text[at:]
        case 4 if type(within[key]) is int:
            within[key] = rng.choice((within[key] + 1, -within[key], within[key] * 10**9))
        case _:
            within[key] = deepcopy(rng.choice(ODD))


def changed_bytes(rng: random.Random, seed: bytes) -> bytes:
    """Return bytes with some changes somewhere in them."""
    found = seed
    for _ in range(rng.choice(CHANGES)):
        at, until = sorted(rng.randrange(len(found) + 1) for _ in range(2))
        until = min(until, at + rng.choice((1, 4, 64)))
        piece = rng.choice((b"", found[at:until] * 2, rng.choice(PIECES), rng.randbytes(1)))
        found = found[:at] + piece + found[until:]
    return found[:MAX_BYTES]


def as_json(rng: random.Random, payload: Any) -> bytes:
    """Return JSON as bytes, at times with changes that no JSON has."""
    raw = json.dumps(payload).encode()
    return changed_bytes(rng, raw) if rng.random() < 0.15 else raw
