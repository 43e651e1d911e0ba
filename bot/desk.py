"""Where notices are turned into posts, one at a time, whatever the order of batches.

The rules are drawn in `bot.news`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.ledger import LEDGER, read, thread_key, tidy
from bot.policy import ALL, FOREVER, PROBLEMS, Policy
from bot.stories import (
    Story,
    base_of,
    begin,
    is_critical,
    is_full,
    is_lone,
    moment,
    row_of,
    short,
    tell,
    worse,
)
from sync_core.domain.values import Severity
from sync_core.domain.views import Notice, Post

FIRST = timedelta(seconds=30)  # what is over by then was not worth a word
SOON, LATEST = timedelta(seconds=15), timedelta(seconds=45)  # updates are gathered that long
STALE = timedelta(hours=24)  # an older message is not where people look for what is new
AGAIN = timedelta(hours=4)  # between reminders
PARTS = 20  # messages that one story may be open in
LINES = 200  # stories in one summary
PAGE, PAGES = 40, 10  # lines of a page, pages of a thread
DOWN = {"held", "unreachable"}  # while one of these is open, its store's other troubles wait
AT_ONCE = {"paused", "mode", "baseline"}  # somebody has just done it, and waits to see it
WAITS = {"brake": timedelta(seconds=3)}  # until the core has asked about it
AT_NOW = timedelta()
REPAIR = timedelta(seconds=3)  # after a click the message is changed at once; if that was lost
QUESTIONS = ("brake", "contested")  # incidents that ask something
EVENTS = {"mode", "baseline"}  # they happen; they are not over some day
DETAILED = {"night", "meeting"}  # reports that have a thread
RECEIPTS = 20  # that a report's message remembers
Place = list[Any]  # a post, the pages of its thread, and the line if it is a summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a report has to offer now; what was drawn last is kept with its post."""

    open: int = 0
    safe: int = 0
    newer: int | None = None  # the report that counts instead
    link: str = ""  # to that one's message
    is_final: bool = False  # nothing of it will change any more

    def kept(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"open": self.open, "safe": self.safe, "newer": self.newer, "link": self.link}


class Desk:
    """Where notices are turned into posts, one at a time."""

    def __init__(self, posts: Mapping[str, Post], *, now: datetime, policy: Policy) -> None:
        self._given = posts
        self._posts = dict(posts)
        self._now = now
        self._policy = policy
        self.book = read(posts.get(LEDGER))

    def changed(self) -> list[Post]:
        """Return what has changed, one version higher than it was."""
        self.book = tidy(self.book)
        if self.book != read(self._given.get(LEDGER)):
            self.put(LEDGER, "ledger", self.book, FOREVER)
        return [
            replace(post, version=self._given[key].version + 1 if key in self._given else 1)
            for key, post in self._posts.items()
            if post != self._given.get(key)
        ]

    def put(
        self, key: str, kind: str, body: Mapping[str, Any], due: datetime, parent: str | None = None
    ) -> None:
        """Write a post, or what it says now."""
        old = self._posts.get(key)
        if old is not None:
            self._posts[key] = replace(old, body=dict(body), due_at=due)
            return
        channel = self._policy.channel
        self._posts[key] = Post(
            key=key, channel=channel, parent=parent, kind=kind, body=dict(body), due_at=due
        )

    # -- one notice
    def take(self, notice: Notice) -> None:
        """Fold one notice."""
        match notice.kind:
            case "report" if isinstance(notice.facts.get("report"), int):
                self._report(notice)
            case "answer" if isinstance(notice.facts.get("report"), int):
                facts = notice.facts
                names = {"by": short(facts.get("by") or ""), "reply": _url(facts)}
                body = {"report": facts["report"], **names}
                self.put(f"answer:{notice.id}", "answer", body, notice.at)
            case "deciding" | "decided" if isinstance(notice.facts.get("receipt"), int):
                self._decided(notice)
            case _ if notice.over:
                self._over(notice)
            case _:
                self._open(notice)

    def _report(self, notice: Notice) -> None:
        """Post a report; what becomes of it later is `redraw`'s affair."""
        facts = notice.facts
        number = facts.get("report")
        body = {
            "report": number,
            "kind": short(facts.get("kind", "")),
            "by": short(facts.get("by") or ""),
            "reply": _url(facts),
            "receipts": [],
            "notices": 1,
        }
        key = f"report:{number}"
        if key in self._posts:  # told again: as it stands now
            kept = self._posts[key].body
            self._say(key, {**kept, "notices": _int(kept.get("notices")) + 1}, notice.at)
            return
        self.put(key, "report", body, self._awake(notice.at, asked=bool(body["reply"])))
        if body["reply"]:
            return
        if body["kind"] in DETAILED:
            due = self._posts[key].due_at
            self.put(thread_key(key, 0), "report_thread", {"report": number}, due, parent=key)
        self.book["reports"].append(key)

    def redraw(self, key: str, standing: Standing | None) -> None:
        """Say again what a report offers, if that has changed; once it is outdated, the last time.

        A button must not stand there with nothing behind it, whatever took it away: a newer
        report, which may have ended before this one, somebody's decision, or time.
        """
        if standing is None or standing.is_final:
            self.book["reports"].remove(key)
        post = self._posts.get(key)
        if standing is None or post is None or post.body.get("shown") == standing.kept():
            return
        waits = post.sent and (post.version > post.sent or post is not self._given.get(key))
        self._say(key, {**post.body, "shown": standing.kept()}, self._now)
        if waits:  # for what somebody has just decided, say: that is not put off by this
            due = min(post.due_at, self._posts[key].due_at)
            self._posts[key] = replace(self._posts[key], due_at=due)

    def _decided(self, notice: Notice) -> None:
        """Write into the message that asked what people decided, or say it on its own.

        Whoever clicked looks at it. So its outcome is said at once, and that it is under way, too,
        in case the click itself could not change the message.
        """
        receipt, is_over = notice.facts.get("receipt"), notice.kind == "decided"
        asked = self._asked_in(notice)
        if asked is not None:
            body = {
                **with_receipt(asked.body, receipt),
                "notices": _int(asked.body.get("notices")) + 1,
            }
            self._say(asked.key, body, notice.at, within=AT_NOW if is_over else REPAIR)
        elif is_over:
            body = {"receipt": receipt, "kind": short(notice.facts.get("kind", "")), "notices": 1}
            self.put(f"receipt:{receipt}:{notice.id}", "receipt", body, notice.at)

    def _asked_in(self, notice: Notice) -> Post | None:
        """Return the message in whose buttons somebody has decided, if it is one of ours."""
        for kind in QUESTIONS:
            places = self.book["stories"].get(f"{kind} {notice.facts.get('about')}", [])
            keys = [key for key, _, line in places if line is None]
            if keys:
                return self._posts.get(keys[-1])
        report = self._posts.get(f"report:{notice.facts.get('report')}")
        return None if report is None or report.body.get("reply") else report

    def _open(self, notice: Notice) -> None:
        """Tell of something that is open: where it is told already, or in a message of its own."""
        base = base_of(notice)
        place = self._place_for(base, notice)
        if place is None:
            self._anew(base, begin(notice), notice)
            return
        story = self._story(place)
        told = tell(story, notice)
        if worse(story["severity"], notice.severity) != story["severity"]:
            self._worse(base, place, story, notice)
        else:
            self._write(place, base, told, notice)

    def _place_for(self, base: str, notice: Notice) -> Place | None:
        """Return where a story is told that this notice continues, if it is."""
        places: list[Place] = self.book["stories"].get(base, [])
        for place in places:
            if notice.subject in self._story(place)["open"]:
                return place
        for place in reversed(places):
            story = self._story(place)
            is_new = notice.at - moment(story["changed"]) <= STALE
            if is_new and not is_full(story, notice.subject):
                return place
        return None

    def _story(self, place: Place) -> Story:
        """Return a story from its message, or from its line in a summary."""
        key, _, line = place
        body = self._posts[key].body
        return body if line is None else _lines(body)[line]

    def _anew(self, base: str, story: Story, notice: Notice) -> None:
        """Begin a story; where and when it is told depends on how bad it is, and on the hour."""
        told = tell(story, notice)
        key, kind, due = self._destination(told, notice)
        if kind == "incident":
            self.put(key, kind, told, due)
            self._silence(told, key)
            place: Place = [key, 0, None]
            self._list(place, told)
        else:
            place = [key, 0, f"{notice.id}"]
            self._line(place, kind, told, due)
        if notice.kind not in EVENTS:
            places = [*self.book["stories"].get(base, []), place]
            self.book["stories"][base] = places[-PARTS:]

    def _destination(self, story: Story, notice: Notice) -> tuple[str, str, datetime]:
        """Return in which message a new story is told, of what kind, and when."""
        own = f"incident:{notice.id}"
        if is_critical(story["severity"]):
            if self._room("critical", notice.at):
                return own, "incident", notice.at + WAITS.get(notice.kind, AT_NOW)
            return f"critical:{_hour(notice.at)}", "critical", notice.at
        if notice.kind in AT_ONCE:
            return own, "incident", notice.at
        if story["severity"] == Severity.INFO and self._policy.level != ALL:
            return self._for_later(notice)
        if self.book["down"].get(story["store"]):
            return own, "incident", FOREVER
        return self._in_time(own, notice.at + FIRST)

    def _for_later(self, notice: Notice) -> tuple[str, str, datetime]:
        """Return where mere information is told: in the day's summary, or nowhere."""
        due = self._policy.next(self._policy.digest_at, notice.at)
        if self._policy.level == PROBLEMS:
            return f"unsaid:{due:%Y-%m-%d}", "unsaid", FOREVER
        return f"digest:{due:%Y-%m-%dT%H}", "digest", due

    def _in_time(self, own: str, due: datetime) -> tuple[str, str, datetime]:
        """Return where something not critical is told: alone, after quiet hours, or among more."""
        until = self._policy.quiet_until(max(due, self._now))
        if until is not None:
            return f"quiet:{until:%Y-%m-%dT%H:%M}", "quiet", until
        if self._room("other", due):
            return own, "incident", due
        return f"more:{_hour(due)}", "more", due

    def _room(self, of: str, at: datetime) -> bool:
        """Whether an hour has room for one more message; if so it is taken."""
        name = f"{_hour(at)} {of}"
        taken: int = self.book["hours"].get(name, 0)
        self.book["hours"][name] = min(taken + 1, self._policy.per_hour)
        return taken < self._policy.per_hour

    def _line(self, place: Place, kind: str, story: Story, due: datetime) -> None:
        """Add a story to a summary; with too many, one that is over makes room."""
        key, _, name = place
        old = self._posts.get(key)
        body: dict[str, Any] = dict(old.body) if old else {"lines": {}, "left": 0, "notices": 0}
        lines = dict(_lines(body))
        if len(lines) >= LINES:
            gone = next((each for each in lines if lines[each]["over"]), next(iter(lines)))
            del lines[gone]
            self._drop(key, gone)
            body["left"] = _int(body["left"]) + 1
        lines[name] = story
        body |= {"lines": lines, "notices": _int(body["notices"]) + 1}
        if key not in self.book["summaries"]:
            self.book["summaries"].append(key)
        if old is None or old.due_at == FOREVER:
            self.put(key, kind, body, due)
        else:
            self._say(key, body, moment(story["changed"]), at_least=due)

    def _drop(self, key: str, line: str) -> None:
        """Forget a story whose line is gone; its end will be a stray."""
        for base, places in list(self.book["stories"].items()):
            if any(each[0] == key and each[2] == line for each in places):
                self._leave(base, key, line)

    def _silence(self, story: Story, key: str) -> None:
        """Note that a store is down, or that a trouble of it waits until it is back."""
        down, store, post = self.book["down"], story["store"], self._posts[key]
        if story["kind"] in DOWN and store:
            down.setdefault(store, []).append(key)
        elif post.due_at == FOREVER:
            down[store].append(key)
            self._posts[key] = replace(post, body={**post.body, "behind": store})

    def _write(self, place: Place, base: str, story: Story, notice: Notice) -> None:
        """Write what a story has become, where it is told."""
        key, _, line = place
        post = self._posts[key]
        if line is not None:
            counted = _int(post.body.get("notices")) + 1
            lines = {**_lines(post.body), line: story}
            self._say(key, {**post.body, "lines": lines, "notices": counted}, notice.at)
            return
        # Somebody has just decided about it, and looks at the message.
        self._say(key, story, notice.at, within=AT_NOW if story.get("receipts") else SOON)
        if not notice.over:
            self._list(place, story)
        if story["seen"] > 1 and not is_lone(base):
            self._thread(place, story, notice)

    def _list(self, place: Place, story: Story) -> None:
        """List what a safety stop is about in its thread, anew with each notice."""
        if story["kind"] not in WAITS:
            return
        key, body = place[0], {"subject": story["subject"], "notices": story["notices"]}
        name, due = thread_key(key, 0), self._posts[key].due_at
        if name in self._posts:
            self._say(name, body, moment(story["changed"]))
        else:
            self.put(name, "stopped", body, due, parent=key)
        place[1] = 1

    def _thread(self, place: Place, story: Story, notice: Notice) -> None:
        """Write a line into the thread of a story that has several subjects."""
        key, pages, _ = place
        subject, name, why = row_of(notice)
        line = [notice.at.isoformat(), name or subject, "over" if notice.over else why or "open"]
        at = max(pages - 1, 0)
        page = self._posts.get(thread_key(key, at))
        rows: Any = [[story["opened"], *each[1:]] for each in story["rows"][:1]]
        if page is not None:
            rows = page.body["rows"]
        if len(rows) >= PAGE:
            at, rows = at + 1, []
        if at >= PAGES:
            return  # nobody reads on; `/tipo drift` shows them all
        due = self._posts[key].due_at
        self.put(thread_key(key, at), "thread", {"rows": [*rows, line]}, due, parent=key)
        place[1] = at + 1

    def _worse(self, base: str, place: Place, story: Story, notice: Notice) -> None:
        """Say anew what has got worse; where it was told before, say where it goes on."""
        old, _, line = place
        self._leave(base, old, line)
        for waiting in self.book["down"].values():
            waiting[:] = [each for each in waiting if each != old]
        fresh = {name: value for name, value in story.items() if name not in {"behind", "waits"}}
        self._anew(base, {**fresh, "notices": 0}, notice)
        moved = self.book["stories"][base][-1][0]
        post = self._posts[old]
        if line is None:
            self._say(old, {**post.body, "open": {}, "moved": moved}, notice.at)
        elif old != moved:
            kept = {each: told for each, told in _lines(post.body).items() if each != line}
            self._say(old, {**post.body, "lines": kept}, notice.at)
            if not kept and not post.sent:
                self._unsay(old, 0)  # a summary of nothing

    def _leave(self, base: str, key: str, line: str | None) -> None:
        """Forget that a story is told in a message."""
        known = self.book["stories"].get(base, [])
        places = [each for each in known if (each[0], each[2]) != (key, line)]
        self.book["stories"][base] = places
        if not places:
            del self.book["stories"][base]

    # -- the end
    def _over(self, notice: Notice) -> None:
        """Tell of an end, where the beginning was told."""
        for base in self._bases(notice):
            for place in self.book["stories"].get(base, []):
                story = self._story(place)
                if notice.subject in story["open"]:
                    self._ended(base, place, tell(story, notice), notice)
                    return
        self.book["strays"] += 1  # its beginning was told to nobody: neither is its end

    def _bases(self, notice: Notice) -> list[str]:
        """Return the stories that an end may belong to: an end does not know its severity."""
        base = base_of(notice)
        dated = [each for each in self.book["stories"] if each.startswith(f"{base} ")]
        return [base, *dated]

    def _ended(self, base: str, place: Place, story: Story, notice: Notice) -> None:
        """Write that one subject is over; with the last one the story is."""
        key, _, line = place
        post = self._posts[key]
        self._write(place, base, story, notice)
        if story["open"]:
            return
        self._leave(base, key, line)
        if line is None and post.sent == 0 and notice.at < post.due_at:
            self._unsay(key, place[1])
        if story["kind"] in DOWN and story["store"]:
            self._back(story["store"], key, notice)

    def _unsay(self, key: str, pages: int) -> None:
        """See to it that a message and its thread are never said."""
        for each in (key, *(thread_key(key, page) for page in range(pages))):
            if each in self._posts:
                self._posts[each] = replace(self._posts[each], due_at=FOREVER)

    def _back(self, store: str, key: str, notice: Notice) -> None:
        """Let the troubles of a store speak again, now that the store itself is well."""
        waiting = [each for each in self.book["down"].pop(store, []) if each != key]
        still_down = [each for each in waiting if self._posts[each].body["kind"] in DOWN]
        if still_down:
            self.book["down"][store] = waiting
            return
        due = notice.at + FIRST
        due = self._policy.quiet_until(max(due, self._now)) or due
        for each in waiting:
            post = self._posts[each]
            if post.body.get("open") and post.due_at == FOREVER:
                body = {name: told for name, told in post.body.items() if name != "behind"}
                self._posts[each] = replace(post, due_at=due, body=body)
                self._wake_thread(each, due)

    def _wake_thread(self, key: str, due: datetime) -> None:
        """Let the thread of a message speak with it."""
        for page in range(PAGES):
            name = thread_key(key, page)
            if name in self._posts:
                self._posts[name] = replace(self._posts[name], due_at=due)

    # -- when
    def _say(
        self,
        key: str,
        body: Mapping[str, Any],
        at: datetime,
        at_least: datetime | None = None,
        *,
        within: timedelta = SOON,
    ) -> None:
        """Change what a post says; changes that come close together are said together."""
        post = self._posts[key]
        if post.due_at == FOREVER or post.sent == 0:
            due = post.due_at  # it has not been said yet: it says the newest when its time comes
        elif post.version > post.sent or post is not self._given.get(key):
            first = _moment_of(post.body.get("waits")) or at
            due, body = min(at + within, first + LATEST), {**body, "waits": first.isoformat()}
        else:
            due, body = at + within, {**body, "waits": at.isoformat()}
        self.put(key, post.kind, body, max(due, at_least) if at_least else due)

    def _awake(self, at: datetime, *, asked: bool) -> datetime:
        """Return when something not critical may be said; whoever has asked is awake."""
        return at if asked else self._policy.quiet_until(max(at, self._now)) or at

    def severe(self) -> Iterable[tuple[Post, datetime]]:
        """Yield each message about something severe and open, and when to remind people of it."""
        for places in self.book["stories"].values():
            for key, *_ in places:
                post = self._posts.get(key)
                if post is None or post.kind != "incident" or post.due_at == FOREVER:
                    continue
                if is_critical(f"{post.body['severity']}") and post.body.get("open"):
                    last = self.book["reminded"].get(key) or post.body["opened"]
                    yield post, moment(f"{last}") + AGAIN


def with_receipt(body: Mapping[str, object], receipt: object) -> dict[str, Any]:
    """Return the body of a post that shows one receipt more; each once, the latest of them."""
    told = body.get("receipts")
    receipts = [*told, receipt] if isinstance(told, list) else [receipt]
    return {**body, "receipts": list(dict.fromkeys(receipts))[-RECEIPTS:]}


def _url(facts: Mapping[str, object]) -> str:
    return short(facts.get("reply") or "", 2_000)


def _moment_of(words: object) -> datetime | None:
    return moment(words) if isinstance(words, str) else None


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _lines(body: Mapping[str, Any]) -> dict[str, Story]:
    """Return the stories of a summary, by the notice that began each."""
    lines: dict[str, Story] = body["lines"]
    return lines


def _hour(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H}"
