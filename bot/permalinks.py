"""The addresses of our own messages, for links to them. No message waits long for one.

    Slack says                          then
    ----------------------------------  -------------------------------------------------------
    an address                          it holds for 10 minutes; then Slack is asked again, for
                                          somebody may have deleted the message meanwhile
    that there is no such message       there is no link, for an hour
    nothing within a second, an error   the address that we knew, if any; asked again in a minute
    to wait                             the same for all, until Slack may be asked again

Slack lets apps ask for hundreds of them a minute.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice

from bot.core_client import CoreClient
from bot.incidents.ledger import LEDGER, load_ledger, open_posts, receipt_key, report_key
from bot.messages.links import Links
from bot.slack_api import SlackApi
from bot.slack_errors import SlackError, SlackRateLimited, SlackRefused
from bot.text import clean, store_name
from sync_core.clock import Clock
from sync_core.domain.values import NEVER
from sync_core.domain.views import Post

log = logging.getLogger(__name__)

AT_RESPONSE_URL = "reply"  # instead of a ts: it was said at a response_url
NOWHERE = "nowhere"  # instead of a ts: nothing to say, or somebody has deleted it
NO_MESSAGE = {None, AT_RESPONSE_URL, NOWHERE}
LINK_VALID_FOR, GONE_FOR, RETRY_AFTER = (
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(minutes=1),
)
GONE = {"message_not_found", "channel_not_found"}
ANSWER_SECONDS = 1.0  # seconds that a message waits for its links at most
MAX_CACHED_LINKS = 1_000
MAX_LINKS = 30  # that one message has
MAX_ALERTS = 3  # of a kind, that one answer leads to


@dataclass(frozen=True, slots=True)
class KnownLink:
    """What Slack has said of a message."""

    until: datetime  # when it has to be asked again
    url: str  # empty: there is none


class Permalinks:
    """Says where our messages are."""

    def __init__(self, core: CoreClient, slack: SlackApi, clock: Clock) -> None:
        self._core = core
        self._slack = slack
        self._clock = clock
        self._known: dict[tuple[str, str], KnownLink] = {}
        self._ready_at = NEVER

    # -- of what
    async def links(
        self,
        *,
        posts: Iterable[str] = (),
        reports: Iterable[int | None] = (),
        receipts: Iterable[int | None] = (),
        alerts: Sequence[str] = (),
    ) -> Links:
        """Return where posts, reports, decisions and open alerts of some kinds are told.

        Of more decisions than a message has links for, the newest have one.
        """
        known_receipts = sorted({each for each in receipts if each is not None}, reverse=True)
        pointers = await self._posts(map(receipt_key, known_receipts))
        shown_in = {each: _target(pointers.get(receipt_key(each))) for each in known_receipts}
        by_report = {each: report_key(each) for each in reports if each is not None}
        by_kind = await self._alerts(alerts)
        keys = [*posts, *by_report.values(), *shown_in.values(), *chain(*by_kind.values())]
        found = await self._posts(islice(dict.fromkeys(filter(None, keys)), MAX_LINKS))
        urls = await self._urls(found)
        return Links(
            posts=urls,
            reports={n: urls[key] for n, key in by_report.items() if key in urls},
            receipts={n: urls[key] for n, key in shown_in.items() if key in urls},
            alerts={
                kind: [(_about(found[key]), urls[key]) for key in keys if key in urls]
                for kind, keys in by_kind.items()
            },
        )

    async def _alerts(self, kinds: Sequence[str]) -> dict[str, list[str]]:
        """Return the posts in which alerts of these kinds are open, the newest first."""
        if not kinds:
            return {}
        state = load_ledger((await self._core.posts([LEDGER])).get(LEDGER))
        return {kind: open_posts(state, kind)[:MAX_ALERTS] for kind in kinds}

    async def _posts(self, keys: Iterable[str]) -> dict[str, Post]:
        """Return posts by key; for none, the database is not asked."""
        wanted = list(keys)
        return await self._core.posts(wanted) if wanted else {}

    async def _urls(self, posts: dict[str, Post]) -> dict[str, str]:
        """Return the addresses of posts by their keys, those that there are."""
        found = await asyncio.gather(*(self.of(each) for each in posts.values()))
        return {key: url for key, url in zip(posts, found, strict=True) if url}

    # -- one
    async def of(self, post: Post) -> str:
        """Return the address of a post's message; empty if it is not known. Never raises."""
        if post.ts in NO_MESSAGE:
            return ""
        at, now = (post.channel, f"{post.ts}"), self._clock.now()
        known = self._known.get(at)
        if known is not None and now < known.until:
            return known.url
        before = "" if known is None else known.url
        if now < self._ready_at:
            return before
        found = await self._ask(at, before)
        if len(self._known) >= MAX_CACHED_LINKS:
            self._known.clear()
        self._known[at] = found
        return found.url

    async def _ask(self, at: tuple[str, str], before: str) -> KnownLink:
        """Return what Slack says of a message; if it says nothing, what we knew."""
        now = self._clock.now()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return KnownLink(now + LINK_VALID_FOR, await self._slack.permalink(*at))
        except SlackRateLimited as exc:
            self._ready_at = now + timedelta(seconds=exc.wait)
            return KnownLink(self._ready_at, before)
        except (SlackError, TimeoutError) as exc:
            log.info("no link to a message", extra={"event": "no_link", "why": str(exc)})
            if isinstance(exc, SlackRefused) and exc.code in GONE:
                return KnownLink(now + GONE_FOR, "")
            return KnownLink(now + RETRY_AFTER, before)


def _target(pointer: Post | None) -> str:
    """Return the key of the post that shows a decision."""
    return "" if pointer is None else f"{pointer.body.get('post') or ''}"


def _about(alert: Post) -> str:
    """Return what an alert is about, in a word or two."""
    facts = alert.body.get("facts")
    title = facts.get("title") if isinstance(facts, dict) else None
    return clean(title, 60) if title else store_name(alert.body.get("store") or "the alert")
