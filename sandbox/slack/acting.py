"""What people do: type commands, click, choose, submit, look at Home, talk."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sandbox.slack import payloads
from sandbox.slack.answers import speak
from sandbox.slack.call import Refused
from sandbox.slack.changes import Content, Where, close_view, direct, post
from sandbox.slack.deeds import Deed
from sandbox.slack.delivery import Courier, Parcel, Way
from sandbox.slack.desk import Desk, ResponseUrl
from sandbox.slack.entering import (
    Impossible,
    entered,
    field_of,
    filled,
    find,
    require_all,
    state_of,
)
from sandbox.slack.signing import HONEST, Forgery
from sandbox.slack.state import Channel, Kind, Message, Person, View
from sandbox.slack.submitting import obey
from sandbox.slack.text import LOUD, escape, typed

T = TypeVar("T")
SLACKBOT = "USLACKBOT"
TROUBLE = "We had some trouble connecting. Try again?"
NO_ANSWER = "This app is not responding. Try again in a moment."


class Acting:
    """A running workspace's people."""

    def __init__(self, desk: Desk, courier: Courier) -> None:
        self.desk, self.courier = desk, courier
        self._bell = asyncio.Event()
        desk.state.changed = self._ring

    def _ring(self) -> None:
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    async def until(self, holds: Callable[[], T], within: float = 2.0) -> T:
        """Wait until something holds, looking anew at each change.

        Raises:
            TimeoutError: If it does not in so many seconds.
        """
        async with asyncio.timeout(within):
            while not (found := holds()):
                await self._bell.wait()
        return found

    # Commands ---------------------------------------------------------------------------------

    async def command(
        self, person: Person, line: str, *, channel: Channel, forgery: Forgery = HONEST
    ) -> Deed:
        """Let somebody type a slash command.

        Raises:
            Impossible: If they are not in the channel, or no such command is installed.
        """
        name, _, rest = line.partition(" ")
        if person.id not in channel.members or channel.archived:
            raise Impossible(f"{person.name} cannot write in #{channel.name}")
        if name not in self.desk.app.commands:
            raise Impossible(f"{name} is not a valid command")
        self.desk.state.step()
        self.desk.state.enter(Kind.TYPED, person.id, channel=channel.id, words=line)
        form = payloads.command(self.desk, person, channel, (name, self._typed(rest.strip())))
        deed = await self._do(person, line, self.courier.pack(Way.COMMAND, form, forgery))
        if deed.receipt.error:
            words = f'{name} failed with the error "{deed.receipt.error}"'
            self._fail(deed, words, channel)
        elif deed.receipt.said:
            self._said(deed, channel)
        return deed

    def _typed(self, text: str) -> str:
        if not self.desk.app.should_escape:
            return escape(text)
        state = self.desk.state
        names = {f"@{loud}": f"<!{loud}>" for loud in LOUD}
        names |= {f"@{each.name}": f"<@{each.id}|{each.name}>" for each in state.people.values()}
        names |= {
            f"#{each.name}": f"<#{each.id}|{each.name}>"
            for each in state.channels.values()
            if not each.im_with
        }
        for group in state.groups.values():
            names[f"@{group.handle}"] = f"<!subteam^{group.id}|@{group.handle}>"
        return typed(text, names)

    def _said(self, deed: Deed, channel: Channel) -> None:
        """Show what came with the ack of a command."""
        url = ResponseUrl(user=deed.who.id, channel=channel.id, at=self.desk.state.clock())
        try:
            speak(self.desk, url, deed.receipt.said)
        except Refused as no:
            self._fail(deed, f"{deed.what.split()[0]} failed: {no.error}", channel)

    def _fail(self, deed: Deed, words: str, channel: Channel | None) -> None:
        deed.failed = words
        state = self.desk.state
        state.step()
        if channel is None:
            state.enter(Kind.FAILED, deed.who.id, words=words)
        else:
            post(state, channel.id, SLACKBOT, Content(text=words), Where(only_for=deed.who.id))

    async def _do(self, person: Person, what: str, parcel: Parcel) -> Deed:
        state = self.desk.state
        deed = Deed(
            who=person, what=what, parcel=parcel, began=state.seq, state=state, until=self.until
        )
        deed.receipt = await self.courier.send(parcel)
        return deed

    # Clicks -----------------------------------------------------------------------------------

    async def click(  # noqa: PLR0913  whoever clicks chooses all of this
        self,
        person: Person,
        where: Message | View,
        action_id: str,
        *,
        nth: int = 0,
        value: str | None = None,
        version: int = -1,
        forgery: Forgery = HONEST,
    ) -> Deed:
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
        self._may_see(person, where)
        block, element = find(_blocks(where, version), action_id, nth, value)
        action = _action(block, element)
        for name in ("text", "value", "style"):
            if name in element:
                action[name] = element[name]
        what = f"clicks [{element.get('text', {}).get('text', action_id)}]"
        if confirm := element.get("confirm"):
            what += f", asked {confirm['title']['text']!r} clicks [{confirm['confirm']['text']}]"
        return await self._act(person, where, (what, action), version, forgery)

    async def select(
        self,
        person: Person,
        where: Message | View,
        action_id: str,
        value: Any,
        *,
        nth: int = 0,
        forgery: Forgery = HONEST,
    ) -> Deed:
        """Let somebody choose in a menu, by an option's value or words (a list, if it is multiple).

        Raises:
            Impossible: If they cannot see it, or there is no such menu or option.
        """
        self._may_see(person, where)
        block, element = find(_blocks(where, -1), action_id, nth)
        chosen = entered(element, value)
        if element["type"] != "overflow":
            where.entered.setdefault(block["block_id"], {})[element["action_id"]] = chosen
        action = _action(block, element) | chosen
        words = chosen[field_of(element["type"])]
        return await self._act(person, where, (f"chooses {_words(words)}", action), -1, forgery)

    async def click_raw(
        self,
        person: Person,
        where: Message | View,
        action: Mapping[str, Any],
        *,
        version: int = -1,
        forgery: Forgery = HONEST,
    ) -> Deed:
        """Send a click at something that need not be there, by whomever: Slack checks nothing."""
        made = {"type": "button", "block_id": "forged", "action_ts": self.desk.state.new_ts()}
        what = f"sends a click at {action.get('action_id')}"
        return await self._act(person, where, (what, made | dict(action)), version, forgery)

    async def click_all(
        self, people: list[Person], where: Message | View, action_id: str, *, nth: int = 0
    ) -> list[Deed]:
        """Let people click the same button at the same time; who is named twice clicks twice."""
        async with asyncio.TaskGroup() as group:
            clicks = [
                group.create_task(self.click(person, where, action_id, nth=nth))
                for person in people
            ]
        return [click.result() for click in clicks]

    async def _act(
        self,
        person: Person,
        where: Message | View,
        done: tuple[str, dict[str, Any]],
        version: int,
        forgery: Forgery,
    ) -> Deed:
        what, action = done
        action.setdefault("action_ts", self.desk.state.new_ts())
        state = self.desk.state
        channel = where.channel if isinstance(where, Message) else None
        state.step()
        state.enter(Kind.CLICKED, person.id, channel=channel, words=what)
        if isinstance(where, Message):
            payload = payloads.click_at_message(self.desk, person, where, action, version)
        else:
            payload = payloads.click_in_view(self.desk, person, where, action)
        parcel = self.courier.pack(Way.INTERACTIVE, payload, forgery)
        deed = await self._do(person, what, parcel)
        if deed.receipt.error:
            self._fail(deed, NO_ANSWER, state.channels[channel] if channel else None)
        return deed

    def _may_see(self, person: Person, where: Message | View) -> None:
        state = self.desk.state
        if isinstance(where, View):
            seen = where.open and where.user == person.id
        else:
            seen = state.visible(where, person.id)
        if not seen:
            raise Impossible(f"{person.name} does not see that")

    # Modals -----------------------------------------------------------------------------------

    async def submit(
        self,
        person: Person,
        view: View,
        values: Mapping[str, Any] | None = None,
        *,
        forgery: Forgery = HONEST,
    ) -> Deed:
        """Let somebody fill out a modal, by block id, and submit it.

        Raises:
            Impossible: If the modal is not theirs, a value does not fit, or an input is missing.
        """
        self._on_top(person, view)
        for block_id, chosen in filled(view.blocks, values or {}).items():
            view.entered.setdefault(block_id, {}).update(chosen)
        if "submit" not in view.content:
            raise Impossible("this modal has no button to submit it")
        require_all(view.blocks, state_of(view.blocks, view.entered))
        state = self.desk.state
        view.errors = {}
        state.step()
        what = f"submits {view.title!r}"
        state.enter(Kind.SUBMITTED, person.id, view=view, words=what)
        payload = payloads.submission(self.desk, person, view)
        deed = await self._do(person, what, self.courier.pack(Way.INTERACTIVE, payload, forgery))
        trouble = deed.receipt.error or obey(self.desk, view, deed.receipt.said)
        if trouble:
            self._fail(deed, TROUBLE, None)
        return deed

    async def close(self, person: Person, view: View, *, all_of_them: bool = False) -> Deed | None:
        """Let somebody close a modal; return the deed if the app wants to hear of it.

        Raises:
            Impossible: If the modal is not theirs, or not on top.
        """
        self._on_top(person, view)
        stack = self.desk.state.modals[person.id]
        payload = payloads.closing(self.desk, person, view, all_of_them=all_of_them)
        close_view(self.desk.state, stack[0] if all_of_them else view)
        if not view.content.get("notify_on_close"):
            return None
        parcel = self.courier.pack(Way.INTERACTIVE, payload)
        return await self._do(person, f"closes {view.title!r}", parcel)

    def _on_top(self, person: Person, view: View) -> None:
        stack = self.desk.state.modals.get(person.id)
        if not stack or stack[-1] is not view:
            raise Impossible(f"{person.name} has no such modal in front of them")

    # Home, talk and events --------------------------------------------------------------------

    async def open_home(self, person: Person, *, forgery: Forgery = HONEST) -> Deed:
        """Let somebody look at the app's Home."""
        state = self.desk.state
        inner = {
            "type": "app_home_opened",
            "user": person.id,
            "channel": direct(state, person, self.desk.bot).id,
            "tab": "home",
            "event_ts": state.new_ts(),
        }
        return await self.event(inner, by=person, forgery=forgery)

    async def event(
        self,
        inner: dict[str, Any],
        *,
        by: Person | None = None,
        event_id: str | None = None,
        retry: int = 0,
        forgery: Forgery = HONEST,
    ) -> Deed:
        """Deliver an event; `retry` above 0 marks it as a repetition."""
        payload = payloads.event(self.desk, inner, event_id or self.desk.state.new_id("Ev"))
        extra = _retried(retry)
        parcel = self.courier.pack(Way.EVENT, payload, forgery, extra)
        return await self._do(by or self.desk.bot, str(inner["type"]), parcel)

    async def say(
        self, person: Person, channel: Channel, text: str, *, thread_ts: str | None = None
    ) -> Message:
        """Let somebody write in a channel; the app hears of it if it asked to.

        Raises:
            Impossible: If they are not in the channel.
        """
        if person.id not in channel.members or channel.archived:
            raise Impossible(f"{person.name} cannot write in #{channel.name}")
        where = Where(thread_ts=thread_ts)
        message = post(self.desk.state, channel.id, person.id, Content(text=text), where)
        for kind in self._heard(channel, text):
            inner = {"type": kind, "user": person.id, "text": text, "ts": message.ts}
            await self.event(inner | {"channel": channel.id, "event_ts": message.ts}, by=person)
        return message

    def _heard(self, channel: Channel, text: str) -> list[str]:
        app = self.desk.app
        if app.user_id not in channel.members:
            return []
        kind = "im" if channel.im_with else "groups" if channel.private else "channels"
        heard = ["message"] if f"message.{kind}" in app.events else []
        if "app_mention" in app.events and f"<@{app.user_id}>" in text:
            heard.append("app_mention")
        return heard

    # Once more --------------------------------------------------------------------------------

    async def replay(self, deed: Deed) -> Deed:
        """Send the very same bytes and headers again, as a thief of the request would."""
        return await self._do(deed.who, deed.what, deed.parcel)

    async def retry(self, deed: Deed, number: int = 1) -> Deed:
        """Deliver an event again as Slack does, freshly signed and marked as a repetition."""
        parcel = self.courier.pack(deed.parcel.way, deed.parcel.payload, extra=_retried(number))
        return await self._do(deed.who, deed.what, parcel)

    async def send(self, body: bytes, headers: Mapping[str, str]) -> Deed:
        """Send any bytes with any headers, as a stranger on the internet would."""
        parcel = Parcel(way=Way.INTERACTIVE, payload={}, body=body, headers=headers)
        return await self._do(self.desk.bot, "sends bytes", parcel)


def _retried(number: int) -> dict[str, str]:
    if not number:
        return {}
    return {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": "http_timeout"}


def _blocks(where: Message | View, version: int) -> list[dict[str, Any]]:
    return where.blocks if isinstance(where, View) else where.versions[version].blocks


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
