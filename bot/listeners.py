"""What Slack sends, handed to whoever answers it.

Bolt loses an ack when a handler raises right after it, and keeps no reference to a handler's task.
So nothing escapes a handler here, and each task is held until it is done.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.actions.handlers import ActionHandlers
from bot.commands.handlers import CommandHandlers
from bot.handler_context import HandlerContext, Interaction
from bot.home import AppHome
from bot.messages.answers import trouble
from bot.payloads import Unreadable, read_click, read_command, read_home, read_submission
from bot.views.handlers import ViewHandlers, sentence_modal
from sync_core.errors import NotAllowed

log = logging.getLogger(__name__)

ANSWER_TIMEOUT_SECONDS = 60.0  # seconds that an answer may take
SHUTDOWN_GRACE_SECONDS = 5.0  # seconds that answers under way have at the end
MAX_CONCURRENT_ANSWERS = 200  # answers under way at once
EVERYTHING = re.compile(".*", re.DOTALL)
FAILED = (
    "That did not work, and the fault is ours. Please pass on the number {ref}; "
    "the log says more under it."
)
BUSY = "Tipo has too much to do at the moment. Nothing was done; try again in a minute."
LATE = "That took too long and was given up. Try again in a minute, or look at /tipo status."

Json = Mapping[str, Any]
Ack = Callable[..., Awaitable[Any]]
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
    ) -> None:
        self._context = context
        self._commands = commands
        self._actions = actions
        self._views = views
        self._home = home
        self._running: set[asyncio.Task[Any]] = set()
        self.gone = ""  # why Slack has let us go, if it has

    def register(self, app: AsyncApp) -> None:
        """Take everything that Slack may send: what nobody takes, Bolt answers with 404."""
        app.command(EVERYTHING)(self._guarded(self.command))
        app.action(EVERYTHING)(self._guarded(self.click))
        app.view(EVERYTHING)(self._guarded(self.submission))
        app.view_closed(EVERYTHING)(self._guarded(self.nothing))
        app.shortcut(EVERYTHING)(self._guarded(self.nothing))
        app.options(EVERYTHING)(self._guarded(self.nothing))
        app.event(EVERYTHING)(self._guarded(self.event))

    def _guarded(self, handler: Handler) -> Handler:
        """Hold on to a handler's task, and let nothing escape it."""

        @wraps(handler)  # Bolt looks through it for the names of the arguments
        async def answered(**given: Any) -> None:
            task = asyncio.current_task()
            if task is not None:
                self._running.add(task)
            try:
                await handler(**given)
            except Exception:
                ref = self._context.ids.new()[:8]
                log.exception("a handler has failed", extra={"event": "handler_failed", "ref": ref})
            finally:
                if task is not None:
                    self._running.discard(task)

        return answered

    async def command(self, ack: Ack, body: Json) -> None:
        """Ack, read, and let the answer be found."""
        await ack()
        asked = read_command(body)
        if isinstance(asked, Unreadable):
            self._log_unreadable(asked)
            return
        await self._answer(asked, self._commands.answer(asked))

    async def click(self, ack: Ack, body: Json) -> None:
        """Ack, read, and let the answer be found."""
        await ack()
        click = read_click(body)
        if isinstance(click, Unreadable):
            self._log_unreadable(click)
            return
        await self._answer(click, self._actions.answer(click))

    async def submission(self, ack: Ack, body: Json) -> None:
        """Read, ack with what is wrong or with a waiting page, and let the answer be found."""
        submission = read_submission(body)
        if isinstance(submission, Unreadable):
            await ack()
            self._log_unreadable(submission)
            return
        errors = self._errors(submission)
        if errors:
            await ack(response_action="errors", errors=dict(errors))
            return
        await ack(response_action="update", view=sentence_modal("Tipo"))
        await self._answer(submission, self._views.submit(submission))

    def _errors(self, submission: Any) -> Json:
        try:
            return self._views.errors(submission)
        except Exception:
            # The core looks again; a form must not hang because we stumble over it.
            log.exception("a form cannot be read", extra={"event": "unreadable_form"})
            return {}

    async def event(self, body: Json) -> None:
        """Take an event; Bolt has acked it."""
        event = body.get("event")
        kind = event.get("type") if isinstance(event, Mapping) else ""
        if kind == "app_home_opened":
            opened = read_home(body)
            if not isinstance(opened, Unreadable) and await self._context.approvers.is_ours(
                opened.person
            ):
                async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                    await self._home.opened(opened.person)
        elif kind in {"app_uninstalled", "tokens_revoked"}:
            self.gone = f"Slack says {kind}: install the app again, then set the new tokens"
            log.error(self.gone, extra={"event": "slack_gone"})

    async def nothing(self, ack: Ack) -> None:
        """Ack what needs no answer."""
        await ack()

    async def _answer(self, interaction: Interaction, work: Any) -> None:
        """Let an answer be found within its time; if there is none, say so."""
        if len(self._running) > MAX_CONCURRENT_ANSWERS:
            work.close()
            await self._tell_why(interaction, BUSY)
            return
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                await work
        except NotAllowed as exc:
            await self._tell_why(interaction, str(exc))
        except TimeoutError:
            log.warning("an answer took too long", extra={"event": "answer_late"})
            await self._tell_why(interaction, LATE)
        except Exception:
            ref = self._context.ids.new()[:8]
            log.exception("a handler has failed", extra={"event": "handler_failed", "ref": ref})
            await self._tell_why(interaction, FAILED.format(ref=ref))

    async def _tell_why(self, interaction: Interaction, sentence: str) -> None:
        """Say why somebody does not get what they asked for."""
        view = getattr(interaction, "view", None)
        if view is not None and view.kind == "modal":
            await self._views.show_failure(view.id, sentence)
        else:
            await self._context.answer(interaction, trouble(sentence=sentence))

    def _log_unreadable(self, unreadable: Unreadable) -> None:
        log.warning(
            "Slack sent what we cannot read",
            extra={"event": "unreadable_payload", "why": unreadable.why},
        )

    async def finish(self) -> None:
        """Give answers under way a moment, at the end."""
        mine = asyncio.current_task()
        left = {each for each in self._running if each is not mine}
        if left:
            await asyncio.wait(left, timeout=SHUTDOWN_GRACE_SECONDS)
