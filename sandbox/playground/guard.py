"""Who may use the page: a browser on this machine, at the address that was printed.

    request                                                       answer
    ------------------------------------------------------------  ------
    a Host that is not 127.0.0.1 or localhost with our port       421
    an Origin that is not such a host (another site's page)       403
    a POST without the page's token (a form of another site)      403
    anything else                                                 goes on

A name that somebody makes point to 127.0.0.1 (DNS rebinding) fails by its Host. Pages get headers
that keep other sites from framing them, and them from loading anything from elsewhere.
"""

from collections.abc import Mapping
from hmac import compare_digest

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_HEADER = "x-playground-token"  # noqa: S105  its name, not its value
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'; form-action 'none'; base-uri 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class Guard:
    """Lets through what the page itself asks."""

    def __init__(self, app: ASGIApp, *, port: int, token: str) -> None:
        self._app, self._token = app, token
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is None:
            await self._app(scope, receive, _with_headers(send))
        else:
            await refused(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        given = Headers(scope=scope)
        if given.get("host") not in self._hosts:
            return PlainTextResponse("Open the playground at the address that was printed.", 421)
        origin = given.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            return PlainTextResponse("Only the playground's own page may do that.", 403)
        if scope["method"] not in {"GET", "HEAD"} and not self._knows_token(given):
            return PlainTextResponse("Reload the page: it belongs to an earlier start.", 403)
        return None

    def _knows_token(self, given: Mapping[str, str]) -> bool:
        return compare_digest(given.get(TOKEN_HEADER, "").encode(), self._token.encode())


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        await send(message)

    return sending
