"""Who may decide: looked up when somebody clicks, and no is the answer to every doubt.

    the person                                          may
    --------------------------------------------------  ---------------------------------
    of another workspace, a stranger, a guest           no
    a bot, or somebody who was deactivated              no
    named in the list                                   yes: "listed"
    a member of a user group in the list                yes: "member of S0123"
    a member of the channel, where the list is empty    yes: "member of the channel"
    anybody else, or if Slack does not answer           no, with a sentence

The list is the preference that `/tipo approvers` sets, else the setting.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from bot.preferences import Preferences
from bot.slack_api import Member, SlackApi
from bot.slack_errors import SlackError, SlackRefused
from sync_core.clock import Clock
from sync_core.domain.proposals import Person

T = TypeVar("T")

ANSWERS_VALID_FOR = timedelta(seconds=60)
MAX_CACHED_ANSWERS = 1_000  # answers that are remembered
MAX_QUESTIONS = 10  # to Slack at once, about the names on a list
NO_PLAN = (
    "Slack says that this workspace's plan has no user groups, so nobody in {group} can be "
    "recognised. Name people instead: /tipo approvers @somebody."
)
NO_GROUP = (
    "Slack does not know the user group {group} any more, so nobody in it can be recognised. "
    "Correct the list of approvers."
)
WOULD_LOCK_OUT = (
    "That list leaves you out, and you couldn't change it back. Nothing was changed: name "
    "yourself too, or a user group that you're in."
)
NO_ANSWER = "Slack did not say who you are, so nothing was done. Try again in a minute."


@dataclass(frozen=True, slots=True)
class Allowed:
    """They may, and why."""

    rule: str


@dataclass(frozen=True, slots=True)
class Denied:
    """They may not, and why not."""

    why: str
    listed: tuple[str, ...] = ()  # who may


class Approvers:
    """Says who may decide."""

    def __init__(
        self,
        preferences: Preferences,
        slack: SlackApi,
        clock: Clock,
        *,
        channel: str,
    ) -> None:
        self._preferences = preferences
        self._slack = slack
        self._channel = channel
        self._members: AnswerCache[Member] = AnswerCache(clock, slack.member)
        self._groups: AnswerCache[frozenset[str]] = AnswerCache(clock, slack.group)
        self._channels: AnswerCache[frozenset[str]] = AnswerCache(clock, slack.members)

    async def member(self, user: str) -> Member:
        """Return what Slack says about somebody, at most a minute old.

        Raises:
            SlackError: If Slack does not say.
        """
        return await self._members.get(user)

    async def listed(self) -> tuple[str, ...]:
        """Return who is on the list: ids of people and groups; empty for the channel's members."""
        return await self._preferences.approvers()

    async def authorize(self, person: Person) -> Allowed | Denied:
        """Say whether somebody may decide, right now."""
        return await self.authorize_with(person, await self.listed())

    async def authorize_with(self, person: Person, listed: tuple[str, ...]) -> Allowed | Denied:
        """Say whether somebody may decide if these are on the list."""
        try:
            return await self._decide(person, listed)
        except SlackError:
            return Denied(NO_ANSWER)

    async def objection(self, listed: Sequence[str], by: Person) -> str:
        """Return why somebody cannot make this the list, or nothing: a wrong name locks out."""
        slots = asyncio.Semaphore(MAX_QUESTIONS)

        async def ask(name: str) -> str:
            async with slots:
                return await self._objection_to(name, by.team)

        if why := next(filter(None, await asyncio.gather(*map(ask, listed))), ""):
            return why
        own = await self.authorize_with(by, tuple(listed))
        return WOULD_LOCK_OUT if isinstance(own, Denied) else ""

    async def _objection_to(self, name: str, team: str) -> str:
        try:
            if name.startswith("S"):
                found = await self._groups.get(name)
                none = f"The user group {name} has no members. Nothing was changed."
                return "" if found else none
            member = await self.member(name)
        except SlackError as exc:
            return f"Slack doesn't say who {name} is ({exc}). Nothing was changed."
        why = reason_unfit(member, team)
        return f"{member.name} can't be an approver: {why} Nothing was changed." if why else ""

    async def is_ours(self, person: Person) -> bool:
        """Whether somebody is of our own workspace, by what was signed and by Slack's record."""
        ours = (await self._slack.identity()).team
        if person.team != ours:
            return False
        try:
            member = await self.member(person.id)
        except SlackRefused as exc:
            if exc.code != "user_not_found":
                raise
            return False
        return member.team == ours and not member.stranger

    async def may_talk(self, person: Person) -> bool:
        """Whether we answer what somebody writes: not bots, even of our own workspace."""
        return await self.is_ours(person) and not (await self.member(person.id)).bot

    async def _decide(self, person: Person, listed: tuple[str, ...]) -> Allowed | Denied:
        if not await self.is_ours(person):
            return Denied("Only people of this workspace can do this.", listed)
        member = await self.member(person.id)
        if why := reason_unfit(member, person.team):
            return Denied(why, listed)
        if not listed:
            return await self._of_channel(person)
        if person.id in listed:
            return Allowed("listed")
        return await self._of_groups(person, listed)

    async def _of_channel(self, person: Person) -> Allowed | Denied:
        """Judge by membership of the alert channel."""
        if not self._channel:
            return Denied("No approver is named: set TIPO_SLACK__APPROVERS.")
        try:
            here = await self._channels.has(self._channel, lambda found: person.id in found)
        except SlackRefused as exc:
            why = f"Slack doesn't list the members of the alert channel ({exc.code})"
            return Denied(f"{why}, so nobody can be recognised as a member.")
        if here:
            return Allowed("member of the channel")
        return Denied("Only members of the alert channel can do this.")

    async def _of_groups(self, person: Person, listed: tuple[str, ...]) -> Allowed | Denied:
        """Judge by membership of user groups."""
        trouble = ""
        for group in (each for each in listed if each.startswith("S")):
            try:
                if await self._groups.has(group, lambda found: person.id in found):
                    return Allowed(f"member of {group}")
            except SlackRefused as exc:
                trouble = (NO_PLAN if exc.code == "plan_upgrade_required" else NO_GROUP).format(
                    group=group
                )
        return Denied(trouble or "Only approvers can do this.", listed)


def reason_unfit(member: Member, team: str) -> str:
    """Return why somebody may never decide, or nothing."""
    if member.deleted:
        return "Your account is deactivated."
    if member.bot:
        return "Apps can't do this; people can."
    if member.stranger or member.team != team:
        return "Only people of this workspace can do this; you are in another one."
    if member.guest:
        return "Guests can't do this."
    return ""


class AnswerCache(Generic[T]):
    """Answers of Slack, each for a minute; a no is asked again at once."""

    def __init__(self, clock: Clock, ask: Callable[[str], Awaitable[T]]) -> None:
        self._clock = clock
        self._ask = ask
        self._known: dict[str, tuple[datetime, T]] = {}

    async def get(self, name: str) -> T:
        """Return what is known, or what Slack says."""
        known = self._known.get(name)
        if known is not None and self._clock.now() - known[0] < ANSWERS_VALID_FOR:
            return known[1]
        return await self._renew(name)

    async def has(self, name: str, holds: Callable[[T], bool]) -> bool:
        """Whether something holds, by what is known or, if not, by what Slack says now."""
        known = self._known.get(name)
        fresh = known is not None and self._clock.now() - known[0] < ANSWERS_VALID_FOR
        if known is not None and fresh and holds(known[1]):
            return True
        return holds(await self._renew(name))

    async def _renew(self, name: str) -> T:
        found = await self._ask(name)
        if len(self._known) >= MAX_CACHED_ANSWERS:
            self._known.clear()
        self._known[name] = (self._clock.now(), found)
        return found
