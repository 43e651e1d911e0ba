"""Modals, however they are filled: opened at once, drawn again, and what they say in the end.

A modal must open within three seconds of the click: first an empty one, then its contents.
"""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from bot.handler_context import HandlerContext
from bot.messages import answers
from bot.messages.block_kit import Message
from bot.payloads import Click, Submission
from bot.slack_errors import SlackError
from sync_core.errors import NotAllowed

log = logging.getLogger(__name__)

MAX_SENTENCE_CHARS = 2_900  # characters of a text
SETTLE_SECONDS = 0.7  # seconds between an ack with a page and the next page
MAX_OPEN_FORMS = 100  # forms that are open at once
SAID_IN_A_FORM = {"rich_text", "context"}  # what of a message a form shows, too

Json = dict[str, Any]
T = TypeVar("T")
Build = Callable[[str], Awaitable[Json]]  # from the id of the view


def sentence_modal(title: str, words: str = "One moment…") -> Json:
    """Return a modal that says one sentence; nothing in it is parsed."""
    text = {"type": "plain_text", "text": words[:MAX_SENTENCE_CHARS] or "…"}
    return _modal(title, [{"type": "section", "text": text}])


def message_modal(said: Message) -> Json:
    """Return a modal that says what a message says; what can be clicked there is not in it."""
    shown = [each for each in said.blocks if each["type"] in SAID_IN_A_FORM]
    return _modal("Tipo", shown) if shown else sentence_modal("Tipo", said.text)


def _modal(title: str, blocks: list[Json]) -> Json:
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": title},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": blocks,
    }


def remember(known: dict[str, T], key: str, value: T) -> None:
    """Remember something of a form, and forget the oldest of too many."""
    known.pop(key, None)
    while len(known) >= MAX_OPEN_FORMS:
        del known[next(iter(known))]
    known[key] = value


class Modals:
    """Opens modals, and draws them."""

    def __init__(self, context: HandlerContext) -> None:
        self._context = context
        self._opened: dict[str, Click] = {}  # the click that opened a form, by its view
        self._turns = itertools.count(1)
        self._newest: dict[str, int] = {}  # by view, the newest thing that somebody did there
        self._drawing: dict[str, asyncio.Lock] = {}  # by view

    async def open(self, click: Click, title: str, build: Build) -> None:
        """Open a modal at once, then fill it."""
        try:
            view_id = await self._context.slack.open_view(click.trigger, sentence_modal(title))
        except SlackError as exc:
            log.warning("a modal does not open", extra={"event": "modal_failed", "why": str(exc)})
            sentence = "Slack didn't open the form, usually because it took too long. Try again."
            await self._context.answer(click, answers.trouble(sentence=sentence))
            return
        remember(self._opened, view_id, click)
        try:
            view = await build(view_id)
        except NotAllowed as exc:
            view = sentence_modal(title, str(exc))
        except Exception:
            await self.fill(
                view_id, sentence_modal(title, "That didn't work. Close this and try again.")
            )
            raise
        await self.fill(view_id, view)

    def opened_by(self, view_id: str) -> Click | None:
        """Return the click that opened a form, once; None after a restart."""
        return self._opened.pop(view_id, None)

    async def redraw(self, click: Click, build: Build) -> None:
        """Draw a modal again after something that somebody did in it; the newest of it counts.

        Slack's mark of a view does not change with what people enter, so that it says nothing of
        which of two drawings is newer: people are faster than we are.
        """
        if click.view is None:
            return
        view_id, turn = click.view.id, next(self._turns)
        remember(self._newest, view_id, turn)
        view = await build(view_id)
        if view_id not in self._drawing:
            remember(self._drawing, view_id, asyncio.Lock())
        async with self._drawing[view_id]:
            if self._newest.get(view_id, turn) == turn:
                await self.fill(view_id, view)

    def supersede(self, view_id: str) -> None:
        """Let no drawing of a form that is under way come after its submission."""
        remember(self._newest, view_id, next(self._turns))

    async def fill(self, view_id: str, view: Json) -> None:
        """Draw a modal; where Slack does not take it, it stays as it is."""
        try:
            await self._context.slack.update_view(view_id, view)
        except SlackError as exc:
            log.warning("a modal is not filled", extra={"event": "modal_failed", "why": str(exc)})

    async def tell(self, submission: Submission, said: Message) -> None:
        """Show the outcome where the form was; it stays there until they close it."""
        await self.settle()
        await self.fill(submission.view.id, message_modal(said))

    async def settle(self) -> None:
        """Let Slack draw the waiting page first: it comes with the ack, and must not come last."""
        await self._context.clock.sleep(SETTLE_SECONDS)

    async def show_failure(self, view_id: str, sentence: str) -> None:
        """Say in the modal that something did not work."""
        await self.settle()
        words = f"{sentence[:1].upper()}{sentence[1:]}"
        await self.fill(view_id, sentence_modal("Tipo", words))
