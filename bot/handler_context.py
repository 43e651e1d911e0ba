"""What every handler works with, and how a person is answered wherever they are.

where somebody is                 the answer goes
--------------------------------  -----------------------------------------------------
a channel: command, button, menu  to the response_url: only they see it
a modal or the App Home           to them alone, as a direct message
the response_url is used up       into the channel for their eyes, else a direct message
a message that mentions us        into its thread if all may see it, else to them alone
a direct message                  into the same conversation

Slack shows what is for one person's eyes in a thread only where the thread has begun: beside a
mention that is in none it goes to the channel.
"""

import logging
from dataclasses import dataclass

from bot.approvers import Allowed, Approvers, Denied
from bot.core_client import CoreClient
from bot.messages.block_kit import Message
from bot.messages.decisions import not_allowed
from bot.payloads import Click, Shortcut, Submission, TypedCommand
from bot.permalinks import Permalinks
from bot.post_renderer import PostUpdater
from bot.preferences import Preferences
from bot.slack_api import SlackApi
from bot.slack_calls import Showable
from bot.slack_errors import SlackError, SlackNoAnswer, SlackRateLimited
from bot.zones import ReaderZones, localized
from sync_core.clock import Clock, Ids

log = logging.getLogger(__name__)

MAX_WAIT_SECONDS = 30.0  # that an answer waits because Slack asks us to

Interaction = TypedCommand | Click | Shortcut | Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerContext:
    """What every handler works with."""

    core: CoreClient
    slack: SlackApi
    updater: PostUpdater
    approvers: Approvers
    preferences: Preferences
    clock: Clock
    ids: Ids
    channel: str  # for alerts
    zones: ReaderZones
    links: Permalinks

    async def answer(
        self,
        interaction: Interaction,
        message: Message,
        *,
        replace: bool = False,
        public: bool = False,
    ) -> None:
        """Answer a person, one way or another. Never raises for Slack's sake.

        Args:
            interaction: What they have done.
            message: The answer.
            replace: Whether it takes the place of the message in which they clicked.
            public: Whether all may see it, where they asked before all: in a message.
        """
        said = localized(message, await self.zones.of(interaction.person.id))
        if isinstance(interaction, TypedCommand) and (asked := interaction.message) is not None:
            thread = asked.thread or ("" if asked.direct else asked.ts)
            shown = said if asked.direct else localized(message, self.zones.otherwise)
            if (public or asked.direct) and await self.post(interaction.channel, shown, thread):
                return
        url = "" if isinstance(interaction, Submission) else interaction.response_url
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

    async def post(self, channel: str, message: Showable, thread: str = "") -> bool:
        """Post for all to see; if Slack asks us to wait, wait once. Say if it may be there."""
        for attempt in range(2):
            try:
                await self.slack.post(channel, message, thread=thread or None)
            except SlackRateLimited as exc:
                if attempt or exc.wait > MAX_WAIT_SECONDS:
                    return False
                await self.clock.sleep(exc.wait)
            except SlackError as exc:
                log.warning("an answer fails", extra={"event": "answer_failed", "why": str(exc)})
                return isinstance(exc, SlackNoAnswer)  # it may be there: never say it twice
            else:
                return True
        return False

    async def _answer_without_url(self, interaction: Interaction, message: Showable) -> None:
        """Answer where no response_url helps."""
        channel = "" if isinstance(interaction, Submission) else interaction.channel
        thread = ""
        if isinstance(interaction, TypedCommand) and interaction.message is not None:
            thread = interaction.message.thread
        if channel:
            try:
                await self.slack.post_ephemeral(
                    channel, interaction.person.id, message, thread=thread or None
                )
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
