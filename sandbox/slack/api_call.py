"""One call of the Web API: its arguments as Slack reads them, and how it is refused."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_YES = {"true", "1"}


class ApiRefusal(Exception):
    """Slack says no: `{"ok": false, "error": …}`, with more where Slack gives more."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more


class RateLimited(Exception):
    """Too many calls: 429 with Retry-After."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


def invalid(*messages: str) -> ApiRefusal:
    """Return the refusal for wrong arguments."""
    return ApiRefusal("invalid_arguments", response_metadata={"messages": list(messages)})


@dataclass(frozen=True, slots=True)
class CallArguments:
    """Arguments, whether they came as JSON, as a form or in the query."""

    given: Mapping[str, Any] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether it was given, and is not empty."""
        return self.given.get(name) is not None and self.given.get(name) != ""

    def words(self, name: str) -> str | None:
        """Return a text, or None."""
        value = self.given.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, (dict, list)):
            raise invalid(f"[ERROR] must provide a string [json-pointer:/{name}]")
        return str(value)

    def needed(self, name: str) -> str:
        """Return a text that must be there."""
        value = self.words(name)
        if value is None:
            raise invalid(f"[ERROR] missing required field: {name}")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return whether a switch is on."""
        value = self.given.get(name)
        return default if value is None else str(value).lower() in _YES

    def number(self, name: str, default: int, most: int) -> int:
        """Return a whole number from 1 to the most."""
        value = self.words(name) or str(default)
        if not value.isdigit() or int(value) < 1:
            raise ApiRefusal("invalid_limit" if name == "limit" else "invalid_arguments")
        return min(int(value), most)

    def parsed(self, name: str, otherwise: str) -> Any:
        """Return JSON, which may come as text; refuse with `otherwise` if it is none."""
        value = self.given.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError as exc:
            raise ApiRefusal(otherwise) from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One finished call, kept for tests."""

    method: str
    at: float
    args: Mapping[str, Any]
    status: int
    answer: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        """Whether Slack did it and said so."""
        return bool(self.answer.get("ok"))
