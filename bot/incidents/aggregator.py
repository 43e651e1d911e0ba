"""Where notifications are turned into posts, one at a time, whatever the order of batches.

The rules are drawn in `bot.notifications`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.incidents.incident import (
    Incident,
    begin_incident,
    incident_key,
    is_about_one_subject,
    is_critical,
    is_full,
    parse_time,
    row_of,
    truncate,
    with_notification,
    worse_severity,
)
from bot.incidents.ledger import LEDGER, load_ledger, thread_key, tidy
from bot.policy import ALL, NEVER_DUE, PROBLEMS, AlertPolicy
from sync_core.domain.values import Severity
from sync_core.domain.views import Notification, Post

INITIAL_DELAY = timedelta(seconds=30)  # what is over by then was not worth a word
UPDATE_DELAY, MAX_UPDATE_DELAY = (
    timedelta(seconds=15),
    timedelta(seconds=45),
)  # updates are gathered that long
STALE_AFTER = timedelta(hours=24)  # an older message is not where people look for what is new
REMIND_AFTER = timedelta(hours=4)  # between reminders
MAX_MESSAGES_PER_INCIDENT = 20  # messages that one incident may be open in
MAX_SUMMARY_LINES = 200  # incidents in one summary
ROWS_PER_PAGE, MAX_PAGES = 40, 10  # lines of a page, pages of a thread
OUTAGE_KINDS = {
    "store_blocked",
    "unreachable",
}  # while one of these is open, its store's other troubles wait
IMMEDIATE_KINDS = {"paused", "mode", "baseline"}  # somebody has just done it, and waits to see it
DELAY_BY_KIND = {"circuit_breaker": timedelta(seconds=3)}  # until the core has asked about it
NO_DELAY = timedelta()
REPAIR_DELAY = timedelta(
    seconds=3
)  # after a click the message is changed at once; if that was lost
QUESTION_KINDS = ("circuit_breaker", "contested")  # incidents that ask something
EVENT_KINDS = {"mode", "baseline"}  # they happen; they are not over some day
KINDS_WITH_THREAD = {"night", "baseline"}  # reports that have a thread
MAX_RECEIPTS = 20  # that a report's message remembers
Slot = list[Any]  # a post, the pages of its thread, and the line if it is a summary


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOffer:
    """What a report has to offer now; what was drawn last is kept with its post."""

    open: int = 0
    safe: int = 0
    newer: int | None = None  # the report that counts instead
    link: str = ""  # to that one's message
    is_final: bool = False  # nothing of it will change any more

    def kept(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"open": self.open, "safe": self.safe, "newer": self.newer, "link": self.link}


class IncidentAggregator:
    """Where notifications are turned into posts, one at a time."""

    def __init__(self, posts: Mapping[str, Post], *, now: datetime, policy: AlertPolicy) -> None:
        self._given = posts
        self._posts = dict(posts)
        self._now = now
        self._policy = policy
        self.state = load_ledger(posts.get(LEDGER))

    def changed(self) -> list[Post]:
        """Return what has changed, one version higher than it was."""
        self.state = tidy(self.state)
        if self.state != load_ledger(self._given.get(LEDGER)):
            self.put(LEDGER, "ledger", self.state, NEVER_DUE)
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

    # -- one notification
    def add(self, notification: Notification) -> None:
        """Add one notification."""
        match notification.kind:
            case "report" if isinstance(notification.facts.get("report"), int):
                self._report(notification)
            case "answer" if isinstance(notification.facts.get("report"), int):
                facts = notification.facts
                names = {"by": truncate(facts.get("by") or ""), "reply": _url(facts)}
                body = {"report": facts["report"], **names}
                self.put(f"answer:{notification.id}", "answer", body, notification.at)
            case "deciding" | "decided" if isinstance(notification.facts.get("receipt"), int):
                self._decided(notification)
            case _ if notification.resolved:
                self._end(notification)
            case _:
                self._open(notification)

    def _report(self, notification: Notification) -> None:
        """Post a report; what becomes of it later is `update_report`'s affair."""
        facts = notification.facts
        number = facts.get("report")
        body = {
            "report": number,
            "kind": truncate(facts.get("kind", "")),
            "by": truncate(facts.get("by") or ""),
            "reply": _url(facts),
            "receipts": [],
            "notices": 1,
        }
        key = f"report:{number}"
        if key in self._posts:  # told again: as it stands now
            kept = self._posts[key].body
            self._revise(key, {**kept, "notices": _int(kept.get("notices")) + 1}, notification.at)
            return
        self.put(
            key, "report", body, self._after_quiet_hours(notification.at, asked=bool(body["reply"]))
        )
        if body["reply"]:
            return
        if body["kind"] in KINDS_WITH_THREAD:
            due = self._posts[key].due_at
            self.put(thread_key(key, 0), "report_thread", {"report": number}, due, parent=key)
        self.state["reports"].append(key)

    def update_report(self, key: str, offer: ReportOffer | None) -> None:
        """Say again what a report offers, if that has changed; once it is outdated, the last time.

        A button must not stand there with nothing behind it, whatever took it away: a newer
        report, which may have ended before this one, somebody's decision, or time.
        """
        if offer is None or offer.is_final:
            self.state["reports"].remove(key)
        post = self._posts.get(key)
        if offer is None or post is None or post.body.get("shown") == offer.kept():
            return
        waits = post.sent and (post.version > post.sent or post is not self._given.get(key))
        self._revise(key, {**post.body, "shown": offer.kept()}, self._now)
        if waits:  # for what somebody has just decided, say: that is not put off by this
            due = min(post.due_at, self._posts[key].due_at)
            self._posts[key] = replace(self._posts[key], due_at=due)

    def _decided(self, notification: Notification) -> None:
        """Write into the message that asked what people decided, or say it on its own.

        Whoever clicked looks at it. So its outcome is said at once, and that it is under way, too,
        in case the click itself could not change the message.
        """
        receipt, is_over = notification.facts.get("receipt"), notification.kind == "decided"
        asked = self._asked_in(notification)
        if asked is not None:
            body = {
                **with_receipt(asked.body, receipt),
                "notices": _int(asked.body.get("notices")) + 1,
            }
            self._revise(
                asked.key, body, notification.at, within=NO_DELAY if is_over else REPAIR_DELAY
            )
        elif is_over:
            body = {
                "receipt": receipt,
                "kind": truncate(notification.facts.get("kind", "")),
                "notices": 1,
            }
            self.put(f"receipt:{receipt}:{notification.id}", "receipt", body, notification.at)

    def _asked_in(self, notification: Notification) -> Post | None:
        """Return the message in whose buttons somebody has decided, if it is one of ours."""
        for kind in QUESTION_KINDS:
            slots = self.state["stories"].get(f"{kind} {notification.facts.get('about')}", [])
            keys = [key for key, _, line in slots if line is None]
            if keys:
                return self._posts.get(keys[-1])
        report = self._posts.get(f"report:{notification.facts.get('report')}")
        return None if report is None or report.body.get("reply") else report

    def _open(self, notification: Notification) -> None:
        """Tell of something that is open: where it is told already, or in a message of its own."""
        base = incident_key(notification)
        slot = self._slot_for(base, notification)
        if slot is None:
            self._begin_incident(base, begin_incident(notification), notification)
            return
        incident = self._incident_in(slot)
        told = with_notification(incident, notification)
        if worse_severity(incident["severity"], notification.severity) != incident["severity"]:
            self._move_to_new_message(base, slot, incident, notification)
        else:
            self._write(slot, base, told, notification)

    def _slot_for(self, base: str, notification: Notification) -> Slot | None:
        """Return where an incident is told that this notification continues, if it is."""
        slots: list[Slot] = self.state["stories"].get(base, [])
        for slot in slots:
            if notification.subject in self._incident_in(slot)["open"]:
                return slot
        for slot in reversed(slots):
            incident = self._incident_in(slot)
            is_new = notification.at - parse_time(incident["changed"]) <= STALE_AFTER
            if is_new and not is_full(incident, notification.subject):
                return slot
        return None

    def _incident_in(self, slot: Slot) -> Incident:
        """Return an incident from its message, or from its line in a summary."""
        key, _, line = slot
        body = self._posts[key].body
        return body if line is None else _lines(body)[line]

    def _begin_incident(self, base: str, incident: Incident, notification: Notification) -> None:
        """Begin an incident; when and where it is told depends on severity and hour."""
        told = with_notification(incident, notification)
        key, kind, due = self._destination(told, notification)
        if kind == "incident":
            self.put(key, kind, told, due)
            self._note_outage(told, key)
            slot: Slot = [key, 0, None]
            self._list_products(slot, told)
        else:
            slot = [key, 0, f"{notification.id}"]
            self._add_to_summary(slot, kind, told, due)
        if notification.kind not in EVENT_KINDS:
            slots = [*self.state["stories"].get(base, []), slot]
            self.state["stories"][base] = slots[-MAX_MESSAGES_PER_INCIDENT:]

    def _destination(
        self, incident: Incident, notification: Notification
    ) -> tuple[str, str, datetime]:
        """Return in which message a new incident is told, of what kind, and when."""
        own = f"incident:{notification.id}"
        if is_critical(incident["severity"]):
            if self._take_hourly_slot("critical", notification.at):
                return (
                    own,
                    "incident",
                    notification.at + DELAY_BY_KIND.get(notification.kind, NO_DELAY),
                )
            return f"critical:{_hour(notification.at)}", "critical", notification.at
        if notification.kind in IMMEDIATE_KINDS:
            return own, "incident", notification.at
        if incident["severity"] == Severity.INFO and self._policy.level != ALL:
            return self._for_later(notification)
        if self.state["down"].get(incident["store"]):
            return own, "incident", NEVER_DUE
        return self._in_time(own, notification.at + INITIAL_DELAY)

    def _for_later(self, notification: Notification) -> tuple[str, str, datetime]:
        """Return where mere information is told: in the day's summary, or nowhere."""
        due = self._policy.next(self._policy.digest_at, notification.at)
        if self._policy.level == PROBLEMS:
            return f"unsaid:{due:%Y-%m-%d}", "unsaid", NEVER_DUE
        return f"digest:{due:%Y-%m-%dT%H}", "digest", due

    def _in_time(self, own: str, due: datetime) -> tuple[str, str, datetime]:
        """Return where something not critical is told: alone, after quiet hours, or among more."""
        until = self._policy.quiet_until(max(due, self._now))
        if until is not None:
            return f"quiet:{until:%Y-%m-%dT%H:%M}", "quiet", until
        if self._take_hourly_slot("other", due):
            return own, "incident", due
        return f"more:{_hour(due)}", "more", due

    def _take_hourly_slot(self, of: str, at: datetime) -> bool:
        """Whether an hour has room for one more message; if so it is taken."""
        name = f"{_hour(at)} {of}"
        taken: int = self.state["hours"].get(name, 0)
        self.state["hours"][name] = min(taken + 1, self._policy.per_hour)
        return taken < self._policy.per_hour

    def _add_to_summary(self, slot: Slot, kind: str, incident: Incident, due: datetime) -> None:
        """Add an incident to a summary; with too many, one that is over makes room."""
        key, _, name = slot
        old = self._posts.get(key)
        body: dict[str, Any] = dict(old.body) if old else {"lines": {}, "left": 0, "notices": 0}
        lines = dict(_lines(body))
        if len(lines) >= MAX_SUMMARY_LINES:
            gone = next((each for each in lines if lines[each]["over"]), next(iter(lines)))
            del lines[gone]
            self._drop(key, gone)
            body["left"] = _int(body["left"]) + 1
        lines[name] = incident
        body |= {"lines": lines, "notices": _int(body["notices"]) + 1}
        if key not in self.state["summaries"]:
            self.state["summaries"].append(key)
        if old is None or old.due_at == NEVER_DUE:
            self.put(key, kind, body, due)
        else:
            self._revise(key, body, parse_time(incident["changed"]), at_least=due)

    def _drop(self, key: str, line: str) -> None:
        """Forget an incident whose line is gone; its end will be a stray."""
        for base, slots in list(self.state["stories"].items()):
            if any(each[0] == key and each[2] == line for each in slots):
                self._remove_slot(base, key, line)

    def _note_outage(self, incident: Incident, key: str) -> None:
        """Note that a store is down, or that a trouble of it waits until it is back."""
        down, store, post = self.state["down"], incident["store"], self._posts[key]
        if incident["kind"] in OUTAGE_KINDS and store:
            down.setdefault(store, []).append(key)
        elif post.due_at == NEVER_DUE:
            down[store].append(key)
            self._posts[key] = replace(post, body={**post.body, "behind": store})

    def _write(self, slot: Slot, base: str, incident: Incident, notification: Notification) -> None:
        """Write what an incident has become, where it is told."""
        key, _, line = slot
        post = self._posts[key]
        if line is not None:
            counted = _int(post.body.get("notices")) + 1
            lines = {**_lines(post.body), line: incident}
            self._revise(key, {**post.body, "lines": lines, "notices": counted}, notification.at)
            return
        # Somebody has just decided about it, and looks at the message.
        self._revise(
            key,
            incident,
            notification.at,
            within=NO_DELAY if incident.get("receipts") else UPDATE_DELAY,
        )
        if not notification.resolved:
            self._list_products(slot, incident)
        if incident["seen"] > 1 and not is_about_one_subject(base):
            self._thread(slot, incident, notification)

    def _list_products(self, slot: Slot, incident: Incident) -> None:
        """List what a safety stop is about in its thread, anew with each notification."""
        if incident["kind"] not in DELAY_BY_KIND:
            return
        key, body = slot[0], {"subject": incident["subject"], "notices": incident["notices"]}
        name, due = thread_key(key, 0), self._posts[key].due_at
        if name in self._posts:
            self._revise(name, body, parse_time(incident["changed"]))
        else:
            self.put(name, "stopped", body, due, parent=key)
        slot[1] = 1

    def _thread(self, slot: Slot, incident: Incident, notification: Notification) -> None:
        """Write a line into the thread of an incident that has several subjects."""
        key, pages, _ = slot
        subject, name, why = row_of(notification)
        line = [
            notification.at.isoformat(),
            name or subject,
            "over" if notification.resolved else why or "open",
        ]
        at = max(pages - 1, 0)
        page = self._posts.get(thread_key(key, at))
        rows: Any = [[incident["opened"], *each[1:]] for each in incident["rows"][:1]]
        if page is not None:
            rows = page.body["rows"]
        if len(rows) >= ROWS_PER_PAGE:
            at, rows = at + 1, []
        if at >= MAX_PAGES:
            return  # nobody reads on; `/tipo drift` shows them all
        due = self._posts[key].due_at
        self.put(thread_key(key, at), "thread", {"rows": [*rows, line]}, due, parent=key)
        slot[1] = at + 1

    def _move_to_new_message(
        self, base: str, slot: Slot, incident: Incident, notification: Notification
    ) -> None:
        """Say anew what has got worse; where it was told before, say where it goes on."""
        old, _, line = slot
        self._remove_slot(base, old, line)
        for waiting in self.state["down"].values():
            waiting[:] = [each for each in waiting if each != old]
        fresh = {name: value for name, value in incident.items() if name not in {"behind", "waits"}}
        self._begin_incident(base, {**fresh, "notices": 0}, notification)
        moved = self.state["stories"][base][-1][0]
        post = self._posts[old]
        if line is None:
            self._revise(old, {**post.body, "open": {}, "moved": moved}, notification.at)
        elif old != moved:
            kept = {each: told for each, told in _lines(post.body).items() if each != line}
            self._revise(old, {**post.body, "lines": kept}, notification.at)
            if not kept and not post.sent:
                self._cancel(old, 0)  # a summary of nothing

    def _remove_slot(self, base: str, key: str, line: str | None) -> None:
        """Forget that an incident is told in a message."""
        known = self.state["stories"].get(base, [])
        slots = [each for each in known if (each[0], each[2]) != (key, line)]
        self.state["stories"][base] = slots
        if not slots:
            del self.state["stories"][base]

    # -- the end
    def _end(self, notification: Notification) -> None:
        """Tell of an end, where the beginning was told."""
        for base in self._incident_keys(notification):
            for slot in self.state["stories"].get(base, []):
                incident = self._incident_in(slot)
                if notification.subject in incident["open"]:
                    self._end_subject(
                        base, slot, with_notification(incident, notification), notification
                    )
                    return
        self.state["strays"] += 1  # its beginning was told to nobody: neither is its end

    def _incident_keys(self, notification: Notification) -> list[str]:
        """Return the incidents that an end may belong to: an end does not know its severity."""
        base = incident_key(notification)
        dated = [each for each in self.state["stories"] if each.startswith(f"{base} ")]
        return [base, *dated]

    def _end_subject(
        self, base: str, slot: Slot, incident: Incident, notification: Notification
    ) -> None:
        """Write that one subject is over; with the last one the incident is."""
        key, _, line = slot
        post = self._posts[key]
        self._write(slot, base, incident, notification)
        if incident["open"]:
            return
        self._remove_slot(base, key, line)
        if line is None and post.sent == 0 and notification.at < post.due_at:
            self._cancel(key, slot[1])
        if incident["kind"] in OUTAGE_KINDS and incident["store"]:
            self._on_store_recovered(incident["store"], key, notification)

    def _cancel(self, key: str, pages: int) -> None:
        """See to it that a message and its thread are never said."""
        for each in (key, *(thread_key(key, page) for page in range(pages))):
            if each in self._posts:
                self._posts[each] = replace(self._posts[each], due_at=NEVER_DUE)

    def _on_store_recovered(self, store: str, key: str, notification: Notification) -> None:
        """Let the troubles of a store speak again, now that the store itself is well."""
        waiting = [each for each in self.state["down"].pop(store, []) if each != key]
        still_down = [each for each in waiting if self._posts[each].body["kind"] in OUTAGE_KINDS]
        if still_down:
            self.state["down"][store] = waiting
            return
        due = notification.at + INITIAL_DELAY
        due = self._policy.quiet_until(max(due, self._now)) or due
        for each in waiting:
            post = self._posts[each]
            if post.body.get("open") and post.due_at == NEVER_DUE:
                body = {name: told for name, told in post.body.items() if name != "behind"}
                self._posts[each] = replace(post, due_at=due, body=body)
                self._schedule_thread(each, due)

    def _schedule_thread(self, key: str, due: datetime) -> None:
        """Let the thread of a message speak with it."""
        for page in range(MAX_PAGES):
            name = thread_key(key, page)
            if name in self._posts:
                self._posts[name] = replace(self._posts[name], due_at=due)

    # -- when
    def _revise(
        self,
        key: str,
        body: Mapping[str, Any],
        at: datetime,
        at_least: datetime | None = None,
        *,
        within: timedelta = UPDATE_DELAY,
    ) -> None:
        """Change what a post says; changes that come close together are said together."""
        post = self._posts[key]
        if post.due_at == NEVER_DUE or post.sent == 0:
            due = post.due_at  # it has not been said yet: it says the newest when its time comes
        elif post.version > post.sent or post is not self._given.get(key):
            first = _parse_time_if_any(post.body.get("waits")) or at
            due, body = (
                min(at + within, first + MAX_UPDATE_DELAY),
                {**body, "waits": first.isoformat()},
            )
        else:
            due, body = at + within, {**body, "waits": at.isoformat()}
        self.put(key, post.kind, body, max(due, at_least) if at_least else due)

    def _after_quiet_hours(self, at: datetime, *, asked: bool) -> datetime:
        """Return when something not critical may be said; whoever has asked is awake."""
        return at if asked else self._policy.quiet_until(max(at, self._now)) or at

    def open_critical(self) -> Iterable[tuple[Post, datetime]]:
        """Yield each message about something severe and open, and when to remind people of it."""
        for slots in self.state["stories"].values():
            for key, *_ in slots:
                post = self._posts.get(key)
                if post is None or post.kind != "incident" or post.due_at == NEVER_DUE:
                    continue
                if is_critical(f"{post.body['severity']}") and post.body.get("open"):
                    last = self.state["reminded"].get(key) or post.body["opened"]
                    yield post, parse_time(f"{last}") + REMIND_AFTER


def with_receipt(body: Mapping[str, object], receipt: object) -> dict[str, Any]:
    """Return the body of a post that shows one receipt more; each once, the latest of them."""
    told = body.get("receipts")
    receipts = [*told, receipt] if isinstance(told, list) else [receipt]
    return {**body, "receipts": list(dict.fromkeys(receipts))[-MAX_RECEIPTS:]}


def _url(facts: Mapping[str, object]) -> str:
    return truncate(facts.get("reply") or "", 2_000)


def _parse_time_if_any(words: object) -> datetime | None:
    return parse_time(words) if isinstance(words, str) else None


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _lines(body: Mapping[str, Any]) -> dict[str, Incident]:
    """Return the incidents of a summary, by the notification that began each."""
    lines: dict[str, Incident] = body["lines"]
    return lines


def _hour(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H}"
