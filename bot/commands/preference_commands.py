"""Commands about Tipo's own settings: who may approve, when to be silent, how much to say."""

from collections.abc import Awaitable, Callable
from typing import Any

from bot.approvers import Denied
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
from bot.preferences import (
    ALERTS,
    APPROVERS,
    QUIET,
    alerts_text,
    approvers_text,
    hours_for,
    quiet_text,
)
from bot.text import zone_name

BuildMessage = Callable[[Any, TypedCommand], Awaitable[Message | None]]


class PreferenceCommands:
    """Shows and changes settings."""

    def __init__(self, context: HandlerContext) -> None:
        self._context = context
        self._preferences = context.preferences
        self.builders: dict[type, BuildMessage] = {
            ShowApprovers: self._approvers,
            SetApprovers: self._set_approvers,
            ShowQuiet: self._quiet,
            SetQuiet: self._set_quiet,
            ShowAlerts: self._alerts,
            SetAlerts: self._set_alerts,
        }

    async def _approvers(self, _command: object, _asked: TypedCommand) -> Message:
        return answers.approvers(listed=await self._preferences.approvers())

    async def _quiet(self, _command: object, asked: TypedCommand) -> Message:
        hours = (await self._preferences.read()).quiet
        zones = self._context.zones
        zone = zone_name(zones.otherwise)
        if hours is None:
            return answers.quiet(start=None, end=None, zone=zone)
        reader = await zones.of(asked.person.id)
        yours = hours_for(hours, zones.otherwise, reader, self._context.clock.now())
        start, end = (f"{each:%H:%M}" for each in hours)
        return answers.quiet(start=start, end=end, zone=zone, yours=yours)

    async def _alerts(self, _command: object, _asked: TypedCommand) -> Message:
        return answers.alerts(level=(await self._preferences.read()).alerts)

    async def _set_approvers(self, command: SetApprovers, asked: TypedCommand) -> Message | None:
        if command.ids is not None and (
            why := await self._context.approvers.objection(command.ids, asked.person)
        ):
            await self._context.refuse(asked, Denied(why))
            return None
        await self._preferences.keep({APPROVERS: approvers_text(command.ids)}, asked.person)
        return await self._approvers(command, asked)

    async def _set_quiet(self, command: SetQuiet, asked: TypedCommand) -> Message:
        await self._preferences.keep({QUIET: quiet_text(command.hours)}, asked.person)
        return await self._quiet(command, asked)

    async def _set_alerts(self, command: SetAlerts, asked: TypedCommand) -> Message:
        await self._preferences.keep({ALERTS: alerts_text(command.level)}, asked.person)
        return await self._alerts(command, asked)
