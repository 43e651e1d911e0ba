"""Introduce Tipo in a channel into which somebody invites it: once, and with three buttons.

who has joined                            then
----------------------------------------  ---------------------------------------------------
Tipo, for the first time                  what it is, where its alerts go, three buttons
Tipo, who was there before                nothing: it has introduced itself
Tipo, and Slack tells of it once more     nothing: the channel is claimed before the words
anybody else                              nothing
"""

import logging

from bot.handler_context import HandlerContext
from bot.messages.answers import welcome
from bot.payloads import Joined

log = logging.getLogger(__name__)


class Welcome:
    """Introduces Tipo."""

    def __init__(self, context: HandlerContext) -> None:
        self._context = context

    async def joined(self, joined: Joined) -> None:
        """Introduce Tipo, if it is Tipo who has joined, in our own workspace."""
        us = await self._context.slack.identity()
        if (joined.team, joined.user) != (us.team, us.user):
            return
        if not await self._context.core.claim(f"welcome:{joined.channel}", lasting=True):
            return
        log.info("invited into a channel", extra={"event": "invited", "channel": joined.channel})
        said = welcome(alerts=self._context.channel, here=joined.channel)
        await self._context.post(joined.channel, said)
