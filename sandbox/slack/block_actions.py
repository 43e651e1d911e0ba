"""What people do with messages and modals: click, choose, submit, close."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sandbox.slack import payloads
from sandbox.slack.api_context import ApiContext
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
from sandbox.slack.payload_sender import OutgoingPayload, PayloadSender, PayloadType
from sandbox.slack.signing import HONEST, Forgery
from sandbox.slack.state import Channel, HistoryKind, SlackMessage, SlackUser, SlackView
from sandbox.slack.view_submission import apply_ack
from sandbox.slack.workspace_changes import MessageContent, PostOptions, close_view, post

T = TypeVar("T")
SLACKBOT = "USLACKBOT"
CONNECTION_TROUBLE = "We had some trouble connecting. Try again?"
NO_ANSWER = "This app is not responding. Try again in a moment."


class BlockActions:
    """People at the blocks that an app has shown them; each action is sent to the app."""

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

    # Clicks -----------------------------------------------------------------------------------

    async def click(  # noqa: PLR0913  a person who clicks chooses all of this
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
            Impossible: If they cannot see it, or there is no such menu or option; or if it is an
                input that sends nothing before it is submitted.
        """
        self._require_visible(person, where)
        block, element = find(_blocks(where, -1), action_id, nth)
        if block["type"] == "input" and not block.get("dispatch_action"):
            raise ImpossibleAction(f"{action_id!r} sends nothing: its block does not dispatch")
        chosen = entered(element, value)
        if element["type"] != "overflow":
            where.entered.setdefault(block["block_id"], {})[element["action_id"]] = chosen
        action = _action(block, element) | chosen
        words = chosen[field_of(element["type"])]
        return await self._send_action(
            person, where, (f"chooses {_words(words)}", action), -1, forgery
        )

    def enter(self, person: SlackUser, view: SlackView, values: Mapping[str, Any]) -> None:
        """Let somebody fill out fields of a modal, by block id, and not submit it yet.

        Raises:
            Impossible: If they cannot see it, there is no such field, or a value does not fit.
        """
        self._require_visible(person, view)
        for block_id, chosen in filled(view.blocks, values).items():
            for each in chosen.values():
                self._require_known(each.get("selected_users") or [])
            view.entered.setdefault(block_id, {}).update(chosen)

    async def click_raw(
        self,
        person: SlackUser,
        where: SlackMessage | SlackView,
        action: Mapping[str, Any],
        *,
        version: int = -1,
        forgery: Forgery = HONEST,
    ) -> Interaction:
        """Send a click at something that need not be there, by anybody: Slack checks nothing."""
        made = {"type": "button", "block_id": "forged", "action_ts": self.api.state.new_ts()}
        what = f"sends a click at {action.get('action_id')}"
        return await self._send_action(person, where, (what, made | dict(action)), version, forgery)

    async def shortcut(
        self,
        person: SlackUser,
        message: SlackMessage,
        callback_id: str,
        *,
        forgery: Forgery = HONEST,
    ) -> Interaction:
        """Let somebody choose a shortcut in the menu of a message, of a person or an app.

        Raises:
            Impossible: If they cannot see it, only they can, or no such shortcut is installed.
        """
        self._require_visible(person, message)
        if message.only_for is not None:
            raise ImpossibleAction("a message for one person alone has no shortcuts")
        if callback_id not in self.api.app.message_shortcuts:
            raise ImpossibleAction(f"there is no shortcut {callback_id!r}")
        state = self.api.state
        state.next_seq()
        what = f"chooses the shortcut {callback_id}"
        state.enter(HistoryKind.CLICKED, person.id, channel=message.channel, words=what)
        payload = payloads.message_shortcut(self.api, person, message, callback_id)
        outgoing = self.sender.pack(PayloadType.INTERACTIVE, payload, forgery)
        interaction = await self._send(person, what, outgoing)
        if interaction.ack.error:
            self._show_failure(interaction, NO_ANSWER, state.channels[message.channel])
        return interaction

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

    def _require_known(self, people: list[str]) -> None:
        known = self.api.state.people
        unknown = [each for each in people if each not in known or known[each].deleted]
        if unknown:
            raise ImpossibleAction(f"nobody of this workspace is called {', '.join(unknown)}")

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
        self.enter(person, view, values or {})
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

    # How it reaches the app -----------------------------------------------------------------

    async def _send(self, person: SlackUser, what: str, outgoing: OutgoingPayload) -> Interaction:
        state = self.api.state
        interaction = Interaction(
            who=person, what=what, outgoing=outgoing, began=state.seq, state=state, until=self.until
        )
        interaction.ack = await self.sender.send(outgoing)
        return interaction

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
