"""App-data metafields: what an app keeps on its own installation, written by compare-and-set.

    compareDigest      the metafield      then
    -----------------  -----------------  ------------------------------------------------
    absent             any                written
    null               is not there       written
    null               is there           STALE_OBJECT
    a digest           has that digest    written
    a digest           has another        STALE_OBJECT
    a digest           is not there       STALE_OBJECT
    not a digest       any                INVALID_COMPARE_DIGEST

A request is all or nothing. Nobody but the app reads or writes what is on its installation, and no
scope is asked for. Without a definition, a new metafield needs a type, and keeps it.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from sandbox.models import gid, number_of, whole_seconds
from sandbox.request_context import Info, RequestContext
from sandbox.search import refuse
from sandbox.shop_state import ShopMetafield

Payload = dict[str, Any]
MAX_METAFIELDS_PER_CALL = 25
MAX_VALUE_BYTES = 128 * 1024  # of a json value
RESERVED_NAMESPACE = "app--1"  # what `$app`, or no namespace at all, stands for
INSTALLATION = "AppInstallation"
_DIGEST = re.compile(r"^[0-9a-f]{64}$")
_WORD = re.compile(r"^[a-zA-Z0-9_-]+$")


def resolved(namespace: str | None) -> str:
    """Return the namespace that is meant."""
    if namespace is None or namespace == "$app":
        return RESERVED_NAMESPACE
    if namespace.startswith("$app:"):
        return f"{RESERVED_NAMESPACE}--{namespace.removeprefix('$app:')}"
    return namespace


def metafield(_installation: object, info: Info, **args: Any) -> ShopMetafield | None:
    """Answer a metafield of the app's own installation."""
    context: RequestContext = info.context
    _need_metafields(context)
    return context.shop.metafields.get((resolved(args.get("namespace")), args["key"]))


def set_metafields(_root: object, info: Info, **args: Any) -> Payload:
    """Set some metafields, all or none."""
    context: RequestContext = info.context
    _need_metafields(context)
    rows: list[Payload] = args["metafields"]
    if len(rows) > MAX_METAFIELDS_PER_CALL:
        most = f"The input array size of {len(rows)} is greater than the maximum allowed of"
        refuse(f"{most} {MAX_METAFIELDS_PER_CALL}.", "MAX_INPUT_SIZE_EXCEEDED")
    errors = [error for index, row in enumerate(rows) for error in _errors(context, index, row)]
    if errors:
        context.refused = True
        return {"metafields": None, "userErrors": errors}
    return {"metafields": [_write_metafield(context, row) for row in rows], "userErrors": []}


def delete_metafields(_root: object, info: Info, **args: Any) -> Payload:
    """Delete some metafields; those that are not there are answered with null."""
    context: RequestContext = info.context
    _need_metafields(context)
    gone: list[Payload | None] = []
    for row in args["metafields"]:
        full_key = resolved(row["namespace"]), row["key"]
        was = context.shop.metafields.pop(full_key, None)
        gone.append(None if was is None else dict(row))
    return {"deletedMetafields": gone, "userErrors": []}


def _need_metafields(context: RequestContext) -> None:
    if context.shop.faults.no_metafields:
        refuse("Access denied for metafield field.", "ACCESS_DENIED")


def _errors(context: RequestContext, index: int, row: Payload) -> list[Payload]:
    """Return what is wrong with one row."""
    found = _wrong(context, row)
    return [
        {
            "code": code,
            "field": ["metafields", str(index), field],
            "message": message,
            "elementIndex": None,
        }
        for code, field, message in found
    ]


def _wrong(context: RequestContext, row: Payload) -> list[tuple[str, str, str]]:
    if number_of(row["ownerId"], INSTALLATION) != 1:
        return [("INVALID", "ownerId", "Owner does not exist.")]
    namespace, key = resolved(row.get("namespace")), row["key"]
    wrong = [*_wrong_word("namespace", namespace), *_wrong_word("key", key)]
    current = context.shop.metafields.get((namespace, key))
    wrong += _wrong_value(row, current)
    if "compareDigest" in row:
        wrong += _wrong_digest(row["compareDigest"], current)
    return wrong


def _wrong_word(field: str, word: str) -> list[tuple[str, str, str]]:
    if len(word) < 3:  # noqa: PLR2004
        return [("TOO_SHORT", field, f"{field.title()} is too short (minimum is 3 characters).")]
    if len(word) > 255:  # noqa: PLR2004
        return [("TOO_LONG", field, f"{field.title()} is too long (maximum is 255 characters).")]
    if not _WORD.match(word):
        return [("INVALID", field, f"{field.title()} contains one or more invalid characters.")]
    return []


def _wrong_value(  # noqa: PLR0911  one for each thing that can be wrong
    row: Payload, current: ShopMetafield | None
) -> list[tuple[str, str, str]]:
    kind = row.get("type") or (current.type if current else None)
    value = row["value"]
    if kind is None:
        return [("BLANK", "type", "Type can't be blank")]
    if kind not in {"json", "single_line_text_field"}:
        return [("INCLUSION", "type", f"Type '{kind}' is not one that the sandbox knows.")]
    if current is not None and kind != current.type:
        return [("INVALID_TYPE", "type", f"Type must be consistent: {current.type}")]
    if not value:
        return [("BLANK", "value", "Value can't be blank.")]
    if len(value.encode()) > MAX_VALUE_BYTES:
        return [("TOO_LONG", "value", "Value is too long.")]
    if kind == "json" and not _is_json(value):
        return [("INVALID_VALUE", "value", "Value is invalid JSON.")]
    return []


def _is_json(value: str) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def _wrong_digest(digest: str | None, current: ShopMetafield | None) -> list[tuple[str, str, str]]:
    if digest is not None and not _DIGEST.match(digest):
        return [("INVALID_COMPARE_DIGEST", "compareDigest", "The compareDigest is invalid.")]
    if digest != (None if current is None else current.compare_digest):
        message = "The resource has been updated since it was loaded. Try again with an updated"
        return [("STALE_OBJECT", "compareDigest", f"{message} `compareDigest` value.")]
    return []


def _write_metafield(context: RequestContext, row: Payload) -> ShopMetafield:
    shop = context.shop
    full_key = resolved(row.get("namespace")), row["key"]
    current = shop.metafields.get(full_key)
    now = whole_seconds(shop.now())
    shop.metafields[full_key] = made = ShopMetafield(
        id=current.id if current else shop.next_id("Metafield"),
        namespace=full_key[0],
        key=full_key[1],
        type=row.get("type") or (current.type if current else ""),
        value=row["value"],
        created_at=current.created_at if current else now,
        updated_at=now,
    )
    return made


MUTATIONS: dict[str, Callable[..., Payload]] = {
    "metafieldsSet": set_metafields,
    "metafieldsDelete": delete_metafields,
}
TYPES: dict[str, dict[str, Callable[..., Any]]] = {
    "AppInstallation": {"metafield": metafield},
    "Metafield": {
        "id": lambda x, _info: gid("Metafield", x.id),
        "legacyResourceId": lambda x, _info: x.id,
        "ownerType": lambda _x, _info: "API_PERMISSION",
    },
}
