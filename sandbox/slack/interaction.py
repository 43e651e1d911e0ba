"""What a person did, how the app acked it, and what that person then saw."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.slack.payload_sender import Ack, OutgoingPayload
from sandbox.slack.state import SlackMessage, SlackUser, SlackView, WorkspaceState

NOT_SENT = Ack(ack_ms=0.0, error="not sent")
Until = Callable[[Callable[[], Any], float], Awaitable[Any]]


@dataclass(slots=True, kw_only=True)
class Interaction:
    """One thing done in Slack."""

    who: SlackUser
    what: str
    outgoing: OutgoingPayload = field(repr=False)
    began: int  # the number of the last change before it
    state: WorkspaceState = field(repr=False)
    until: Until = field(repr=False)
    ack: Ack = NOT_SENT
    failed: str | None = None  # the words that Slack showed instead of an answer

    @property
    def ack_ms(self) -> float:
        """How long the ack took."""
        return self.ack.ack_ms

    @property
    def status(self) -> int | None:
        """The HTTP status of the ack; None through a socket or without an answer."""
        return self.ack.status

    @property
    def body(self) -> str:
        """What came with the ack."""
        return self.ack.body

    @property
    def acked(self) -> bool:
        """Whether the app acked in time, and Slack could use what it said."""
        return self.ack.error is None and self.failed is None

    @property
    def trigger_id(self) -> str:
        """The trigger that the app was given."""
        return str(self.outgoing.payload.get("trigger_id", ""))

    @property
    def response_url(self) -> str:
        """The address for answers that the app was given."""
        return str(self.outgoing.payload.get("response_url", ""))

    def seen(self) -> list[SlackMessage]:
        """Return what this person could see new or changed since, oldest change first."""
        since = [
            message
            for message in self.state.messages.values()
            if message.seq > self.began and self.state.visible(message, self.who.id)
        ]
        return sorted(since, key=lambda message: message.seq)

    def ephemeral_replies(self) -> list[SlackMessage]:
        """Return what was shown to this person alone since."""
        return [message for message in self.seen() if message.only_for == self.who.id]

    def views(self) -> list[SlackView]:
        """Return what was opened or redrawn for this person since: modals, and their Home."""
        home = self.state.homes.get(self.who.id)
        drawn = [*self.state.modals.get(self.who.id, []), *([home] if home else [])]
        return [view for view in drawn if view.seq > self.began]

    async def answer(self, within: float = 2.0) -> SlackMessage:
        """Wait until this person sees something; return the newest of it."""
        await self.until(self.seen, within)
        return self.seen()[-1]

    async def modal(self, within: float = 2.0) -> SlackView:
        """Wait until a modal or Home is drawn for this person; return it."""
        await self.until(self.views, within)
        return self.views()[-1]
