"""The log: a sentence and its facts on each line, for people or as JSON; never a secret.

    where                        form, unless TIPO_LOG_FORMAT names one
    ---------------------------  ------------------------------------------------------------
    stderr is a terminal         text: time, level, sentence, `fact=value`; a traceback below
    a file, a pipe, a container  one JSON object a line

Our code and libraries alike log by `logging`, and structlog writes all of it. Facts are
those given with a line, and those of what is going on around it (see tracing.py): store, batch.

Names that merchants wrote and texts of others pass through here: control characters are escaped,
so that a title can neither start a line of its own nor speak to a terminal.
"""

import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TextIO

from pydantic import BaseModel, SecretStr
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from sync_core.errors import MASK
from sync_core.settings import Settings
from sync_core.tracing import facts_around

# These speak of trouble only; slack_bolt and slack_sdk say nothing of their own below a warning.
QUIETED_LOGGERS = ("asyncio", "httpcore", "httpx", "uvicorn")
MIN_SECRET_CHARS = 4  # characters: a shorter secret would blacken ordinary words
TOKENS = re.compile(r"\b(?:shp[a-z]{2}_|xox[a-z]-|xapp-)[\w-]{6,}")  # also those we were given
STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
}

Masker = Callable[[str], str]


def set_up(settings: Settings, *, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send all logging to stderr, in the form that the settings name or that suits it."""
    out = stream or sys.stderr
    chosen = settings.log_format
    form = chosen if chosen != "auto" else "text" if out.isatty() else "json"
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        Lines(masker(secrets_of(settings)), is_json=form == "json", colors=out.isatty())
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIETED_LOGGERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    # That a job is still under way when its next time comes is no trouble.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


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


class Lines(logging.Formatter):
    """Writes a record as one line; as text a traceback follows it."""

    def __init__(self, mask: Masker, *, is_json: bool, colors: bool = False) -> None:
        super().__init__()
        self._mask = mask
        self._is_json = is_json
        self._colors = colors

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return self._structlog.format(record)

    @cached_property
    def _structlog(self) -> logging.Formatter:
        """The formatter of structlog: a command that logs nothing need not wait for its import."""
        import structlog  # noqa: PLC0415

        render: Any = (
            structlog.processors.JSONRenderer()
            if self._is_json
            else structlog.dev.ConsoleRenderer(
                colors=self._colors,
                pad_event_to=0,
                sort_keys=False,
                event_key="says",
                timestamp_key="at",
            )
        )
        return structlog.stdlib.ProcessorFormatter(processors=[self._facts, render])

    def _facts(self, _logger: Any, _name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a line holds: the sentence, where it is from, and every fact, masked."""
        record: logging.LogRecord = given["_record"]
        own = {key: value for key, value in vars(record).items() if _is_fact(key, value)}
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "says": given["event"],
            "from": record.name,
            **facts_around(),
            **own,
        }
        if not self._is_json:
            del line["from"]  # people know it by the sentence
        safe = {key: self._safe(value) for key, value in line.items()}
        if given.get("exc_info"):
            lines = self._mask(self.formatException(given["exc_info"])).split("\n")
            safe["exception"] = "\n".join(lines if self._is_json else map(printable, lines))
        return safe

    def _safe(self, value: object) -> object:
        """Return a value without secrets, and as text without what a terminal would obey."""
        if isinstance(value, bool | int | float):
            return value
        text = self._mask(str(value))
        return text if self._is_json else printable(text)


def _is_fact(name: str, value: object) -> bool:
    return name not in STANDARD_ATTRIBUTES and not name.startswith("_") and value is not None
