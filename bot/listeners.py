"""What Slack sends, handed to what answers it: each command, button and form has its handler.

    what stands around a handler   does
    -----------------------------  -------------------------------------------------------------
    `read`, Bolt's middleware      reads the payload; what cannot be read is refused, and logged
    the ack                        comes next, before anything that may take long
    `_guarded`                     keeps the task until it is done, and lets nothing escape
    `_answer`                      origin, time limit, errors: people who asked get an answer
    `failed`, Bolt's error handler acks events that have no handler, and logs them

Bolt answers Slack when its middlewares are through, and who somebody is may cost a question to
Slack: so origin and authorisation come after the ack. It keeps no reference to a handler's task,
and loses an ack when a handler raises right after it.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp, AsyncBoltContext
from slack_bolt.error import BoltUnhandledRequestError

from bot.actions.handlers import ActionHandlers
from bot.commands.handlers import CommandHandlers
from bot.handler_context import HandlerContext, Interaction
from bot.home import AppHome
from bot.message_handlers import MessageHandlers
from bot.messages.action_ids import WHY_THIS_NUMBER
from bot.messages.answers import refused, trouble
from bot.messages.block_kit import Message
from bot.payloads import (
    HomeOpened,
    Joined,
    NotForUs,
    Submission,
    TypedCommand,
    Unreadable,
    read,
    read_home,
    read_joined,
    read_message,
)
from bot.views.handlers import ViewHandlers
from bot.views.modals import sentence_modal
from sync_core.errors import NotAllowed, cut

log = logging.getLogger(__name__)

ANSWER_TIMEOUT_SECONDS = 60.0  # seconds that an answer may take
SHUTDOWN_GRACE_SECONDS = 5.0  # seconds that answers under way have at the end
MAX_CONCURRENT_ANSWERS = 200  # answers under way at once
COMMAND = re.compile("^/")  # there is one, whatever a workspace has named it
UNKNOWN = re.compile("")  # any id: registered last, for buttons and forms of other versions
FAILED = (
    "That didn't work, and the fault is Tipo's. Please report the number {ref}; "
    "the log says more under it."
)
UNKNOWN_FORM = (
    "This form comes from another version of Tipo and doesn't work any more. Nothing was done; "
    "open it again."
)
BUSY = "Tipo is too busy at the moment. Nothing was done; try again in a minute."
LATE = "That took too long and was cancelled. Try again in a minute, or see /tipo status."

Json = Mapping[str, Any]
Ack = Callable[..., Awaitable[Any]]
Next = Callable[[], Awaitable[Any]]
Work = Callable[[Any], Awaitable[None]]
Handler = Callable[..., Awaitable[None]]


class Listeners:
    """Listens to commands, clicks, submissions and events."""

    def __init__(
        self,
        context: HandlerContext,
        commands: CommandHandlers,
        actions: ActionHandlers,
        views: ViewHandlers,
        home: AppHome,
        messages: MessageHandlers,
    ) -> None:
        self._context = context
        self._commands = commands
        self._actions = actions
        self._views = views
        self._home = home
        self._messages = messages
        self._running: set[asyncio.Task[Any]] = set()
        self.gone = ""  # why Slack has let us go, if it has

    def register(self, app: AsyncApp) -> None:
        """Register each handler."""
        app.use(self.read)
        app.error(self.failed)
        app.command(COMMAND)(self._answered(self._commands.answer))
        for action, work in self._actions.handlers.items():
            app.action(action)(self._answered(work))
        app.action(UNKNOWN)(self._answered(self._actions.unknown))
        for callback, submit in self._views.handlers.items():
            app.view(callback)(self._submitted(submit))
        app.view(UNKNOWN)(self.unknown_form)
        app.message_shortcut(WHY_THIS_NUMBER)(self._answered(self._messages.shortcut.why))
        app.event("member_joined_channel")(self.joined)
        app.event("app_home_opened")(self.home_opened)
        app.event("app_mention")(self.written)
        app.event("message")(self.written)
        app.event("app_uninstalled")(self.uninstalled)
        app.event("tokens_revoked")(self.uninstalled)

    async def read(self, body: Json, context: AsyncBoltContext, next_: Next) -> BoltResponse | None:
        """Read a payload into a value, which handlers get as `interaction`."""
        found = read(body)
        if isinstance(found, Unreadable | NotForUs):  # through a socket: else it never gets here
            log.warning(
                "Slack sent what we cannot read",
                extra={"event": "unreadable_payload", "why": found.why},
            )
            return BoltResponse(status=400)
        context["interaction"] = found
        await next_()
        return None

    async def failed(self, error: Exception, body: Json) -> BoltResponse | None:
        """Say that there is no handler, so that people see that a click did nothing.

        Events are acked all the same: else Slack sends them again, and one day none at all.
        """
        if isinstance(error, BoltUnhandledRequestError):
            kind = str(body.get("type") or body.get("command"))
            status = 200 if kind == "event_callback" else 404
            log.info("no handler takes %s", cut(kind), extra={"event": "unhandled"})
            return BoltResponse(status=status)
        log.error("a request has failed", extra={"event": "request_failed"}, exc_info=error)
        return None

    def _answered(self, work: Work) -> Handler:
        """Ack, and let the answer be found: to people of our own workspace."""

        async def for_ours(interaction: Interaction) -> None:
            if await self._context.is_ours(interaction):
                await work(interaction)

        async def answered(ack: Ack, interaction: Interaction) -> None:
            with self._guarded():
                await ack()
                await self._answer(interaction, for_ours)

        return answered

    def _submitted(self, work: Work) -> Handler:
        """Ack with what is wrong or with a waiting page, and let the answer be found."""

        async def submitted(ack: Ack, interaction: Submission) -> None:
            with self._guarded():
                if errors := await self._errors(interaction):
                    await ack(response_action="errors", errors=dict(errors))
                    return
                await ack(response_action="update", view=sentence_modal("Tipo"))
                await self._answer(interaction, work)

        return submitted

    async def unknown_form(self, ack: Ack) -> None:
        """Say that a form of another version does nothing; it would close as if it had."""
        with self._guarded():
            await ack(response_action="update", view=sentence_modal("Tipo", UNKNOWN_FORM))

    async def _errors(self, submission: Submission) -> Json:
        try:
            return await self._views.errors(submission)
        except Exception:
            # The core looks again; a form must not hang because we stumble over it.
            log.exception("a form cannot be read", extra={"event": "unreadable_form"})
            return {}

    async def home_opened(self, body: Json) -> None:
        """Show the App Home; Bolt has acked it."""
        with self._guarded():
            opened = read_home(body)
            if isinstance(opened, HomeOpened) and await self._context.approvers.is_ours(
                opened.person
            ):
                async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                    await self._home.opened(opened.person)

    async def joined(self, body: Json) -> None:
        """Introduce ourselves where somebody invites us; Bolt has acked it."""
        with self._guarded():
            joined = read_joined(body)
            if isinstance(joined, Joined):
                async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                    await self._messages.welcome.joined(joined)

    async def written(self, body: Json) -> None:
        """Answer a message to us; Bolt has acked it."""
        with self._guarded():
            us = (await self._context.slack.identity()).user
            asked = read_message(body, us)
            if not isinstance(asked, TypedCommand) or asked.person.id == us:
                return
            if len(self._running) > MAX_CONCURRENT_ANSWERS:
                log.warning("too busy for a message", extra={"event": "message_dropped"})
                return
            await self._answer(asked, self._messages.answer)

    async def uninstalled(self, event: Json) -> None:
        """Note that Slack has let us go."""
        self.gone = f"Slack says {event['type']}: install the app again, then set the new tokens"
        log.error(self.gone, extra={"event": "slack_gone"})

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Hold on to a handler's task, and let nothing escape it."""
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
        try:
            yield
        except Exception:
            log.exception("a handler has failed", extra=self._facts())
        finally:
            if task is not None:
                self._running.discard(task)

    async def _answer(self, interaction: Interaction, work: Work) -> None:
        """Let an answer be found within its time; if there is none, say so."""
        if len(self._running) > MAX_CONCURRENT_ANSWERS:
            await self._tell_why(interaction, BUSY)
            return
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                await work(interaction)
        except NotAllowed as exc:
            await self._tell_why(interaction, str(exc), refused)
        except TimeoutError:
            log.warning("an answer took too long", extra={"event": "answer_late"})
            await self._tell_why(interaction, LATE)
        except Exception:
            facts = self._facts()
            log.exception("a handler has failed", extra=facts)
            await self._tell_why(interaction, FAILED.format(**facts))

    def _facts(self) -> dict[str, str]:
        """Return what the log says of a failure; people pass on the number."""
        return {"event": "handler_failed", "ref": self._context.ids.new()[:8]}

    async def _tell_why(
        self, interaction: Interaction, sentence: str, said: Callable[..., Message] = trouble
    ) -> None:
        """Say why somebody does not get what they asked for."""
        view = getattr(interaction, "view", None)
        if view is not None and view.kind == "modal":
            await self._views.show_failure(view.id, sentence)
        else:
            await self._context.answer(interaction, said(sentence=sentence))

    async def finish(self) -> None:
        """Give answers under way a moment, at the end."""
        mine = asyncio.current_task()
        left = {each for each in self._running if each is not mine}
        if left:
            await asyncio.wait(left, timeout=SHUTDOWN_GRACE_SECONDS)
