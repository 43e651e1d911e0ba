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

from bot.clicks import Clicks
from bot.commands import Commands
from bot.home import Home
from bot.messages.answers import trouble
from bot.modals import Modals, waiting
from bot.office import Act, Office
from bot.reading import Odd, read_click, read_command, read_home, read_submission
from sync_core.errors import NotAllowed

log = logging.getLogger(__name__)

LIMIT = 60.0  # seconds that an answer may take
LAST = 5.0  # seconds that answers under way have at the end
MOST = 200  # answers under way at once
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


class Listening:
    """Listens to commands, clicks, submissions and events."""

    def __init__(
        self, office: Office, commands: Commands, clicks: Clicks, modals: Modals, home: Home
    ) -> None:
        self._office = office
        self._commands = commands
        self._clicks = clicks
        self._modals = modals
        self._home = home
        self._underway: set[asyncio.Task[Any]] = set()
        self.gone = ""  # why Slack has let us go, if it has

    def register(self, app: AsyncApp) -> None:
        """Take everything that Slack may send: what nobody takes, Bolt answers with 404."""
        app.command(EVERYTHING)(self._held(self.command))
        app.action(EVERYTHING)(self._held(self.click))
        app.view(EVERYTHING)(self._held(self.submission))
        app.view_closed(EVERYTHING)(self._held(self.nothing))
        app.shortcut(EVERYTHING)(self._held(self.nothing))
        app.options(EVERYTHING)(self._held(self.nothing))
        app.event(EVERYTHING)(self._held(self.event))

    def _held(self, handler: Handler) -> Handler:
        """Hold on to a handler's task, and let nothing escape it."""

        @wraps(handler)  # Bolt looks through it for the names of the arguments
        async def answered(**given: Any) -> None:
            task = asyncio.current_task()
            if task is not None:
                self._underway.add(task)
            try:
                await handler(**given)
            except Exception:
                ref = self._office.ids.new()[:8]
                log.exception("a handler has failed", extra={"act": "handler_failed", "ref": ref})
            finally:
                if task is not None:
                    self._underway.discard(task)

        return answered

    async def command(self, ack: Ack, body: Json) -> None:
        """Ack, read, and let the answer be found."""
        await ack()
        asked = read_command(body)
        if isinstance(asked, Odd):
            self._odd(asked)
            return
        await self._answering(asked, self._commands.answer(asked))

    async def click(self, ack: Ack, body: Json) -> None:
        """Ack, read, and let the answer be found."""
        await ack()
        click = read_click(body)
        if isinstance(click, Odd):
            self._odd(click)
            return
        await self._answering(click, self._clicks.answer(click))

    async def submission(self, ack: Ack, body: Json) -> None:
        """Read, ack with what is wrong or with a waiting page, and let the answer be found."""
        submission = read_submission(body)
        if isinstance(submission, Odd):
            await ack()
            self._odd(submission)
            return
        errors = self._errors(submission)
        if errors:
            await ack(response_action="errors", errors=dict(errors))
            return
        await ack(response_action="update", view=waiting("Tipo"))
        await self._answering(submission, self._modals.submit(submission))

    def _errors(self, submission: Any) -> Json:
        try:
            return self._modals.errors(submission)
        except Exception:
            # The core looks again; a form must not hang because we stumble over it.
            log.exception("a form cannot be read", extra={"act": "form_odd"})
            return {}

    async def event(self, body: Json) -> None:
        """Take an event; Bolt has acked it."""
        event = body.get("event")
        kind = event.get("type") if isinstance(event, Mapping) else ""
        if kind == "app_home_opened":
            opened = read_home(body)
            if not isinstance(opened, Odd) and await self._office.approvers.is_ours(opened.person):
                async with asyncio.timeout(LIMIT):
                    await self._home.opened(opened.person)
        elif kind in {"app_uninstalled", "tokens_revoked"}:
            self.gone = f"Slack says {kind}: install the app again, then set the new tokens"
            log.error(self.gone, extra={"act": "slack_gone"})

    async def nothing(self, ack: Ack) -> None:
        """Ack what needs no answer."""
        await ack()

    async def _answering(self, act: Act, work: Any) -> None:
        """Let an answer be found within its time; if there is none, say so."""
        if len(self._underway) > MOST:
            work.close()
            await self._sorry(act, BUSY)
            return
        try:
            async with asyncio.timeout(LIMIT):
                await work
        except NotAllowed as exc:
            await self._sorry(act, str(exc))
        except TimeoutError:
            log.warning("an answer took too long", extra={"act": "answer_late"})
            await self._sorry(act, LATE)
        except Exception:
            ref = self._office.ids.new()[:8]
            log.exception("a handler has failed", extra={"act": "handler_failed", "ref": ref})
            await self._sorry(act, FAILED.format(ref=ref))

    async def _sorry(self, act: Act, sentence: str) -> None:
        """Say why somebody does not get what they asked for."""
        view = getattr(act, "view", None)
        if view is not None and view.kind == "modal":
            await self._modals.sorry(view.id, sentence)
        else:
            await self._office.answer(act, trouble(sentence=sentence))

    def _odd(self, odd: Odd) -> None:
        log.warning("Slack sent what we cannot read", extra={"act": "odd", "why": odd.why})

    async def finish(self) -> None:
        """Give answers under way a moment, at the end."""
        mine = asyncio.current_task()
        left = {each for each in self._underway if each is not mine}
        if left:
            await asyncio.wait(left, timeout=LAST)
