"""What people do: type commands, click, choose, submit, open the Home, write."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sandbox.slack import payloads
from sandbox.slack.api_call import ApiRefusal
from sandbox.slack.api_context import ApiContext, ResponseUrl
from sandbox.slack.form_input import (
    ImpossibleAction,
    entered,
    field_of,
    filled,
    find,
    require_all,
    state_of,
)
from sandbox.slack.interaction import Interaction
from sandbox.slack.mrkdwn import BROADCASTS, escape, typed
from sandbox.slack.payload_sender import OutgoingPayload, PayloadSender, PayloadType
from sandbox.slack.response_urls import apply_response
from sandbox.slack.signing import HONEST, Forgery
from sandbox.slack.state import Channel, HistoryKind, SlackMessage, SlackUser, SlackView
from sandbox.slack.view_submission import apply_ack
from sandbox.slack.workspace_changes import (
    MessageContent,
    PostOptions,
    close_view,
    direct_channel,
    post,
)

T = TypeVar("T")
SLACKBOT = "USLACKBOT"
CONNECTION_TROUBLE = "We had some trouble connecting. Try again?"
NO_ANSWER = "This app is not responding. Try again in a moment."


class UserActions:
    """A running workspace's people."""

    def __init__(self, api: ApiContext, sender: PayloadSender) -> None:
        self.api, self.sender = api, sender
        self._changed = asyncio.Event()
        api.state.changed = self._wake

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def until(self, holds: Callable[[], T], within: float = 2.0) -> T:
        """Wait until something holds, checking after each change.

        Raises:
            TimeoutError: If it does not in so many seconds.
        """
        async with asyncio.timeout(within):
            while not (found := holds()):
                await self._changed.wait()
        return found

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

    def _show_failure(self, interaction: Interaction, words: str, channel: Channel | None) -> None:
        interaction.failed = words
        state = self.api.state
        state.next_seq()
        if channel is None:
            state.enter(HistoryKind.FAILED, interaction.who.id, words=words)
        else:
            post(
                state,
                channel.id,
                SLACKBOT,
                MessageContent(text=words),
                PostOptions(only_for=interaction.who.id),
            )

    async def _send(self, person: SlackUser, what: str, outgoing: OutgoingPayload) -> Interaction:
        state = self.api.state
        interaction = Interaction(
            who=person, what=what, outgoing=outgoing, began=state.seq, state=state, until=self.until
        )
        interaction.ack = await self.sender.send(outgoing)
        return interaction

    # Clicks -----------------------------------------------------------------------------------

    async def click(  # noqa: PLR0913  whoever clicks chooses all of this
        self,
        person: SlackUser,
        where: SlackMessage | SlackView,
        action_id: str,
        *,
        nth: int = 0,
        value: str | None = None,
        version: int = -1,
        forgery: Forgery = HONEST,
    ) -> Interaction:
        """Let somebody click a button (its confirmation included).

        Args:
            person: Who clicks.
            where: The message, modal or Home.
            action_id: Of the button.
            nth: Which, if several have the id.
            value: Which, by its value.
            version: Of a message: which of its versions is still on their screen.
            forgery: How the request is falsified.

        Raises:
            Impossible: If they cannot see it, or there is no such button.
        """
        self._require_visible(person, where)
        block, element = find(_blocks(where, version), action_id, nth, value)
        action = _action(block, element)
        for name in ("text", "value", "style"):
            if name in element:
                action[name] = element[name]
        what = f"clicks [{element.get('text', {}).get('text', action_id)}]"
        if confirm := element.get("confirm"):
            what += f", asked {confirm['title']['text']!r} clicks [{confirm['confirm']['text']}]"
        return await self._send_action(person, where, (what, action), version, forgery)

    async def select(
        self,
        person: SlackUser,
        where: SlackMessage | SlackView,
        action_id: str,
        value: Any,
        *,
        nth: int = 0,
        forgery: Forgery = HONEST,
    ) -> Interaction:
        """Let somebody choose in a menu, by an option's value or words (a list, if it is multiple).

        Raises:
            Impossible: If they cannot see it, or there is no such menu or option.
        """
        self._require_visible(person, where)
        block, element = find(_blocks(where, -1), action_id, nth)
        chosen = entered(element, value)
        if element["type"] != "overflow":
            where.entered.setdefault(block["block_id"], {})[element["action_id"]] = chosen
        action = _action(block, element) | chosen
        words = chosen[field_of(element["type"])]
        return await self._send_action(
            person, where, (f"chooses {_words(words)}", action), -1, forgery
        )

    async def click_raw(
        self,
        person: SlackUser,
        where: SlackMessage | SlackView,
        action: Mapping[str, Any],
        *,
        version: int = -1,
        forgery: Forgery = HONEST,
    ) -> Interaction:
        """Send a click at something that need not be there, by whomever: Slack checks nothing."""
        made = {"type": "button", "block_id": "forged", "action_ts": self.api.state.new_ts()}
        what = f"sends a click at {action.get('action_id')}"
        return await self._send_action(person, where, (what, made | dict(action)), version, forgery)

    async def click_all(
        self,
        people: list[SlackUser],
        where: SlackMessage | SlackView,
        action_id: str,
        *,
        nth: int = 0,
    ) -> list[Interaction]:
        """Let people click the same button at the same time; who is named twice clicks twice."""
        async with asyncio.TaskGroup() as group:
            clicks = [
                group.create_task(self.click(person, where, action_id, nth=nth))
                for person in people
            ]
        return [click.result() for click in clicks]

    async def _send_action(
        self,
        person: SlackUser,
        where: SlackMessage | SlackView,
        done: tuple[str, dict[str, Any]],
        version: int,
        forgery: Forgery,
    ) -> Interaction:
        what, action = done
        action.setdefault("action_ts", self.api.state.new_ts())
        state = self.api.state
        channel = where.channel if isinstance(where, SlackMessage) else None
        state.next_seq()
        state.enter(HistoryKind.CLICKED, person.id, channel=channel, words=what)
        if isinstance(where, SlackMessage):
            payload = payloads.click_at_message(self.api, person, where, action, version)
        else:
            payload = payloads.click_in_view(self.api, person, where, action)
        outgoing = self.sender.pack(PayloadType.INTERACTIVE, payload, forgery)
        interaction = await self._send(person, what, outgoing)
        if interaction.ack.error:
            self._show_failure(interaction, NO_ANSWER, state.channels[channel] if channel else None)
        return interaction

    def _require_visible(self, person: SlackUser, where: SlackMessage | SlackView) -> None:
        state = self.api.state
        if isinstance(where, SlackView):
            seen = where.open and where.user == person.id
        else:
            seen = state.visible(where, person.id)
        if not seen:
            raise ImpossibleAction(f"{person.name} does not see that")

    # Modals -----------------------------------------------------------------------------------

    async def submit(
        self,
        person: SlackUser,
        view: SlackView,
        values: Mapping[str, Any] | None = None,
        *,
        forgery: Forgery = HONEST,
    ) -> Interaction:
        """Let somebody fill out a modal, by block id, and submit it.

        Raises:
            Impossible: If the modal is not theirs, a value does not fit, or an input is missing.
        """
        self._require_on_top(person, view)
        for block_id, chosen in filled(view.blocks, values or {}).items():
            view.entered.setdefault(block_id, {}).update(chosen)
        if "submit" not in view.content:
            raise ImpossibleAction("this modal has no button to submit it")
        require_all(view.blocks, state_of(view.blocks, view.entered))
        state = self.api.state
        view.errors = {}
        state.next_seq()
        what = f"submits {view.title!r}"
        state.enter(HistoryKind.SUBMITTED, person.id, view=view, words=what)
        payload = payloads.submission(self.api, person, view)
        interaction = await self._send(
            person, what, self.sender.pack(PayloadType.INTERACTIVE, payload, forgery)
        )
        trouble = interaction.ack.error or apply_ack(self.api, view, interaction.ack.said)
        if trouble:
            self._show_failure(interaction, CONNECTION_TROUBLE, None)
        return interaction

    async def close(
        self, person: SlackUser, view: SlackView, *, all_of_them: bool = False
    ) -> Interaction | None:
        """Let somebody close a modal; return the interaction if the app is notified of it.

        Raises:
            Impossible: If the modal is not theirs, or not on top.
        """
        self._require_on_top(person, view)
        stack = self.api.state.modals[person.id]
        payload = payloads.closing(self.api, person, view, all_of_them=all_of_them)
        close_view(self.api.state, stack[0] if all_of_them else view)
        if not view.content.get("notify_on_close"):
            return None
        outgoing = self.sender.pack(PayloadType.INTERACTIVE, payload)
        return await self._send(person, f"closes {view.title!r}", outgoing)

    def _require_on_top(self, person: SlackUser, view: SlackView) -> None:
        stack = self.api.state.modals.get(person.id)
        if not stack or stack[-1] is not view:
            raise ImpossibleAction(f"{person.name} has no such modal in front of them")

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
        for kind in self._event_types(channel, text):
            inner = {"type": kind, "user": person.id, "text": text, "ts": message.ts}
            await self.event(inner | {"channel": channel.id, "event_ts": message.ts}, by=person)
        return message

    def _event_types(self, channel: Channel, text: str) -> list[str]:
        app = self.api.app
        if app.user_id not in channel.members:
            return []
        kind = "im" if channel.im_with else "groups" if channel.private else "channels"
        event_types = ["message"] if f"message.{kind}" in app.events else []
        if "app_mention" in app.events and f"<@{app.user_id}>" in text:
            event_types.append("app_mention")
        return event_types

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


def _blocks(where: SlackMessage | SlackView, version: int) -> list[dict[str, Any]]:
    return where.blocks if isinstance(where, SlackView) else where.versions[version].blocks


def _action(block: Mapping[str, Any], element: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block["block_id"],
    }


def _words(chosen: Any) -> str:
    if isinstance(chosen, list):
        return ", ".join(_words(each) for each in chosen)
    return str(chosen["text"]["text"]) if isinstance(chosen, dict) else str(chosen)
