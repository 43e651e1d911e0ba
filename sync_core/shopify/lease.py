"""The mark of the Tipo that may write, as an app-data metafield of our own installation.

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

from sync_core.domain.leases import LeaseMark
from sync_core.domain.values import NEVER
from sync_core.errors import MarkChanged, NoAnswer, NotPermitted, Refused, cut
from sync_core.ports import StoredMark
from sync_core.shopify import documents
from sync_core.shopify.documents import Document
from sync_core.shopify.nodes import convert, require

NAMESPACE, KEY = "tipo", "lease"

_CONFLICT_CODES = {"STALE_OBJECT", "INVALID_COMPARE_DIGEST", "TAKEN"}
_UNREADABLE_MARK = LeaseMark(instance="", renewal="", at=NEVER)


class _MarkValue(msgspec.Struct):
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


class _UserError(msgspec.Struct):
    code: str | None = None
    message: str = ""


class _SetPayload(msgspec.Struct, rename="camel"):
    user_errors: list[_UserError]
    metafields: list[_Metafield] | None = None


class LeaseMetafield:
    """Reads and writes the mark of one store."""

    def __init__(
        self, ask: Callable[[Document, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
    ) -> None:
        self._ask = ask
        self._owner: str | None = None  # the id of our installation

    async def read(self) -> StoredMark:
        """Return the mark that the store holds, and its digest."""
        data = await self._ask(documents.MARK, {"namespace": NAMESPACE, "key": KEY})
        found = convert(data.get("currentAppInstallation"), _Installation)
        self._owner = require(found.id, "which installation this is")
        if found.metafield is None:
            return StoredMark(mark=None, digest=None)
        digest = require(found.metafield.compare_digest, "the digest of the mark")
        return StoredMark(mark=_parse_mark(found.metafield.value or ""), digest=digest)

    async def write(self, mark: LeaseMark, digest: str | None) -> str:
        """Replace the mark with that digest; return the new digest."""
        if self._owner is None:
            await self.read()
        value = _MarkValue(
            instance=mark.instance,
            renewal=mark.renewal,
            at=mark.at,
        )
        given = {
            "ownerId": self._owner,
            "namespace": NAMESPACE,
            "key": KEY,
            "type": "json",
            "value": msgspec.json.encode(value).decode(),
            "compareDigest": digest,
        }
        data = await self._ask(documents.SET_MARK, {"metafields": [given]})
        payload = convert(data.get("metafieldsSet"), _SetPayload)
        if payload.user_errors:
            raise _set_error(payload.user_errors)
        if not payload.metafields:
            raise NoAnswer("the answer does not say whether the mark was written")
        return require(payload.metafields[0].compare_digest, "the digest of the mark")


def _parse_mark(text: str) -> LeaseMark:
    try:
        value = msgspec.json.decode(text, type=_MarkValue)
    except msgspec.DecodeError:
        return _UNREADABLE_MARK
    if value.at.tzinfo is None:
        return _UNREADABLE_MARK
    return LeaseMark(
        instance=value.instance,
        renewal=value.renewal,
        at=value.at,
    )


def _set_error(errors: list[_UserError]) -> Exception:
    codes = {each.code for each in errors}
    words = cut("; ".join(f"{each.code}: {each.message}" for each in errors))
    if codes & _CONFLICT_CODES:
        return MarkChanged(words)
    return NotPermitted(words) if "APP_NOT_AUTHORIZED" in codes else Refused(words)
