"""What every handler works with, and how a person is answered wherever they are.

where somebody is                 the answer goes
--------------------------------  -----------------------------------------------------
a channel, by command or button   to the response_url: only they see it
a modal or the App Home           to them alone, as a direct message
the response_url is used up       into the channel for their eyes, else a direct message
"""

import logging
from dataclasses import dataclass

from bot.approvers import Approvers, May, MayNot
from bot.core import Core
from bot.drawing import Drawing
from bot.messages.clicks import not_allowed
from bot.messages.kit import Message
from bot.reading import Asked, Click, Submission
from bot.workspace import SlackTrouble, Workspace
from sync_core.clock import Clock, Ids

log = logging.getLogger(__name__)

Act = Asked | Click | Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What every handler works with."""

    core: Core
    workspace: Workspace
    drawing: Drawing
    approvers: Approvers
    clock: Clock
    ids: Ids
    channel: str  # for alerts
    zone: str  # of quiet hours

    async def answer(self, act: Act, said: Message, *, replace: bool = False) -> None:
        """Answer a person, one way or another. Never raises for Slack's sake."""
        url = "" if isinstance(act, Submission) else act.reply
        if url:
            try:
                await self.workspace.reply(url, said, replace=replace)
            except SlackTrouble as exc:
                log.warning("a response_url fails", extra={"act": "reply_failed", "why": str(exc)})
            else:
                return
        await self._elsewhere(act, said)

    async def _elsewhere(self, act: Act, said: Message) -> None:
        """Answer where no response_url helps."""
        channel = "" if isinstance(act, Submission) else act.channel
        if channel:
            try:
                await self.workspace.whisper(channel, act.person.id, said)
            except SlackTrouble as exc:
                log.info("cannot whisper", extra={"act": "whisper_failed", "why": str(exc)})
            else:
                return
        for each in (said, Message(said.text)):
            try:
                await self.workspace.post(act.person.id, each)
            except SlackTrouble as exc:
                log.warning("an answer fails", extra={"act": "answer_failed", "why": str(exc)})
            else:
                return

    async def allowed(self, act: Act) -> May | None:
        """Return the rule that allows somebody to decide; else tell them why not."""
        found = await self.approvers.may(act.person)
        if isinstance(found, May):
            return found
        await self.refuse(act, found)
        return None

    async def refuse(self, act: Act, why: MayNot) -> None:
        """Tell somebody that they may not, and who may."""
        log.info(
            "refused a person",
            extra={"act": "not_allowed", "user": act.person.id, "why": why.why},
        )
        await self.answer(act, not_allowed(why=why.why, listed=why.listed))

    async def is_ours(self, act: Act) -> bool:
        """Whether somebody is of our workspace; strangers learn nothing of the stock."""
        try:
            ours = await self.approvers.is_ours(act.person)
        except SlackTrouble:
            await self.refuse(act, MayNot("Slack does not answer us at the moment. Try again."))
            return False
        if not ours:
            await self.refuse(act, MayNot("Only people of this workspace may use Tipo."))
        return ours
