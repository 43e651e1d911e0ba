"""What went over the wire lately: mutations that came in, and webhooks that went out."""

from dataclasses import dataclass, field
from datetime import datetime

MAX_KEPT_EXCHANGES = 60  # per shop; older ones are forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request, to the byte, and whether it was answered well."""

    at: datetime
    kind: str  # "mutation" or "webhook"
    url: str  # of a mutation: its path
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    ok: bool
