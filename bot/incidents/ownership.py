"""Who is on an incident, and until when nobody is reminded of it. Pure.

    the incident is           a click on "I'm on it"            a click on "Snooze 1 h"
    ------------------------  --------------------------------  -------------------------------
    open                      the person is on it, since now    no reminder for an hour
    open, and they are        they hear since when              no reminder for an hour
    open, and another one is  who clicked in the message that   no reminder for an hour
                              names that one takes it over;
                              others hear who, and since when
    open, and snoozed         the person is on it, since now    they hear until when, by whom
    over, or moved            they hear so; nothing changes     they hear so; nothing changes

Getting worse and being over end a snooze; only being over ends that somebody is on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.incidents.incident import Incident, parse_time
from bot.text import clean
from sync_core.domain.proposals import Person

SNOOZE = timedelta(hours=1)


class OwnershipAnswer(StrEnum):
    """What came of a click."""

    OWNED = "owned"  # they are on it now
    OWNED_BEFORE = "owned_before"  # somebody is, perhaps they themselves
    SNOOZED = "snoozed"
    SNOOZED_BEFORE = "snoozed_before"
    OVER = "over"
    MOVED = "moved"  # it goes on in a newer message


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody who is on an incident."""

    id: str  # of the person in Slack; empty for somebody at the command line
    name: str
    since: datetime | None  # None: before Tipo kept that
    before: str = ""  # the name of the person who was on it before

    @property
    def mark(self) -> str:
        """What a button carries that shows this owner."""
        return clean(self.id or self.name, 80)


@dataclass(frozen=True, slots=True)
class Snooze:
    """That nobody is to be reminded of an incident for a while."""

    by: str
    name: str
    until: datetime


def own(
    body: Mapping[str, Any], person: Person, now: datetime, *, seen: str = ""
) -> Incident | OwnershipAnswer:
    """Return an incident that somebody is on, or why nothing changes.

    `seen` is the mark of the owner whom their message named: nobody takes over unseen.
    """
    if (ended := _ended(body)) is not None:
        return ended
    before = owner_of(body)
    if before is not None and (before.id == person.id or before.mark != seen):
        return OwnershipAnswer.OWNED_BEFORE
    return {**body, "owner": _owner(person.id, person.name, now, before)}


def _owner(user: str, name: str, since: datetime, before: Owner | None) -> dict[str, str]:
    kept = {"id": user, "name": name, "since": since.isoformat()}
    return kept if before is None else {**kept, "before": before.name}


def snooze(body: Mapping[str, Any], person: Person, now: datetime) -> Incident | OwnershipAnswer:
    """Return an incident that nobody is reminded of for an hour, or why nothing changes."""
    if (ended := _ended(body)) is not None:
        return ended
    if snooze_of(body, now) is not None:
        return OwnershipAnswer.SNOOZED_BEFORE
    until = (now + SNOOZE).isoformat()
    return {**body, "snoozed": {"by": person.id, "name": person.name, "until": until}}


def _ended(body: Mapping[str, Any]) -> OwnershipAnswer | None:
    if body.get("moved"):
        return OwnershipAnswer.MOVED
    return None if body.get("open") else OwnershipAnswer.OVER


def owner_of(body: Mapping[str, Any]) -> Owner | None:
    """Return who is on an incident."""
    kept, facts = body.get("owner"), body.get("facts")
    if not isinstance(kept, Mapping):
        name = facts.get("investigated_by") if isinstance(facts, Mapping) else None
        return Owner(id="", name=f"{name}", since=None) if name else None
    since, before = parse_time(kept["since"]), kept.get("before", "")
    return Owner(id=kept["id"], name=kept["name"], since=since, before=before)


def snooze_of(body: Mapping[str, Any], now: datetime | None = None) -> Snooze | None:
    """Return the snooze of an incident, if it has one that lasts at `now`, or that is kept."""
    kept = body.get("snoozed")
    if not isinstance(kept, Mapping):
        return None
    until = parse_time(kept["until"])
    if now is not None and until <= now:
        return None
    return Snooze(by=kept["by"], name=kept["name"], until=until)


def with_investigator(before: Incident, after: Incident, at: datetime) -> Incident:
    """Return an incident with the owner whom the command line or an older message has named."""
    name = after["facts"].get("investigated_by")
    owner = owner_of(before)
    if not name or (owner is not None and owner.name == name):
        return after
    if name == before["facts"].get("investigated_by"):
        return after
    return {**after, "owner": _owner("", f"{name}", at, owner)}
