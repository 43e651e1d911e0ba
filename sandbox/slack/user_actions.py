"""What people do besides: type commands, open the Home, write; and what is sent again."""

import asyncio
from collections.abc import Mapping
from typing import Any

from sandbox.slack import payloads
from sandbox.slack.api_call import ApiRefusal
from sandbox.slack.api_context import ApiContext, ResponseUrl
from sandbox.slack.block_actions import BlockActions
from sandbox.slack.conversation_events import joined_event, message_events
from sandbox.slack.form_input import ImpossibleAction
from sandbox.slack.interaction import Interaction
from sandbox.slack.mrkdwn import BROADCASTS, escape, typed
from sandbox.slack.payload_sender import OutgoingPayload, PayloadSender, PayloadType
from sandbox.slack.response_urls import apply_response
from sandbox.slack.signing import HONEST, Forgery
from sandbox.slack.state import Channel, HistoryKind, SlackHistoryEntry, SlackMessage, SlackUser
from sandbox.slack.workspace_changes import (
    MessageContent,
    PostOptions,
    change,
    delete,
    direct_channel,
    post,
)

OWN_EVENTS = {HistoryKind.POSTED, HistoryKind.CHANGED, HistoryKind.DELETED}


class UserActions(BlockActions):
    """A running workspace's people."""

    def __init__(self, api: ApiContext, sender: PayloadSender) -> None:
        self._seen: SlackHistoryEntry | None = None
        self._own_events: set[asyncio.Task[Interaction]] = set()
        self.delivered: Interaction | None = None
        super().__init__(api, sender)

    async def finish_events(self) -> None:
        """End what is still on its way to the app."""
        for task in self._own_events:
            task.cancel()
        await asyncio.gather(*self._own_events, return_exceptions=True)

    # Commands ---------------------------------------------------------------------------------

    async def command(
        self, person: SlackUser, line: str, *, channel: Channel, forgery: Forgery = HONEST
    ) -> Interaction:
        """Let somebody type a slash command.

        Raises:
            Impossible: If they are not in the channel, or no such command is installed.
        """
        name, _, rest = line.partition(" ")
        if person.id not in channel.members or channel.archived:
            raise ImpossibleAction(f"{person.name} cannot write in #{channel.name}")
        if name not in self.api.app.commands:
            raise ImpossibleAction(f"{name} is not a valid command")
        self.api.state.next_seq()
        self.api.state.enter(HistoryKind.TYPED, person.id, channel=channel.id, words=line)
        form = payloads.command(self.api, person, channel, (name, self._escape_typed(rest.strip())))
        interaction = await self._send(
            person, line, self.sender.pack(PayloadType.COMMAND, form, forgery)
        )
        if interaction.ack.error:
            words = f'{name} failed with the error "{interaction.ack.error}"'
            self._show_failure(interaction, words, channel)
        elif interaction.ack.said:
            self._show_ack_message(interaction, channel)
        return interaction

    def _escape_typed(self, text: str) -> str:
        if not self.api.app.should_escape:
            return escape(text)
        state = self.api.state
        names = {f"@{loud}": f"<!{loud}>" for loud in BROADCASTS}
        names |= {f"@{each.name}": f"<@{each.id}|{each.name}>" for each in state.people.values()}
        names |= {
            f"#{each.name}": f"<#{each.id}|{each.name}>"
            for each in state.channels.values()
            if not each.im_with
        }
        for group in state.groups.values():
            names[f"@{group.handle}"] = f"<!subteam^{group.id}|@{group.handle}>"
        return typed(text, names)

    def _show_ack_message(self, interaction: Interaction, channel: Channel) -> None:
        """Show what came with the ack of a command."""
        url = ResponseUrl(user=interaction.who.id, channel=channel.id, at=self.api.state.clock())
        try:
            apply_response(self.api, url, interaction.ack.said)
        except ApiRefusal as no:
            self._show_failure(
                interaction, f"{interaction.what.split()[0]} failed: {no.error}", channel
            )

    # Home, talk and events --------------------------------------------------------------------

    async def open_home(self, person: SlackUser, *, forgery: Forgery = HONEST) -> Interaction:
        """Let somebody open the app's Home."""
        state = self.api.state
        inner = {
            "type": "app_home_opened",
            "user": person.id,
            "channel": direct_channel(state, person, self.api.bot).id,
            "tab": "home",
            "event_ts": state.new_ts(),
        }
        return await self.event(inner, by=person, forgery=forgery)

    async def event(
        self,
        inner: dict[str, Any],
        *,
        by: SlackUser | None = None,
        event_id: str | None = None,
        retry: int = 0,
        forgery: Forgery = HONEST,
    ) -> Interaction:
        """Deliver an event; `retry` above 0 marks it as a repetition."""
        payload = payloads.event(self.api, inner, event_id or self.api.state.new_id("Ev"))
        extra = _retried(retry)
        outgoing = self.sender.pack(PayloadType.EVENT, payload, forgery, extra)
        return await self._send(by or self.api.bot, str(inner["type"]), outgoing)

    async def say(
        self, person: SlackUser, channel: Channel, text: str, *, thread_ts: str | None = None
    ) -> SlackMessage:
        """Let somebody write in a channel; the app gets the events it has subscribed to.

        Raises:
            Impossible: If they are not in the channel.
        """
        if person.id not in channel.members or channel.archived:
            raise ImpossibleAction(f"{person.name} cannot write in #{channel.name}")
        where = PostOptions(thread_ts=thread_ts)
        message = post(self.api.state, channel.id, person.id, MessageContent(text=text), where)
        await self._tell(message, person)
        return message

    async def edit(self, person: SlackUser, message: SlackMessage, text: str) -> None:
        """Let somebody change what they have written."""
        change(self.api.state, message, MessageContent(text=text))
        await self._tell(message, person, HistoryKind.CHANGED)

    async def remove(self, person: SlackUser, message: SlackMessage) -> None:
        """Let somebody delete what they have written."""
        delete(self.api.state, message)
        await self._tell(message, person, HistoryKind.DELETED)

    async def _tell(
        self, message: SlackMessage, by: SlackUser, kind: HistoryKind = HistoryKind.POSTED
    ) -> None:
        """Deliver the events of a message; `self.delivered` keeps the last of them."""
        for inner in message_events(self.api, message, kind):
            self.delivered = await self.event(inner, by=by)

    async def invite(
        self, person: SlackUser, channel: Channel, *, by: SlackUser | None = None
    ) -> Interaction | None:
        """Let somebody invite a person, or the bot, into a channel; return the event, if any."""
        if person.id in channel.members:
            raise ImpossibleAction(f"{person.name} is in #{channel.name} already")
        channel.members.append(person.id)
        inner = joined_event(self.api, channel, person, by)
        return None if inner is None else await self.event(inner, by=by or person)

    def _wake(self) -> None:
        """Deliver to the app the events of its own messages, as Slack does."""
        super()._wake()
        entry = self.api.state.history[-1] if self.api.state.history else None
        if entry is self._seen or entry is None or entry.message is None:
            return
        self._seen = entry
        is_own = entry.who == self.api.app.user_id and entry.kind in OWN_EVENTS
        if not is_own or self.sender.session is None:
            return
        for inner in message_events(self.api, entry.message, entry.kind):
            task = asyncio.get_running_loop().create_task(self.event(inner))
            self._own_events.add(task)
            task.add_done_callback(self._own_events.discard)

    # Once more --------------------------------------------------------------------------------

    async def replay(self, interaction: Interaction) -> Interaction:
        """Send the very same bytes and headers again, as a thief of the request would."""
        return await self._send(interaction.who, interaction.what, interaction.outgoing)

    async def retry(self, interaction: Interaction, number: int = 1) -> Interaction:
        """Deliver an event again as Slack does, freshly signed and marked as a repetition."""
        outgoing = self.sender.pack(
            interaction.outgoing.way, interaction.outgoing.payload, extra=_retried(number)
        )
        return await self._send(interaction.who, interaction.what, outgoing)

    async def send(self, body: bytes, headers: Mapping[str, str]) -> Interaction:
        """Send any bytes with any headers, as a stranger on the internet would."""
        outgoing = OutgoingPayload(
            way=PayloadType.INTERACTIVE, payload={}, body=body, headers=headers
        )
        return await self._send(self.api.bot, "sends bytes", outgoing)


def _retried(number: int) -> dict[str, str]:
    if not number:
        return {}
    return {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": "http_timeout"}
