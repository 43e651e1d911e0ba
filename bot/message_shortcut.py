"""Answer "Why this number?" in the menu of a message, as `/tipo why` does, for one person's eyes.

    the message                                   is about
    --------------------------------------------  ---------------------------------------------
    of ours, and its post names products          these
    a report of ours                              the products of its mismatches
    any other, of people or apps                  the products that it names
    one in a thread, if it names none             what the message above it is about, if it is ours

It is a question: everybody in our workspace may ask it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bot.commands.handlers import CommandHandlers
from bot.commands.tokens import undone
from bot.handler_context import HandlerContext
from bot.incidents.incident import pool_in
from bot.messages import answers
from bot.payloads import Shortcut
from sync_core.domain.proposals import Proposal
from sync_core.domain.values import PoolId
from sync_core.domain.views import PoolView, Post

MAX_POOLS = 50  # that a message may be about
MARKUP = re.compile(r"<[^<>|]*(?:\|([^<>]*))?>")  # of Slack's: mentions, and links with words
NO_PRODUCT = (
    "No synced product is named in this message. Ask by name: /tipo why <product>; "
    "/tipo unmatched lists products with no match."
)


class MessageShortcut:
    """Answers the shortcut."""

    def __init__(self, context: HandlerContext, commands: CommandHandlers) -> None:
        self._context = context
        self._core = context.core
        self._commands = commands

    async def why(self, asked: Shortcut) -> None:
        """Say why the product of a message has its number."""
        found = await self._products(asked)
        if not found:
            await self._context.answer(asked, answers.refused(sentence=NO_PRODUCT))
            return
        share = f"history:{found[0].id}"
        said = await self._commands.explain(found, words="", share=share)
        await self._context.answer(asked, said)

    async def _products(self, asked: Shortcut) -> list[PoolView]:
        words = undone(MARKUP.sub(lambda found: f" {found[1] or ''} ", asked.text)).strip(" ?!.")
        messages = {asked.ts: words}
        if asked.thread:
            messages.setdefault(asked.thread, "")  # of the one above, only its row counts
        for ts, text in messages.items():
            post = await self._core.post_at(asked.channel, ts)
            pools = [] if post is None else await self._pools_of(post)
            if found := await self._core.products_named(text, pools, limit=MAX_POOLS):
                return found
        return []

    async def _pools_of(self, post: Post) -> list[PoolId]:
        """Return the products that a post is about."""
        found = [*_named(post.body), *_listed(post.body)]
        if not found and isinstance(report := post.body.get("report"), int):
            _, proposals = await self._core.proposals(report, limit=MAX_POOLS)
            found = [each for each in map(_pool_of, proposals) if each is not None]
        return [PoolId(each) for each in dict.fromkeys(found)][:MAX_POOLS]


def _named(body: Mapping[str, Any]) -> Iterator[int]:
    """Yield the products of an incident, or of each in a summary."""
    told = body.get("open")
    for subject in [body.get("subject"), *(told if isinstance(told, Mapping) else ())]:
        if (pool := pool_in(subject)) is not None:
            yield pool
    facts = body.get("facts")
    if isinstance(facts, Mapping) and isinstance(facts.get("pool"), int):
        yield facts["pool"]
    lines = body.get("lines")
    for line in lines.values() if isinstance(lines, Mapping) else ():
        yield from _named(line)


def _listed(body: Mapping[str, Any]) -> Iterator[int]:
    """Yield the products of a message about what moved."""
    products = body.get("products")
    yield from (each for each in products or () if isinstance(each, int))


def _pool_of(proposal: Proposal) -> int | None:
    pool = proposal.facts.get("pool")
    return pool if isinstance(pool, int) else None
