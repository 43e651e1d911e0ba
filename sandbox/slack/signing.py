"""Slack's signature, and ways to get it wrong."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a request."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgery:
    """How a request differs from an honest one."""

    secret: str | None = None  # signed with another
    signature: str | None = None  # this, whatever is right; "" leaves the header out
    age: float = 0.0  # seconds by which the timestamp is old (negative: in the future)
    timestamp: str | None = None  # this text; "" leaves the header out


HONEST = Forgery()


def headers(secret: str, now: float, body: bytes, forgery: Forgery = HONEST) -> Mapping[str, str]:
    """Return the headers of a signed (or a forged) request."""
    timestamp = str(int(now - forgery.age)) if forgery.timestamp is None else forgery.timestamp
    signature = forgery.signature
    if signature is None:
        signature = sign(forgery.secret or secret, timestamp, body)
    pair = {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}
    return {name: value for name, value in pair.items() if value}
