"""Send posts to Slack: in order, at its pace, and again until it has them."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core_client import CoreClient
from bot.incidents.ledger import report_key
from bot.permalinks import AT_RESPONSE_URL, NO_MESSAGE, NOWHERE
from bot.post_renderer import PostRenderer, identifiers_of
from bot.slack_api import SlackApi
from bot.slack_errors import (
    SlackError,
    SlackNoAnswer,
    SlackRateLimited,
    SlackRefused,
    SlackUnreachable,
)
from bot.text import is_person
from bot.zones import Localized
from sync_core import tracing
from sync_core.backoff import Backoff
from sync_core.clock import Clock
from sync_core.domain.values import NEVER
from sync_core.domain.views import Post

log = logging.getLogger(__name__)

CHANNEL_INTERVAL_SECONDS = 1.1  # seconds between messages of one channel
# Until Slack has it: what people must know is never dropped. `/readyz` says why it waits.
SILENT_CHANNEL = Backoff(first=2, longest=300)
REFUSED_RETRY_DELAY = timedelta(minutes=10)  # for a message that Slack does not take
THREAD_RETRY_DELAY = timedelta(seconds=30)  # for an answer in a thread that has not begun
REPORT_DELAY = timedelta(seconds=10)  # that an answer waits for the report which it leads to
BATCH_SIZE, WIDE_BATCH_SIZE = 50, 1_000  # posts that are looked at
WIDE_BATCH_INTERVAL = timedelta(seconds=10)  # between looks at many
CLOCK_MARGIN = timedelta(minutes=2)  # by which Slack's clock and ours may differ
MAX_RESPONSE_URL_ATTEMPTS = 3  # at a response_url
MAX_SERVER_FAULTS = 4  # over one post, before others go first
MAX_SERVER_FAULTS_WITH_BLOCKS = 2  # stumbles over one post, before its text is tried alone
MAX_REMEMBERED_POSTS = 1_000
DELETED = "message_not_found"
NOT_EDITABLE_CODES = {"cant_update_message", "edit_window_closed"}
CHANNEL_PROBLEMS = {
    "not_in_channel": "Tipo is not in the channel: type /invite @Tipo there",
    "channel_not_found": "Slack knows no such channel: correct TIPO_SLACK__CHANNEL, or type "
    "/invite @Tipo in it if it is private",
    "is_archived": "the channel is archived: set TIPO_SLACK__CHANNEL to another one",
    "invalid_auth": "Slack does not accept TIPO_SLACK__BOT_TOKEN: set the current one",
    "not_authed": "Slack does not accept TIPO_SLACK__BOT_TOKEN: set the current one",
    "account_inactive": "the app is uninstalled: install it again and set its new tokens",
    "token_revoked": "the app is uninstalled: install it again and set its new tokens",
    "token_expired": "TIPO_SLACK__BOT_TOKEN has expired: set the current one",
    "missing_scope": "the app lacks a scope: `tipo slack manifest` shows all; install it again",
    "restricted_action": "a setting of the workspace keeps Tipo from posting in the channel",
    "user_not_found": "Slack does not know the person any more",
    "user_disabled": "the person's account is deactivated",
}


@dataclass(slots=True)
class ChannelQueue:
    """What we know of one channel."""

    ready_at: datetime
    failed: int = 0  # attempts in a row
    trouble: str = ""


class PostSender:
    """Sends posts."""

    def __init__(
        self, core: CoreClient, slack: SlackApi, clock: Clock, renderer: PostRenderer
    ) -> None:
        self._core = core
        self._renderer = renderer
        self._slack = slack
        self._clock = clock
        self._began = clock.now()
        self._queues: dict[str, ChannelQueue] = {}
        self._unconfirmed: dict[
            str, None
        ] = {}  # posts that Slack may have, though it did not say so
        self._url_attempts: dict[str, int] = {}  # attempts at a response_url
        self._server_faults: dict[str, int] = {}  # how often Slack has failed over a post
        self._waiting = 0
        self._sent_at: datetime | None = None
        self._wide_batch_at = NEVER
        self._refused_posts: dict[str, str] = {}  # posts that Slack does not take, and why

    def begin(self) -> None:
        """Begin to send for all: what was due before, somebody else may have sent already."""
        self._began = self._clock.now()

    def health(self) -> dict[str, object]:
        """Say what waits, and why."""
        troubles = {name: queue.trouble for name, queue in self._queues.items() if queue.trouble}
        return {
            "waiting": self._waiting,
            "last_sent_at": None if self._sent_at is None else self._sent_at.isoformat(),
            "trouble": troubles,
            "refused": dict(self._refused_posts),
        }

    async def link(self, post: Post) -> str:
        """Return the address of a post's message; empty while Slack has not told us of one."""
        return await self._renderer.links.of(post)

    async def send(self) -> float:
        """Send what is due, one message a channel; return the seconds until there may be more."""
        due = await self._due()
        self._waiting = len(due)
        done: set[str] = set()
        for post in sorted(due, key=lambda each: not _response_url_of(each)):
            name = _queue_name(post)
            queue = self._queues.setdefault(name, ChannelQueue(ready_at=self._clock.now()))
            if (
                name in done
                or queue.ready_at > self._clock.now()
                or await self._waits_for_parent(post)
            ):
                continue
            if await self._waits_for_report(post):
                self._wait(queue, CHANNEL_INTERVAL_SECONDS)
                continue
            done.add(name)
            await self._attempt(post, queue)
        self._trim_memory()
        return self._pause(_queue_name(each) for each in due)

    async def _due(self) -> list[Post]:
        """Return what is due; a channel that waits with all its posts must not hide the others."""
        due = await self._core.unsent_posts(limit=BATCH_SIZE)
        now = self._clock.now()
        queues = [self._queues.get(_queue_name(each)) for each in due]
        if len(due) < BATCH_SIZE or not all(each and each.ready_at > now for each in queues):
            return due
        if now < self._wide_batch_at + WIDE_BATCH_INTERVAL:
            return due
        self._wide_batch_at = now
        return await self._core.unsent_posts(limit=WIDE_BATCH_SIZE)

    async def _waits_for_parent(self, post: Post) -> bool:
        """Whether it belongs into the thread of a message that Slack has not got yet."""
        if post.parent is None or post.ts is not None:
            return False
        parent = (await self._core.posts([post.parent])).get(post.parent)
        if parent is None or parent.ts is not None:
            return False
        again = self._clock.now() + THREAD_RETRY_DELAY
        await self._core.failed(post.key, post.version, "its thread has not begun", again)
        return True

    async def _waits_for_report(self, post: Post) -> bool:
        """Whether an answer leads to a report that the channel gets in this very moment."""
        if post.kind != "answer" or self._clock.now() > post.due_at + REPORT_DELAY:
            return False
        key = report_key(post.body["report"])
        report = (await self._core.posts([key])).get(key)
        return report is not None and report.ts is None and report.due_at <= self._clock.now()

    def _pause(self, names: Iterable[str]) -> float:
        now = self._clock.now()
        ready = [self._queues[each].ready_at for each in names if each in self._queues]
        waits = [(each - now).total_seconds() for each in ready]
        return max(0.02, min(waits, default=SILENT_CHANNEL.longest))

    async def _attempt(self, post: Post, queue: ChannelQueue) -> None:
        """Try to send one post, and note what came of it."""
        try:
            with tracing.span("post", post=post.key, kind=post.kind):
                channel, ts = await self._deliver(post)
        except SlackRateLimited as exc:
            self._wait(queue, exc.wait)
        except SlackUnreachable as exc:
            self._note_failure(queue, str(exc))
        except SlackNoAnswer as exc:
            await self._note_no_answer(post, queue, exc)
        except SlackRefused as exc:
            await self._note_refusal(post, queue, exc.code)
        else:
            await self._core.sent(post.key, post.version, ts, channel)
            self._sent_at = self._clock.now()
            self._unconfirmed.pop(post.key, None)
            self._refused_posts.pop(post.key, None)
            self._server_faults.pop(post.key, None)
            queue.failed, queue.trouble = 0, ""
            self._wait(queue, CHANNEL_INTERVAL_SECONDS)

    async def _note_no_answer(self, post: Post, queue: ChannelQueue, exc: SlackNoAnswer) -> None:
        """Note that a post may have arrived. If Slack itself stumbles over it, others go first."""
        self._unconfirmed[post.key] = None
        if exc.is_server_fault:
            self._server_faults[post.key] = self._server_faults.get(post.key, 0) + 1
        if self._server_faults.get(post.key, 0) > MAX_SERVER_FAULTS:
            del self._server_faults[post.key]
            await self._note_refusal(post, queue, str(exc))
        else:
            self._note_failure(queue, f"no answer: {exc}")

    async def _deliver(self, post: Post) -> tuple[str, str]:
        """Bring one post to Slack; return its channel and ts."""
        message = await self._renderer.render(post)
        if message is None or (post.ts == NOWHERE and not is_open_incident(post)):
            return post.channel, NOWHERE
        url = _response_url_of(post)
        if url and await self._respond(post, url, message):
            return post.channel, AT_RESPONSE_URL
        if url or post.kind == "answer" or (post.ts is None and is_question_of_one(post)):
            # The person who asked waits for it, and nobody else does.
            asker = str(post.body.get("by") or "")
            channel = asker if is_person(asker) else post.channel
            post = replace(post, channel=channel, ts=None)
        if self._server_faults.get(post.key, 0) > MAX_SERVER_FAULTS_WITH_BLOCKS:
            message = Localized(message.text)  # Slack stumbles over it: perhaps over its blocks
        return await self._update_or_post(post, message)

    async def _respond(self, post: Post, url: str, message: Localized) -> bool:
        """Answer at a response_url, in place of what stands there; whether that went well."""
        self._url_attempts[post.key] = self._url_attempts.get(post.key, 0) + 1
        try:
            await self._slack.respond(url, message, replace=True)
        except SlackRefused as exc:
            log.info(
                "a response_url is used up",
                extra={"event": "response_url_expired", "why": exc.code},
            )
            return False
        except SlackError:
            if self._url_attempts[post.key] < MAX_RESPONSE_URL_ATTEMPTS:
                raise
            return False
        self._url_attempts.pop(post.key, None)
        return True

    async def _update_or_post(self, post: Post, message: Localized) -> tuple[str, str]:
        """Change what is there, or post again; nothing brings back what somebody has deleted."""
        thread = await self._thread_ts(post)
        if thread == NOWHERE:
            return post.channel, NOWHERE
        ts = post.ts
        if ts is None and (found := await self._find_sent(post, thread)) is not None:
            ts, version = found
            if version == post.version:
                return post.channel, ts
        if ts in NO_MESSAGE:
            return await self._post_new(post, message, thread)
        try:
            await self._slack.update(
                post.channel, str(ts), message, identifiers=identifiers_of(post)
            )
        except SlackRefused as exc:
            if exc.code == DELETED and not is_open_incident(post):
                return post.channel, NOWHERE
            if exc.code not in {DELETED, *NOT_EDITABLE_CODES}:
                raise
            return await self._post_new(post, message, thread)
        return post.channel, str(ts)

    async def _post_new(
        self, post: Post, message: Localized, thread: str | None
    ) -> tuple[str, str]:
        identifiers = identifiers_of(post)
        try:
            return await self._slack.post(
                post.channel, message, thread=thread, identifiers=identifiers
            )
        except SlackRefused as exc:
            if exc.code != "thread_not_found":
                raise
            return post.channel, NOWHERE

    async def _thread_ts(self, post: Post) -> str | None:
        """Return the ts of the message in whose thread it belongs."""
        if post.parent is None:
            return None
        parent = (await self._core.posts([post.parent])).get(post.parent)
        return None if parent is None or parent.ts == AT_RESPONSE_URL else parent.ts

    async def _find_sent(self, post: Post, thread: str | None) -> tuple[str, int] | None:
        """Look for a post that Slack may have, though we never heard so."""
        is_unconfirmed = post.key in self._unconfirmed or post.due_at < self._began
        if not is_unconfirmed:
            return None
        try:
            oldest = (min(post.due_at, self._began) - CLOCK_MARGIN).timestamp()
            return await self._slack.find(post.channel, post.key, oldest=oldest, thread=thread)
        except SlackRefused as exc:
            # Without the scope to read the channel it is said twice: better than never.
            log.info("cannot look for a post", extra={"event": "find_refused", "why": exc.code})
            return None

    async def _note_refusal(self, post: Post, queue: ChannelQueue, code: str) -> None:
        """Go on after a no: with this channel later, or with the other posts now."""
        if code in CHANNEL_PROBLEMS:
            self._note_failure(queue, CHANNEL_PROBLEMS[code])
            return
        log.error(
            "Slack does not take the post %s (%s); it is tried again in 10 minutes",
            post.key,
            code,
            extra={"event": "post_refused"},
        )
        if len(self._refused_posts) < MAX_REMEMBERED_POSTS:
            self._refused_posts[post.key] = code
        again = self._clock.now() + REFUSED_RETRY_DELAY
        await self._core.failed(post.key, post.version, code, again)
        self._wait(queue, CHANNEL_INTERVAL_SECONDS)

    def _note_failure(self, queue: ChannelQueue, why: str) -> None:
        """Let a channel wait, longer each time; say why once."""
        if why != queue.trouble:
            log.error("nothing can be posted: %s", why, extra={"event": "post_failed"})
        queue.trouble = why
        queue.failed += 1
        self._wait(queue, SILENT_CHANNEL.delay(queue.failed))

    def _wait(self, queue: ChannelQueue, seconds: float) -> None:
        queue.ready_at = self._clock.now() + timedelta(seconds=seconds)

    def _trim_memory(self) -> None:
        """Keep memory bounded: channels that wait for nothing, old doubts."""
        now = self._clock.now()
        for name in [n for n, queue in self._queues.items() if not queue.failed]:
            if self._queues[name].ready_at <= now:
                del self._queues[name]
        for known in (self._unconfirmed, self._url_attempts, self._server_faults):
            while len(known) > MAX_REMEMBERED_POSTS:
                del known[next(iter(known))]


def _response_url_of(post: Post) -> str:
    """Return the response_url at which a post answers first, if there is one."""
    url = post.body.get("reply")
    return url if isinstance(url, str) and (post.ts is None or post.ts == AT_RESPONSE_URL) else ""


def is_question_of_one(post: Post) -> bool:
    """Whether a post asks one person alone: who asked for a mode in the App Home, say."""
    asks = post.kind == "report" and post.body.get("kind") == "preflight"
    return asks and is_person(f"{post.body.get('by') or ''}")


def is_open_incident(post: Post) -> bool:
    """Whether a post tells of something that is wrong now, so that it must be seen somewhere."""
    lines = post.body.get("lines") if post.kind == "critical" else None
    told = [post.body] if post.kind == "incident" else list(_mapping(lines).values())
    return any(each.get("open") and not each.get("moved") for each in told)


def _mapping(value: object) -> Mapping[str, Mapping[str, object]]:
    return value if isinstance(value, Mapping) else {}


def _queue_name(post: Post) -> str:
    """Return the line in which a post waits: answers do not stand behind alerts."""
    return _response_url_of(post) or post.channel
