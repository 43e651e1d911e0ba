"""Tokens: a permanent one, or one that lives a day and is asked for again in time."""

import asyncio
import logging
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx

from sync_core.backoff import Backoff
from sync_core.clock import Clock
from sync_core.domain.values import Alias
from sync_core.errors import (
    AccessLost,
    BadSettings,
    NoAnswer,
    NotSent,
    StoreError,
    Throttled,
    WrongShop,
)
from sync_core.shopify.fields import as_number, as_text, decode_json
from sync_core.shopify.http_client import HttpClient
from sync_core.shopify.responses import HTTP_SECURITY_REJECTION, HttpResponse, retry_after

log = logging.getLogger(__name__)

TOKEN_LIFETIME = timedelta(hours=24)
RENEW_BEFORE_END = timedelta(hours=4)  # before its end, a token is renewed
# However many requests want a token meanwhile, they get the same error.
TOKEN = Backoff(first=5, longest=5)
EARLY_TOKEN = Backoff(first=60, longest=60)  # while the old one still works, for hours

_GRANT_ERROR_WORDS = {
    "shop_not_permitted": "the app and the store are not in the same organization",
    "app_not_installed": "the app is not installed in the store",
    "application_cannot_be_found": "the store knows no app with this client id and secret",
    "invalid_client": "the client id and the client secret do not belong together",
    "unsupported_grant_type": "the app may not use the client-credentials grant",
}


class Auth(Protocol):
    """Where the access token of a store comes from."""

    async def token(self) -> str:
        """Return a token that should work.

        Raises:
            AccessLost: The store gives us none.
            WrongShop: Nobody answers for it.
            NotSent: There is none, and none can be had just now.
        """

    async def renew(self, refused: str) -> str:
        """Return another token than the one that the store has just refused.

        Raises:
            AccessLost: There is no other.
            WrongShop: Nobody answers for it.
            NotSent: None can be had just now.
        """

    async def close(self) -> None:
        """Let go of connections."""


class PermanentToken:
    """The token of an app that was made in the store's own admin."""

    def __init__(self, token: str) -> None:
        if not _is_valid_token(token):
            raise BadSettings("ACCESS_TOKEN is empty, or has letters in it that no token has")
        self._token = token

    async def token(self) -> str:
        """Return the one token."""
        return self._token

    async def renew(self, refused: str) -> str:  # noqa: ARG002 - a promise of Auth
        """Refuse: there is no other."""
        raise AccessLost("Shopify rejected Tipo's access token: set a new one")

    async def close(self) -> None:
        """Do nothing: there are no connections."""


class ClientCredentials:
    """The token of a Dev Dashboard app: lives 24 h, and a new one may be had at any time."""

    def __init__(
        self,
        *,
        alias: Alias,
        api_url: str,
        client: tuple[str, str],  # id and secret
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._alias = alias
        self._url = f"{api_url.rstrip('/')}/admin/oauth/access_token"
        self._client = client
        self._clock = clock
        self._http = HttpClient(transport)
        self._lock = asyncio.Lock()  # many requests, one renewal
        self._token = ""
        self._ends = self._renew_at = clock.now()
        self._failure: StoreError | None = None  # of the last attempt,
        self._failed_until = self._ends  # and until when to believe it

    async def token(self) -> str:
        """Return the token; ask for a new one well before it ends."""
        if self._is_fresh() or (self._lock.locked() and self._is_valid()):
            return self._token  # somebody else may be renewing it
        async with self._lock:
            if self._is_fresh():
                return self._token  # somebody else was faster
            try:
                await self._request_token()
            except (AccessLost, WrongShop, NotSent) as exc:
                if not self._is_valid():
                    raise
                self._renew_at = self._clock.now() + timedelta(seconds=EARLY_TOKEN.first)
                log.warning(
                    "The token could not be renewed yet: %s",
                    exc,
                    extra={"event": "token_kept", "store": self._alias},
                )
            return self._token

    async def renew(self, refused: str) -> str:
        """Return a new token, unless somebody has just got one."""
        async with self._lock:
            if refused == self._token:
                self._token = ""
                await self._request_token()
            elif not self._token:
                await self._request_token()
            return self._token

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    def _is_fresh(self) -> bool:
        return bool(self._token) and self._clock.now() < self._renew_at

    def _is_valid(self) -> bool:
        return bool(self._token) and self._clock.now() < self._ends

    async def _request_token(self) -> None:
        if self._failure is not None and self._clock.now() < self._failed_until:
            raise self._failure
        try:
            await self._fetch_token()
        except StoreError as exc:
            self._failure, self._failed_until = (
                exc,
                self._clock.now() + timedelta(seconds=TOKEN.first),
            )
            raise
        self._failure = None

    async def _fetch_token(self) -> None:
        client_id, secret = self._client
        form = urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_secret": secret,
            }
        ).encode()
        asked_at = self._clock.now()
        try:
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            response = await self._http.post(self._url, form, kind, secret=secret)
        except NoAnswer as exc:
            raise NotSent(f"no answer to our request for a token: {exc}") from exc
        self._keep_grant(parse_grant(response), asked_at)

    def _keep_grant(self, grant: tuple[str, timedelta], asked_at: datetime) -> None:
        self._token, life = grant
        self._ends = asked_at + life
        self._renew_at = self._ends - min(RENEW_BEFORE_END, life / 2)
        log.info("A new token.", extra={"event": "token_renewed", "store": self._alias})


def parse_grant(response: HttpResponse) -> tuple[str, timedelta]:
    """Return a token and how long it lives.

    Raises:
        AccessLost: The store gives us none.
        WrongShop: No shop is at that address.
        NotSent: Perhaps later.
    """
    status = response.status
    if status == HTTPStatus.NOT_FOUND:
        raise WrongShop("no shop answers at this address (404)")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Throttled("too many requests for a token (429)", wait=retry_after(response))
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTP_SECURITY_REJECTION,
    }:
        raise AccessLost(
            f"the store gives us no token ({status}): {_grant_error_text(response.body)}"
        )
    if status != HTTPStatus.OK:
        raise NotSent(f"the store gave us no token just now ({status})")
    given = _as_mapping(response.body)
    token = as_text(given.get("access_token"))
    if not _is_valid_token(token):
        raise NotSent("Shopify's answer has no token in it")
    life = as_number(given.get("expires_in"))
    return token, min(timedelta(seconds=min(life, 1e9)), TOKEN_LIFETIME) if life else TOKEN_LIFETIME


def _grant_error_text(body: bytes) -> str:
    """Say why, in our own words: the store's are a page for people, or a code."""
    text = body[:100_000].decode("utf-8", "replace")
    for code, why in _GRANT_ERROR_WORDS.items():
        if code in text:
            return f"{code}: {why}"
    return "it does not say why; check the client id, the client secret and the app's scopes"


def _as_mapping(body: bytes) -> dict[str, Any]:
    try:
        given = decode_json(body)
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


def _is_valid_token(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and " " not in token
