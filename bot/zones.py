"""Whose clock a time is told by, where Slack does not tell it by the reader's own.

    what is shown                          to whom            by the clock of
    -------------------------------------  -----------------  ----------------------------------
    a date of Slack's own                  anybody            the reader: Slack does that
    its fallback                           one person         that person, as Slack knows them
    the axis of a chart                    one person         that person, as Slack knows them
    its fallback                           a whole channel    TIPO_NIGHTLY__TIMEZONE
    any of these, if Slack does not say    anybody            TIPO_NIGHTLY__TIMEZONE

Each of these names its zone.
"""

import asyncio
import logging
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.approvers import Approvers
from bot.slack_calls import Showable
from bot.slack_errors import SlackError
from bot.text import spoken
from sync_core.clock import Clock

log = logging.getLogger(__name__)

ZONE_VALID_FOR = timedelta(hours=1)  # people travel
RETRY_AFTER = timedelta(minutes=1)  # for a zone that Slack did not tell
MAX_CACHED_ZONES = 1_000  # people whose zone is remembered
ANSWER_SECONDS = 1.0  # seconds that somebody waits for their own zone at most
TOKEN = re.compile(r"<!date\^(-?\d{1,12})\^([^|<>^]*)(\^[^|<>]*)?\|[^<>]*>")


def zone_named(name: str, otherwise: ZoneInfo) -> ZoneInfo:
    """Return a zone by its name; for one that this machine does not know, the other."""
    try:
        return ZoneInfo(name) if name else otherwise
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return otherwise


@dataclass(frozen=True, slots=True)
class Localized:
    """What is shown, its dates by one clock wherever Slack does not draw them."""

    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)


def localized(said: Showable, zone: ZoneInfo) -> Localized:
    """Return a message whose dates fall back to the clock of a zone."""
    return Localized(_tokens(said.text, zone), localized_blocks(said.blocks, zone))


def localized_blocks(blocks: Any, zone: ZoneInfo) -> Any:
    """Return blocks, or a whole view, whose dates fall back to the clock of a zone.

    What a merchant wrote is left as it is: only mrkdwn and the date elements are Slack's to draw.
    """
    match blocks:
        case list():
            return [localized_blocks(each, zone) for each in blocks]
        case {"type": "date", "timestamp": int(seconds), "format": str(style)}:
            return {**blocks, "fallback": _fallback(seconds, style, zone)}
        case {"type": "mrkdwn", "text": str(words)}:
            return {**blocks, "text": _tokens(words, zone)}
        case dict():
            return {name: localized_blocks(each, zone) for name, each in blocks.items()}
    return blocks


def _tokens(words: str, zone: ZoneInfo) -> str:
    """Return mrkdwn whose dates fall back to the clock of a zone."""

    def told(found: re.Match[str]) -> str:
        seconds, style, link = found[1], found[2], found[3] or ""
        return f"<!date^{seconds}^{style}{link}|{_fallback(int(seconds), style, zone)}>"

    return TOKEN.sub(told, words)


def _fallback(seconds: int, style: str, zone: ZoneInfo) -> str:
    return spoken(datetime.fromtimestamp(seconds, UTC), style, zone)


class ReaderZones:
    """The zone of each person, as Slack knows them."""

    def __init__(self, approvers: Approvers, clock: Clock, otherwise: ZoneInfo) -> None:
        self._approvers = approvers  # it has usually just asked Slack about the same person
        self._clock = clock
        self._known: dict[str, tuple[datetime, ZoneInfo]] = {}  # until when it holds
        self.otherwise = otherwise  # of channels and quiet hours, too

    async def of(self, person: str) -> ZoneInfo:
        """Return somebody's zone. Never raises, and never lets anybody wait for long."""
        now = self._clock.now()
        known = self._known.get(person)
        if known is not None and now < known[0]:
            return known[1]
        zone, holds = await self._ask(person, self.otherwise if known is None else known[1])
        if len(self._known) >= MAX_CACHED_ZONES:
            self._known.clear()
        self._known[person] = (now + holds, zone)
        return zone

    async def _ask(self, person: str, before: ZoneInfo) -> tuple[ZoneInfo, timedelta]:
        """Return what Slack says, and how long that holds; if it says nothing, what we knew."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                member = await self._approvers.member(person)
        except (SlackError, TimeoutError) as exc:
            log.info("no zone of a person", extra={"event": "no_zone", "why": str(exc)})
            return before, RETRY_AFTER
        return zone_named(member.zone, self.otherwise), ZONE_VALID_FOR
