"""Commands about Tipo's own settings: who may approve, when to be silent, how much to say."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from bot.approvers import PREFERENCE as APPROVERS
from bot.approvers import Denied, reason_unfit
from bot.commands.requests import (
    SetAlerts,
    SetApprovers,
    SetQuiet,
    ShowAlerts,
    ShowApprovers,
    ShowQuiet,
)
from bot.handler_context import HandlerContext
from bot.messages import answers
from bot.messages.block_kit import Message
from bot.payloads import TypedCommand
from bot.preferences import ALERTS, QUIET, alert_level, hours_for, quiet_hours, quiet_text
from bot.slack_errors import SlackError
from bot.text import zone_name

BuildMessage = Callable[[Any, TypedCommand], Awaitable[Message | None]]

WOULD_LOCK_OUT = (
    "That list leaves you out, and you couldn't change it back. Nothing was changed: name "
    "yourself too, or a user group that you're in."
)


class PreferenceCommands:
    """Shows and changes settings."""

    def __init__(self, context: HandlerContext) -> None:
        self._context = context
        self._core = context.core
        self.builders: dict[type, BuildMessage] = {
            ShowApprovers: self._approvers,
            SetApprovers: self._set_approvers,
            ShowQuiet: self._quiet,
            SetQuiet: self._set_quiet,
            ShowAlerts: self._alerts,
            SetAlerts: self._set_alerts,
        }

    async def _approvers(self, _command: ShowApprovers, _asked: TypedCommand) -> Message:
        return answers.approvers(listed=await self._context.approvers.listed())

    async def _quiet(self, _command: ShowQuiet, asked: TypedCommand) -> Message:
        hours = quiet_hours(await self._core.preference(QUIET))
        zones = self._context.zones
        zone = zone_name(zones.otherwise)
        if hours is None:
            return answers.quiet(start=None, end=None, zone=zone)
        reader = await zones.of(asked.person.id)
        yours = hours_for(hours, zones.otherwise, reader, self._context.clock.now())
        start, end = (f"{each:%H:%M}" for each in hours)
        return answers.quiet(start=start, end=end, zone=zone, yours=yours)

    async def _alerts(self, _command: ShowAlerts, _asked: TypedCommand) -> Message:
        return answers.alerts(level=alert_level(await self._core.preference(ALERTS)))

    async def _set_approvers(self, command: SetApprovers, asked: TypedCommand) -> Message | None:
        for each in command.ids or ():
            if why := await self._unknown(each, asked.person.team):
                await self._context.refuse(asked, Denied(why))
                return None
        if command.ids is not None:
            own = await self._context.approvers.authorize_with(asked.person, tuple(command.ids))
            if isinstance(own, Denied):
                await self._context.refuse(asked, Denied(WOULD_LOCK_OUT))
                return None
        value = None if command.ids is None else json.dumps(list(command.ids))
        await self._core.set_preference(APPROVERS, value, asked.person)
        return answers.approvers(listed=await self._context.approvers.listed())

    async def _unknown(self, name: str, team: str) -> str:
        """Return why somebody cannot be an approver, or nothing: a wrong name locks people out."""
        try:
            if name.startswith("S"):
                found = await self._context.slack.group(name)
                return (
                    "" if found else f"The user group {name} has no members. Nothing was changed."
                )
            why = reason_unfit(await self._context.slack.member(name), team)
        except SlackError as exc:
            return f"Slack doesn't say who {name} is ({exc}). Nothing was changed."
        return f"{name} can't be an approver: {why} Nothing was changed." if why else ""

    async def _set_quiet(self, command: SetQuiet, asked: TypedCommand) -> Message:
        await self._core.set_preference(QUIET, quiet_text(command.hours), asked.person)
        return await self._quiet(ShowQuiet(), asked)

    async def _set_alerts(self, command: SetAlerts, asked: TypedCommand) -> Message:
        await self._core.set_preference(ALERTS, json.dumps(str(command.level)), asked.person)
        return answers.alerts(level=command.level)
