"""Who is on an incident and whom its message calls, as people read it, and the two buttons."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.incidents.ownership import Owner, OwnershipAnswer, owner_of, snooze_of
from bot.messages.action_ids import Action
from bot.messages.block_kit import (
    Block,
    Message,
    Part,
    actions,
    button,
    confirm_dialog,
    date,
    mention_part,
    mention_parts,
    message,
)
from bot.text import clean, is_group, is_person
from sync_core.domain.values import Severity

Body = Mapping[str, Any]
MAX_MENTIONS = 30  # people and groups that a message calls by name
TIME = "{time}"  # of a snooze: it is within the hour
# Somebody has just done it, or it is only told: there is nothing to look after.
KINDS_WITHOUT_OWNER = {"mode", "baseline", "paused"}
GONE = "This alert is no longer kept: it was too old. Nothing was changed; see /tipo status."
REFUSALS = {
    OwnershipAnswer.OVER: "This is resolved: nothing is left to do.",
    OwnershipAnswer.MOVED: "It got worse: see the newer message. Nothing was changed here.",
}


def people_parts(body: Body, now: datetime) -> list[Part]:
    """Return who is on an incident, or else whom its message calls; and its snooze."""
    parts: list[Part] = []
    if (owner := owner_of(body)) is not None:
        who = _person(body, owner.id, owner.name)
        parts = [" ", who, " is on it", *_since(owner), *_after(owner), "."]
    else:
        parts = called_parts(body)
    if (snoozed := snooze_of(body, now)) is not None:
        who = _person(body, snoozed.by, snoozed.name)
        parts += [" Snoozed until ", date(snoozed.until, TIME), " by ", who, "."]
    return parts


def called_parts(body: Body) -> list[Part]:
    """Return whom a message calls: mentions at the end of its first line."""
    called = [f"{each}" for each in body.get("mentions") or ()]
    known = [each for each in called if is_person(each) or is_group(each)]
    return [" For ", *mention_parts(known, MAX_MENTIONS), "."] if known else []


def reminded_parts(body: Body) -> list[Part]:
    """Return who has been on something of which people are reminded."""
    owner = owner_of(body)
    if owner is None:
        return []
    has_been = " has been on it" if owner.since is not None else " is on it"
    return [" ", _person(body, owner.id, owner.name), has_been, *_since(owner), "."]


def _since(owner: Owner) -> list[Part]:
    return [] if owner.since is None else [" since ", date(owner.since)]


def _after(owner: Owner) -> list[Part]:
    """Return who was on it before: by name, for it calls nobody."""
    return [f", after {clean(owner.before, 80)}"] if owner.before else []


def _person(body: Body, user: str, name: str) -> Part:
    """Return a person: a mention, but their name alone in what is posted in quiet hours."""
    return mention_part(user) if user and not body.get("hushed") else clean(name, 80)


def people_buttons(body: Body, now: datetime) -> list[Block]:
    """Return the buttons of an open incident that say who is on it, and not how it is fixed."""
    severity, facts = body.get("severity"), body.get("facts")
    if severity not in {Severity.CRITICAL, Severity.WARNING}:
        return []
    is_taken_over = isinstance(facts, Mapping) and facts.get("taking_over")
    if is_taken_over or body.get("kind") in KINDS_WITHOUT_OWNER:
        return []
    owner, is_snoozed = owner_of(body), snooze_of(body, now) is not None
    is_critical = severity == Severity.CRITICAL
    has_snooze = is_critical and not is_snoozed  # only what is critical has reminders
    style = "primary" if is_critical else ""
    on_it = button(Action.INCIDENT_OWN, "I'm on it", "own", style=style)
    return actions(
        "people",
        on_it if owner is None else _take_over(owner),
        button(Action.INCIDENT_SNOOZE, "Snooze 1 h", "snooze") if has_snooze else None,
    )


def _take_over(owner: Owner) -> Block:
    """Return the button by which an approver takes an incident over; it says from whom."""
    name = clean(owner.name, 80)
    words = f"{name} is on it. You will be named instead. Approvers only."
    confirm = confirm_dialog("Take this over?", words, "I'm on it")
    return button(
        Action.INCIDENT_OWN,
        "I'm on it instead",
        owner.mark,
        says=f"Take over: {name}",
        confirm=confirm,
    )


def ownership_answer(*, answer: OwnershipAnswer | None, body: Body, user: str) -> Message:
    """Answer a click that its message does not answer by itself; None: there is no such alert."""
    owner, snoozed = owner_of(body), snooze_of(body)
    match answer:
        case OwnershipAnswer.OWNED | OwnershipAnswer.OWNED_BEFORE if owner is not None:
            if owner.id == user:
                return message("You're on it", *_since(owner), *_after(owner), ".")
            who = mention_part(owner.id) if owner.id else clean(owner.name, 80)
            return message(who, " is on it", *_since(owner), ". Your click changed nothing.")
        case OwnershipAnswer.SNOOZED | OwnershipAnswer.SNOOZED_BEFORE if snoozed is not None:
            until = date(snoozed.until, TIME)
            if answer is OwnershipAnswer.SNOOZED or snoozed.by == user:
                return message("Snoozed until ", until, ": no reminder before that.")
            who = mention_part(snoozed.by)
            return message(who, " snoozed it until ", until, ". Your click changed nothing.")
    return message(GONE if answer is None else REFUSALS[answer])
