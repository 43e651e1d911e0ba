"""The mark of whoever may write, as an app-data metafield of our own installation.

Nobody but our app reads or writes it, and no scope is needed. It is written by compare-and-set:
`compareDigest` must be that of the value we read, or null where there is none yet. An engine that
works with an app of its own does not see it.

    metafieldsSet says                       meaning
    ---------------------------------------  ------------------------------------------------
    the metafield, and no error              written
    STALE_OBJECT, INVALID_COMPARE_DIGEST,    MarkChanged: somebody else has written since; TAKEN
    TAKEN                                    is what a second creation at once may be told
    APP_NOT_AUTHORIZED                       NotPermitted
    any other error                          Refused
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from sync_core.domain.lease import Mark
from sync_core.domain.values import NEVER
from sync_core.errors import MarkChanged, NoAnswer, NotPermitted, Refused, cut
from sync_core.ports import HeldMark
from sync_core.shopify import documents
from sync_core.shopify.documents import Document
from sync_core.shopify.nodes import known, shaped

NAMESPACE, KEY = "tipo", "lease"

_CHANGED = {"STALE_OBJECT", "INVALID_COMPARE_DIGEST", "TAKEN"}
_UNREADABLE = Mark(instance="", renewal="", at=NEVER)


class _Kept(msgspec.Struct):
    """The mark as JSON."""

    instance: str
    renewal: str
    at: datetime


class _Metafield(msgspec.Struct, rename="camel"):
    value: str | None = None
    compare_digest: str | None = None


class _Installation(msgspec.Struct, rename="camel"):
    id: str | None = None
    metafield: _Metafield | None = None


class _Error(msgspec.Struct):
    code: str | None = None
    message: str = ""


class _Payload(msgspec.Struct, rename="camel"):
    user_errors: list[_Error]
    metafields: list[_Metafield] | None = None


class Marks:
    """Reads and writes the mark of one store."""

    def __init__(
        self, ask: Callable[[Document, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
    ) -> None:
        self._ask = ask
        self._owner: str | None = None  # the id of our installation

    async def read(self) -> HeldMark:
        """Return the mark that the store holds, and its digest."""
        data = await self._ask(documents.MARK, {"namespace": NAMESPACE, "key": KEY})
        found = shaped(data.get("currentAppInstallation"), _Installation)
        self._owner = known(found.id, "which installation this is")
        if found.metafield is None:
            return HeldMark(mark=None, digest=None)
        digest = known(found.metafield.compare_digest, "the digest of the mark")
        return HeldMark(mark=_mark(found.metafield.value or ""), digest=digest)

    async def write(self, mark: Mark, digest: str | None) -> str:
        """Replace the mark with that digest; return the new digest."""
        if self._owner is None:
            await self.read()
        kept = _Kept(
            instance=mark.instance,
            renewal=mark.renewal,
            at=mark.at,
        )
        given = {
            "ownerId": self._owner,
            "namespace": NAMESPACE,
            "key": KEY,
            "type": "json",
            "value": msgspec.json.encode(kept).decode(),
            "compareDigest": digest,
        }
        data = await self._ask(documents.SET_MARK, {"metafields": [given]})
        payload = shaped(data.get("metafieldsSet"), _Payload)
        if payload.user_errors:
            raise _refusal(payload.user_errors)
        if not payload.metafields:
            raise NoAnswer("the answer does not say whether the mark was written")
        return known(payload.metafields[0].compare_digest, "the digest of the mark")


def _mark(value: str) -> Mark:
    try:
        kept = msgspec.json.decode(value, type=_Kept)
    except msgspec.DecodeError:
        return _UNREADABLE
    if kept.at.tzinfo is None:
        return _UNREADABLE
    return Mark(
        instance=kept.instance,
        renewal=kept.renewal,
        at=kept.at,
    )


def _refusal(errors: list[_Error]) -> Exception:
    codes = {each.code for each in errors}
    words = cut("; ".join(f"{each.code}: {each.message}" for each in errors))
    if codes & _CHANGED:
        return MarkChanged(words)
    return NotPermitted(words) if "APP_NOT_AUTHORIZED" in codes else Refused(words)
