"""What every handler works with, and how a person is answered wherever they are.

where somebody is                 the answer goes
--------------------------------  -----------------------------------------------------
a channel, by command or button   to the response_url: only they see it
a modal or the App Home           to them alone, as a direct message
the response_url is used up       into the channel for their eyes, else a direct message
"""

import logging
from dataclasses import dataclass

from bot.approvers import Allowed, Approvers, Denied
from bot.core_client import CoreClient
from bot.messages.block_kit import Message
from bot.messages.decisions import not_allowed
from bot.payloads import Click, SlashCommand, Submission
from bot.permalinks import Permalinks
from bot.post_renderer import PostUpdater
from bot.slack_api import SlackApi
from bot.slack_calls import Showable
from bot.slack_errors import SlackError
from bot.zones import ReaderZones, localized
from sync_core.clock import Clock, Ids

log = logging.getLogger(__name__)

Interaction = SlashCommand | Click | Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerContext:
    """What every handler works with."""

    core: CoreClient
    slack: SlackApi
    updater: PostUpdater
    approvers: Approvers
    clock: Clock
    ids: Ids
    channel: str  # for alerts
    zone: str  # of quiet hours
    zones: ReaderZones
    links: Permalinks

    async def answer(
        self, interaction: Interaction, message: Message, *, replace: bool = False
    ) -> None:
        """Answer a person, one way or another. Never raises for Slack's sake."""
        url = "" if isinstance(interaction, Submission) else interaction.response_url
        said = localized(message, await self.zones.of(interaction.person.id))
        if url:
            try:
                await self.slack.respond(url, said, replace=replace)
            except SlackError as exc:
                log.warning(
                    "a response_url fails", extra={"event": "reply_failed", "why": str(exc)}
                )
            else:
                return
        await self._answer_without_url(interaction, said)

    async def _answer_without_url(self, interaction: Interaction, message: Showable) -> None:
        """Answer where no response_url helps."""
        channel = "" if isinstance(interaction, Submission) else interaction.channel
        if channel:
            try:
                await self.slack.post_ephemeral(channel, interaction.person.id, message)
            except SlackError as exc:
                log.info(
                    "cannot answer ephemerally",
                    extra={"event": "ephemeral_failed", "why": str(exc)},
                )
            else:
                return
        for each in (message, Message(message.text)):
            try:
                await self.slack.post(interaction.person.id, each)
            except SlackError as exc:
                log.warning("an answer fails", extra={"event": "answer_failed", "why": str(exc)})
            else:
                return

    async def require_approver(self, interaction: Interaction) -> Allowed | None:
        """Return the rule that allows somebody to decide; else tell them why not."""
        found = await self.approvers.authorize(interaction.person)
        if isinstance(found, Allowed):
            return found
        await self.refuse(interaction, found)
        return None

    async def refuse(self, interaction: Interaction, why: Denied) -> None:
        """Tell somebody that they may not, and who may."""
        log.info(
            "refused a person",
            extra={"event": "not_allowed", "user": interaction.person.id, "why": why.why},
        )
        await self.answer(interaction, not_allowed(why=why.why, listed=why.listed))

    async def is_ours(self, interaction: Interaction) -> bool:
        """Whether somebody is of our workspace; strangers learn nothing of the stock."""
        try:
            ours = await self.approvers.is_ours(interaction.person)
        except SlackError:
            await self.refuse(
                interaction, Denied("Slack isn't answering at the moment. Try again.")
            )
            return False
        if not ours:
            await self.refuse(interaction, Denied("Only people of this workspace can use Tipo."))
        return ours
