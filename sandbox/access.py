"""Access tokens and their scopes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from urllib.parse import parse_qs

DEFAULT_SCOPES = ("read_products", "read_inventory", "write_inventory", "read_locations")
TOKEN_LIFETIME = timedelta(hours=24)


@dataclass(slots=True, kw_only=True)
class Access:
    """The app's credentials in one shop."""

    now: Callable[[], datetime]
    rng: Random
    client_id: str
    client_secret: str
    permanent_token: str | None = None
    scopes: list[str] = field(default_factory=lambda: list(DEFAULT_SCOPES))
    permitted: bool = True  # app and shop belong to one organization
    tokens: dict[str, datetime] = field(default_factory=dict)  # until when

    def accepts(self, token: str) -> bool:
        """Return whether a token is valid."""
        if token and token == self.permanent_token:
            return True
        ends = self.tokens.get(token)
        return ends is not None and self.now() < ends

    def revoke(self) -> None:
        """Revoke every token."""
        self.tokens.clear()
        self.permanent_token = None

    def grant(self, body: bytes, content_type: str) -> tuple[int, dict[str, object]]:
        """Answer a client-credentials request with a token for 24 hours."""
        form = _form(body, content_type)
        if form.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type"}
        if (form.get("client_id"), form.get("client_secret")) != (
            self.client_id,
            self.client_secret,
        ):
            return 400, {"error": "application_cannot_be_found"}
        if not self.permitted:
            return 400, {"error": "shop_not_permitted"}
        token = f"shpat_{self.rng.getrandbits(128):032x}"
        self.tokens[token] = self.now() + TOKEN_LIFETIME
        return 200, {
            "access_token": token,
            "scope": ",".join(self.scopes),
            "expires_in": int(TOKEN_LIFETIME.total_seconds()) - 1,
        }


def _form(body: bytes, content_type: str) -> dict[str, str]:
    if "json" in content_type:
        given = json.loads(body or b"{}")
        return given if isinstance(given, dict) else {}
    return {key: values[0] for key, values in parse_qs(body.decode()).items()}
