"""Send posts to Slack: in order, at its pace, and again until it has them."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core import Core
from bot.drawing import drawn, marks_of
from bot.messages.kit import Message
from bot.text import is_person
from bot.workspace import NoAnswer, NotSent, Refused, SlackTrouble, Throttled, Workspace
from sync_core.clock import Clock
from sync_core.domain.values import NEVER
from sync_core.domain.views import Post

log = logging.getLogger(__name__)

PACE = 1.1  # seconds between messages of one channel
LONGEST = 300.0  # seconds between attempts
LATER = timedelta(minutes=10)  # for a message that Slack does not take
SOON = timedelta(seconds=30)  # for an answer in a thread that has not begun
FEW, MANY = 50, 1_000  # posts that are looked at
FAR = timedelta(seconds=10)  # between looks at many
MARGIN = timedelta(minutes=2)  # by which Slack's clock and ours may differ
ANSWERED = "reply"  # instead of a ts: it was said at a response_url
TRIES = 3  # at a response_url
STUMBLES = 4  # over one post, before others go first
WITH_BLOCKS = 2  # stumbles over one post, before its text is tried alone
REMEMBERED = 1_000
FORGOTTEN = {"message_not_found", "cant_update_message", "edit_window_closed"}
CLOSED = {
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
class Line:
    """What we know of one channel."""

    ready_at: datetime
    failed: int = 0  # attempts in a row
    trouble: str = ""


class Sender:
    """Sends posts."""

    def __init__(self, core: Core, workspace: Workspace, clock: Clock) -> None:
        self._core = core
        self._workspace = workspace
        self._clock = clock
        self._began = clock.now()
        self._lines: dict[str, Line] = {}
        self._doubtful: dict[str, None] = {}  # posts that Slack may have, though it did not say so
        self._tried: dict[str, int] = {}  # attempts at a response_url
        self._stumbled: dict[str, int] = {}  # how often Slack has failed over a post
        self._waiting = 0
        self._sent_at: datetime | None = None
        self._looked_far = NEVER
        self._stuck: dict[str, str] = {}  # posts that Slack does not take, and why

    def health(self) -> dict[str, object]:
        """Say what waits, and why."""
        troubles = {name: line.trouble for name, line in self._lines.items() if line.trouble}
        return {
            "waiting": self._waiting,
            "last_sent_at": None if self._sent_at is None else self._sent_at.isoformat(),
            "trouble": troubles,
            "refused": dict(self._stuck),
        }

    async def link(self, post: Post) -> str:
        """Return the address of a post's message; empty while Slack has not told us of one."""
        if post.ts in {None, ANSWERED}:
            return ""
        try:
            return await self._workspace.permalink(post.channel, str(post.ts))
        except SlackTrouble as exc:
            log.info("no link to %s", post.key, extra={"act": "no_link", "why": str(exc)})
            return ""

    async def send(self) -> float:
        """Send what is due, one message a channel; return the seconds until there may be more."""
        due = await self._due()
        self._waiting = len(due)
        done: set[str] = set()
        for post in sorted(due, key=lambda each: not _reply_of(each)):
            name = _line_of(post)
            line = self._lines.setdefault(name, Line(ready_at=self._clock.now()))
            if name in done or line.ready_at > self._clock.now() or await self._is_early(post):
                continue
            done.add(name)
            await self._attempt(post, line)
        self._forget()
        return self._pause(_line_of(each) for each in due)

    async def _due(self) -> list[Post]:
        """Return what is due; a channel that waits with all its posts must not hide the others."""
        due = await self._core.unsent(limit=FEW)
        now = self._clock.now()
        lines = [self._lines.get(_line_of(each)) for each in due]
        if len(due) < FEW or not all(each and each.ready_at > now for each in lines):
            return due
        if now < self._looked_far + FAR:
            return due
        self._looked_far = now
        return await self._core.unsent(limit=MANY)

    async def _is_early(self, post: Post) -> bool:
        """Whether it belongs into the thread of a message that Slack has not got yet."""
        if post.parent is None or post.ts is not None:
            return False
        parent = (await self._core.posts([post.parent])).get(post.parent)
        if parent is None or parent.ts is not None:
            return False
        again = self._clock.now() + SOON
        await self._core.failed(post.key, post.version, "its thread has not begun", again)
        return True

    def _pause(self, names: Iterable[str]) -> float:
        now = self._clock.now()
        ready = [self._lines[each].ready_at for each in names if each in self._lines]
        waits = [(each - now).total_seconds() for each in ready]
        return max(0.02, min(waits, default=LONGEST))

    async def _attempt(self, post: Post, line: Line) -> None:
        """Try to send one post, and note what came of it."""
        try:
            channel, ts = await self._put(post)
        except Throttled as exc:
            self._wait(line, exc.wait)
        except NotSent as exc:
            self._fails(line, str(exc))
        except NoAnswer as exc:
            await self._unanswered(post, line, exc)
        except Refused as exc:
            await self._refused(post, line, exc.code)
        else:
            await self._core.sent(post.key, post.version, ts, channel)
            self._sent_at = self._clock.now()
            self._doubtful.pop(post.key, None)
            self._stuck.pop(post.key, None)
            self._stumbled.pop(post.key, None)
            line.failed, line.trouble = 0, ""
            self._wait(line, PACE)

    async def _unanswered(self, post: Post, line: Line, exc: NoAnswer) -> None:
        """Note that a post may have arrived. If Slack itself stumbles over it, others go first."""
        self._doubtful[post.key] = None
        if exc.stumbles:
            self._stumbled[post.key] = self._stumbled.get(post.key, 0) + 1
        if self._stumbled.get(post.key, 0) > STUMBLES:
            del self._stumbled[post.key]
            await self._refused(post, line, str(exc))
        else:
            self._fails(line, f"no answer: {exc}")

    async def _put(self, post: Post) -> tuple[str, str]:
        """Bring one post to Slack; return its channel and ts."""
        said = await drawn(self._core, post, self._clock)
        url = _reply_of(post)
        if url and await self._answered(post, url, said):
            return post.channel, ANSWERED
        if url or post.kind == "answer":
            # Whoever asked waits for it, and nobody else does.
            asker = str(post.body.get("by") or "")
            channel = asker if is_person(asker) else post.channel
            post = replace(post, channel=channel, ts=None)
        if self._stumbled.get(post.key, 0) > WITH_BLOCKS:
            said = Message(said.text)  # Slack stumbles over it: perhaps over its blocks
        return await self._place(post, said)

    async def _answered(self, post: Post, url: str, said: Message) -> bool:
        """Answer at a response_url, in place of what stands there; whether that went well."""
        self._tried[post.key] = self._tried.get(post.key, 0) + 1
        try:
            await self._workspace.reply(url, said, replace=True)
        except Refused as exc:
            log.info("a response_url is used up", extra={"act": "reply_over", "why": exc.code})
            return False
        except SlackTrouble:
            if self._tried[post.key] < TRIES:
                raise
            return False
        self._tried.pop(post.key, None)
        return True

    async def _place(self, post: Post, said: Message) -> tuple[str, str]:
        """Change what is there, or post anew."""
        thread = await self._thread(post)
        ts = post.ts
        if ts is None and (found := await self._found(post, thread)) is not None:
            ts, version = found
            if version == post.version:
                return post.channel, ts
        if ts in {None, ANSWERED} or not await self._changed(post, str(ts), said):
            return await self._anew(post, said, thread)
        return post.channel, str(ts)

    async def _changed(self, post: Post, ts: str, said: Message) -> bool:
        """Change a message; whether Slack still knows it."""
        try:
            await self._workspace.update(post.channel, ts, said, marks=marks_of(post))
        except Refused as exc:
            if exc.code not in FORGOTTEN:
                raise
            return False
        return True

    async def _anew(self, post: Post, said: Message, thread: str | None) -> tuple[str, str]:
        marks = marks_of(post)
        try:
            return await self._workspace.post(post.channel, said, thread=thread, marks=marks)
        except Refused as exc:
            if exc.code != "thread_not_found":
                raise
            return await self._workspace.post(post.channel, said, marks=marks)

    async def _thread(self, post: Post) -> str | None:
        """Return the ts of the message in whose thread it belongs."""
        if post.parent is None:
            return None
        parent = (await self._core.posts([post.parent])).get(post.parent)
        return None if parent is None or parent.ts == ANSWERED else parent.ts

    async def _found(self, post: Post, thread: str | None) -> tuple[str, int] | None:
        """Look for a post that Slack may have, though we never heard so."""
        doubtful = post.key in self._doubtful or post.due_at < self._began
        if not doubtful:
            return None
        try:
            oldest = (min(post.due_at, self._began) - MARGIN).timestamp()
            return await self._workspace.find(post.channel, post.key, oldest=oldest, thread=thread)
        except Refused as exc:
            # Without the scope to read the channel it is said twice: better than never.
            log.info("cannot look for a post", extra={"act": "find_refused", "why": exc.code})
            return None

    async def _refused(self, post: Post, line: Line, code: str) -> None:
        """Go on after a no: with this channel later, or with the other posts now."""
        if code in CLOSED:
            self._fails(line, CLOSED[code])
            return
        log.error(
            "Slack does not take the post %s (%s); it is tried again in 10 minutes",
            post.key,
            code,
            extra={"act": "post_refused"},
        )
        if len(self._stuck) < REMEMBERED:
            self._stuck[post.key] = code
        again = self._clock.now() + LATER
        await self._core.failed(post.key, post.version, code, again)
        self._wait(line, PACE)

    def _fails(self, line: Line, why: str) -> None:
        """Let a channel wait, longer each time; say why once."""
        if why != line.trouble:
            log.error("nothing can be posted: %s", why, extra={"act": "post_failed"})
        line.trouble = why
        line.failed += 1
        self._wait(line, min(LONGEST, 2.0 ** min(line.failed, 10)))

    def _wait(self, line: Line, seconds: float) -> None:
        line.ready_at = self._clock.now() + timedelta(seconds=seconds)

    def _forget(self) -> None:
        """Keep memory bounded: channels that wait for nothing, old doubts."""
        now = self._clock.now()
        for name in [n for n, line in self._lines.items() if not line.failed]:
            if self._lines[name].ready_at <= now:
                del self._lines[name]
        for known in (self._doubtful, self._tried, self._stumbled):
            while len(known) > REMEMBERED:
                del known[next(iter(known))]


def _reply_of(post: Post) -> str:
    """Return the response_url at which a post answers first, if there is one."""
    url = post.body.get("reply")
    return url if isinstance(url, str) and (post.ts is None or post.ts == ANSWERED) else ""


def _line_of(post: Post) -> str:
    """Return the line in which a post waits: answers do not stand behind alerts."""
    return _reply_of(post) or post.channel
