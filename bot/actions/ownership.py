"""Answer "I'm on it" and "Snooze 1 h": in the message itself, at once, and kept with its post.

It is no decision about stock: everybody in our workspace may say so, approver or not; only who
takes it over from somebody else has to be an approver. If two people click at the same time, one
click is kept: only the next version of a post is taken. A reminder has the incident's own buttons.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bot.handler_context import HandlerContext
from bot.incidents.incident import Incident
from bot.incidents.ownership import OwnershipAnswer, own, snooze
from bot.messages.ownership import ownership_answer
from bot.messages.posts import reminded_incident
from bot.payloads import Click
from sync_core.domain.proposals import Person
from sync_core.domain.views import Post
from sync_core.errors import NotAllowed

log = logging.getLogger(__name__)

REPAIR_DELAY = timedelta(seconds=3)  # until the outbox draws it, if the click could not
MAX_WRITE_ATTEMPTS = 5  # at a post that changes all the time
MAX_LOOKUPS, LOOKUP_SECONDS = 4, 0.5  # for the post of a message

Change = Callable[[Mapping[str, Any], Person, datetime], Incident | OwnershipAnswer]


class OwnershipHandlers:
    """Answers people who say that they are on an incident, or that it may wait."""

    def __init__(self, context: HandlerContext) -> None:
        self._context = context
        self._core = context.core

    async def own(self, click: Click) -> None:
        """Note that somebody is on it; the core is told of it where it says so itself."""
        seen = "" if click.value == "own" else click.value  # the first button names nobody
        if seen and await self._context.require_approver(click) is None:
            return
        change = partial(own, seen=seen)
        post = await self._change(click, change, OwnershipAnswer.OWNED)
        if post is not None and post.body.get("kind") == "circuit_breaker":
            await self._core.investigate(f"{post.body.get('subject')}", click.person)

    async def snooze(self, click: Click) -> None:
        """Note that nobody is to be reminded of it for an hour."""
        await self._change(click, snooze, OwnershipAnswer.SNOOZED)

    async def _change(self, click: Click, change: Change, done: OwnershipAnswer) -> Post | None:
        """Change the post of a message and show it; return it if this click has changed it."""
        shown_in, post, answer = await self._save(click, change)
        shown = shown_in is not None and await self._context.updater.update_now(shown_in, None)
        log.info(
            "a click on an incident",
            extra={"event": "incident_click", "by": click.person.id, "answer": answer or done},
        )
        if post is None:
            said = ownership_answer(answer=None, body={}, user=click.person.id)
            await self._context.answer(click, said)
        elif answer is not None or not shown:
            said = ownership_answer(answer=answer or done, body=post.body, user=click.person.id)
            await self._context.answer(click, said)
        return post if answer is None else None

    async def _save(
        self, click: Click, change: Change
    ) -> tuple[Post | None, Post | None, OwnershipAnswer | None]:
        """Return the clicked post, the incident as it is kept now, and why it is not changed."""
        for _ in range(MAX_WRITE_ATTEMPTS):
            clicked = await self._post_of(click)
            post = None if clicked is None else await self._incident_of(clicked)
            if clicked is None or post is None:
                return None, None, None
            now = self._context.clock.now()
            found = change(post.body, click.person, now)
            if isinstance(found, OwnershipAnswer):
                return clicked, post, found
            waits = post.sent < post.version
            due = min(post.due_at, now + REPAIR_DELAY) if waits else now + REPAIR_DELAY
            newer = replace(post, body=found, version=post.version + 1, due_at=due)
            cursors = await self._core.cursors()
            if await self._core.save_posts([newer], cursors, cursors):
                return newer if clicked.key == post.key else clicked, newer, None
        raise NotAllowed("This alert changes all the time at the moment. Try again in a minute.")

    async def _post_of(self, click: Click) -> Post | None:
        """Return the post in whose message somebody clicked, if it is one of ours.

        A quick click may come before the outbox has noted that Slack has the message.
        """
        if click.ephemeral or not click.ts:
            return None
        for attempt in range(MAX_LOOKUPS):
            if attempt:
                await self._context.clock.sleep(LOOKUP_SECONDS)
            post = await self._core.post_at(click.channel, click.ts)
            if post is not None:
                return post
        return None

    async def _incident_of(self, post: Post) -> Post | None:
        """Return the incident that a message is about: its own, or the one of a reminder."""
        key = reminded_incident(post)
        found = post if key is None else (await self._core.posts([key])).get(key)
        return found if found is not None and found.kind == "incident" else None
