"""Answer messages to us: a mention in a channel, or a direct message, does what `/tipo` does.

    the message                                          answer
    ---------------------------------------------------  ----------------------------------------
    of a bot, of ours, of somebody outside, of Slackbot  none
    changed, deleted, or of another subtype              none (`read_message` takes it for nothing)
    one that was answered: Slack sent it again           none
    the 21st of a person within a minute                 once that it is too much, then none
    an order that is minutes old                         that nothing was done
    anything else                                        that of the command

Slack delivers an event again until it is acked, to whichever process it reaches. So who answers
claims the message in the database first: a memory, or a look at Slack's retry header, would answer
twice where two processes serve, or never where the first delivery was lost.
"""

import logging
from collections import deque
from datetime import datetime, timedelta

from bot.commands.handlers import CommandHandlers
from bot.handler_context import HandlerContext
from bot.message_shortcut import MessageShortcut
from bot.messages import answers
from bot.payloads import TypedCommand
from bot.slack_errors import SlackError
from bot.welcome import Welcome
from sync_core.domain.proposals import Person

log = logging.getLogger(__name__)

MAX_MESSAGES_A_MINUTE = 20  # of one person
MINUTE = timedelta(minutes=1)
MAX_REMEMBERED_PEOPLE = 1_000
TOO_MANY = (
    f"That is more than {MAX_MESSAGES_A_MINUTE} messages in a minute. Tipo answers again in a "
    "minute; nothing was done about this one."
)


class MessageHandlers:
    """Answers messages."""

    def __init__(self, context: HandlerContext, commands: CommandHandlers) -> None:
        self._context = context
        self._commands = commands
        self.shortcut = MessageShortcut(context, commands)
        self.welcome = Welcome(context)
        self._written: dict[str, deque[datetime]] = {}  # when people wrote lately, by their ids

    async def answer(self, asked: TypedCommand) -> None:
        """Answer a message, once, if it is from somebody whom we answer."""
        message = asked.message
        if message is None or not await self._may_talk(asked.person):
            return
        if not await self._context.core.claim(f"message:{asked.channel}:{message.ts}"):
            return
        earlier = self._count(asked.person)
        if earlier > MAX_MESSAGES_A_MINUTE:
            return
        if earlier == MAX_MESSAGES_A_MINUTE:
            await self._context.answer(asked, answers.refused(sentence=TOO_MANY))
            return
        await self._commands.answer(asked)

    async def _may_talk(self, person: Person) -> bool:
        try:
            allowed = await self._context.approvers.may_talk(person)
        except SlackError as exc:
            # Who nobody knows may be a stranger, and strangers learn nothing.
            log.warning(
                "Slack does not say who wrote", extra={"event": "unknown_writer", "why": str(exc)}
            )
            return False
        if not allowed:
            log.info("a message is not answered", extra={"event": "writer_ignored"})
        return allowed

    def _count(self, person: Person) -> int:
        """Note that somebody writes; return how often they did so in the minute before."""
        now = self._context.clock.now()
        times = self._written.pop(person.id, deque(maxlen=MAX_MESSAGES_A_MINUTE + 1))
        while times and now - times[0] > MINUTE:
            times.popleft()
        earlier = len(times)
        times.append(now)
        self._written[person.id] = times
        while len(self._written) > MAX_REMEMBERED_PEOPLE:
            del self._written[next(iter(self._written))]
        return earlier
