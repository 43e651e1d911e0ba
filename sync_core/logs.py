"""The log: a sentence and its facts on each line, as text or JSON; never a secret.

Names that merchants wrote and texts of others pass through here: control characters are escaped,
so that a title can neither start a line of its own nor speak to a terminal.
"""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from pydantic import BaseModel, SecretStr
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from sync_core.errors import MASK
from sync_core.settings import Settings

QUIETED_LOGGERS = ("apscheduler", "asyncio", "httpcore", "httpx", "uvicorn")
MIN_SECRET_CHARS = 4  # characters: a shorter secret would blacken ordinary words
TOKENS = re.compile(r"\b(?:shp[a-z]{2}_|xox[a-z]-|xapp-)[\w-]{6,}")  # also those we were given
STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
}

Masker = Callable[[str], str]


def set_up(settings: Settings, *, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send all logging to stderr, in the form that the settings name."""
    handler = logging.StreamHandler(stream or sys.stderr)
    mask = masker(secrets_of(settings))
    handler.setFormatter(JsonLines(mask) if settings.log_format == "json" else TextLines(mask))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIETED_LOGGERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def secrets_of(settings: BaseModel) -> set[str]:
    """Return every secret that the settings hold, and the password of the database."""
    return {each for each in _secrets(settings) if len(each) >= MIN_SECRET_CHARS}


def _secrets(value: object) -> Iterator[str]:
    """Yield the secrets in a setting, however deep."""
    if isinstance(value, SecretStr):
        yield from _words(value.get_secret_value())
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _secrets(each)
    elif isinstance(value, list):
        for each in value:
            yield from _secrets(each)


def _words(secret: str) -> Iterator[str]:
    """Yield what is secret in a secret: of a database's URL the password alone."""
    if "://" not in secret:
        yield secret
        return
    try:
        password = make_url(secret).password
    except (ArgumentError, ValueError):
        yield secret
        return
    if password:
        yield str(password)


def masker(secrets: Iterable[str]) -> Masker:
    """Return a function that hides these words, and whatever looks like a token."""
    known = sorted(secrets, key=len, reverse=True)

    def mask(text: str) -> str:
        for each in known:
            text = text.replace(each, MASK)
        return TOKENS.sub(MASK, text)

    return mask


def printable(text: str) -> str:
    """Return a text with its control characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class _Lines(logging.Formatter):
    """What both forms have in common."""

    def __init__(self, mask: Masker) -> None:
        super().__init__()
        self._mask = mask

    def _said(self, record: logging.LogRecord) -> str:
        return self._mask(record.getMessage())

    def _facts(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return what was said beside the sentence."""
        return {
            name: value if isinstance(value, bool | int | float) else self._mask(str(value))
            for name, value in vars(record).items()
            if name not in STANDARD_ATTRIBUTES and value is not None
        }

    def _trouble(self, record: logging.LogRecord) -> str:
        return self._mask(self.formatException(record.exc_info)) if record.exc_info else ""


class TextLines(_Lines):
    """For people: time, level, sentence, facts."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line; a traceback follows, indented."""
        at = datetime.fromtimestamp(record.created, UTC)
        facts = "".join(f"  {name}={_word(each)}" for name, each in self._facts(record).items())
        head = f"{at:%Y-%m-%d %H:%M:%S}.{record.msecs:03.0f}Z {record.levelname:<8}"
        lines = [f"{head} {printable(self._said(record))}{facts}"]
        lines += [f"    {printable(each)}" for each in self._trouble(record).splitlines()]
        return "\n".join(lines)


class JsonLines(_Lines):
    """For programs: one object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "says": self._said(record),
            "from": record.name,
            **self._facts(record),
        }
        if trouble := self._trouble(record):
            line["trouble"] = trouble
        return json.dumps(line)


def _word(value: object) -> str:
    """Return a fact as one word."""
    text = printable(str(value))
    return json.dumps(text, ensure_ascii=False) if not text or " " in text else text
