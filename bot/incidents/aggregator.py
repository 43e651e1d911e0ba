"""Where notifications are turned into posts, one at a time, whatever the order of batches.

The rules are drawn in `bot.notifications`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
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
    with_notification,
    without_subjects,
    worse_severity,
)
from bot.incidents.ledger import reminder_key, slot_name, thread_key
from bot.incidents.mentions import Mentions
from bot.incidents.outages import MAX_PAGES, OUTAGE_KINDS, Outages
from bot.incidents.ownership import snooze_of, with_investigator
from bot.incidents.post_editor import NO_DELAY, UPDATE_DELAY, PostEditor, integer
from bot.incidents.report_posts import ReportPosts
from bot.incidents.schedule import DELAY_BY_KIND, Schedule
from bot.policy import AlertPolicy
from sync_core.domain.views import NEVER_DUE, Notification, Post

STALE_AFTER = timedelta(hours=24)  # an older message is not where people look for what is new
REMIND_AFTER = timedelta(hours=4)  # between reminders
REMINDED_KINDS = {"incident", "critical"}  # posts that tell of what is critical
MAX_MESSAGES_PER_INCIDENT = 20  # messages that one incident may be open in
MAX_SUMMARY_LINES = 200  # incidents in one summary
ROWS_PER_PAGE = 40  # lines of a page of a thread
EVENT_KINDS = {"mode", "baseline"}  # they happen; they are not over some day
# What a new message does not take from the one before it: getting worse ends a snooze, too.
KEPT_BEHIND = {"behind", "waits", "snoozed", "mentions", "hushed"}
Slot = list[Any]  # a post, the pages of its thread, and the line if it is a summary


class IncidentAggregator:
    """Where notifications are turned into posts, one at a time."""

    def __init__(self, posts: Mapping[str, Post], *, now: datetime, policy: AlertPolicy) -> None:
        self._editor = PostEditor(posts, now=now, policy=policy)
        self._schedule = Schedule(self._editor)
        self._outages = Outages(self._editor)
        self._mentions = Mentions(self._editor)
        self.reports = ReportPosts(self._editor)
        self.state = self._editor.state

    def changed(self) -> list[Post]:
        """Return what has changed, one version higher than it was."""
        return self._editor.changed()

    # -- one notification
    def add(self, notification: Notification) -> None:
        """Add one notification."""
        match notification.kind:
            case "report" if isinstance(notification.facts.get("report"), int):
                self.reports.report(notification)
            case "answer" if isinstance(notification.facts.get("report"), int):
                self.reports.answer(notification)
            case "deciding" | "decided" if isinstance(notification.facts.get("receipt"), int):
                self.reports.decided(notification)
            case "mode" if isinstance(notification.facts.get("report"), int):
                self.reports.mode(notification)
            case _ if notification.resolved:
                self._end(notification)
            case _:
                self._open(notification)

    def _open(self, notification: Notification) -> None:
        """Tell of something that is open: where it is told already, or in a message of its own."""
        base = incident_key(notification)
        slot = self._slot_for(base, notification)
        if slot is None:
            self._begin_incident(base, begin_incident(notification), notification)
            return
        incident = self._incident_in(slot)
        told = _told(incident, notification)
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
        body = self._editor.posts[key].body
        return body if line is None else _lines(body)[line]

    def _begin_incident(self, base: str, incident: Incident, notification: Notification) -> None:
        """Begin an incident; when and where it is told depends on severity and hour."""
        told = _told(incident, notification)
        key, kind, due = self._schedule.destination(told, notification)
        if kind == "incident":
            if is_critical(told["severity"]):
                told |= self._mentions.for_new(key, notification.at)
            self._editor.put(key, kind, told, due)
            self._outages.note(told, key)
            slot: Slot = [key, 0, None]
            self._list_products(slot, told)
        else:
            slot = [key, 0, f"{notification.id}"]
            self._add_to_summary(slot, kind, told, due)
        if notification.kind not in EVENT_KINDS:
            slots = [*self.state["stories"].get(base, []), slot]
            self.state["stories"][base] = slots[-MAX_MESSAGES_PER_INCIDENT:]

    def _add_to_summary(self, slot: Slot, kind: str, incident: Incident, due: datetime) -> None:
        """Add an incident to a summary; with too many, one that is over makes room."""
        key, _, name = slot
        old = self._editor.posts.get(key)
        body: dict[str, Any] = dict(old.body) if old else {"lines": {}, "left": 0, "notices": 0}
        lines = dict(_lines(body))
        if len(lines) >= MAX_SUMMARY_LINES:
            gone = next((each for each in lines if lines[each]["over"]), next(iter(lines)))
            del lines[gone]
            self._drop(key, gone)
            body["left"] = integer(body["left"]) + 1
        lines[name] = incident
        body |= {"lines": lines, "notices": integer(body["notices"]) + 1}
        if key not in self.state["summaries"]:
            self.state["summaries"].append(key)
        if kind == "critical" and old is None:
            body |= self._mentions.for_new(slot_name(slot), parse_time(incident["changed"]))
        if old is None or old.due_at == NEVER_DUE:
            self._editor.put(key, kind, body, due)
        else:
            self._editor.revise(key, body, parse_time(incident["changed"]), at_least=due)

    def _drop(self, key: str, line: str) -> None:
        """Forget an incident whose line is gone; its end will be a stray."""
        for base, slots in list(self.state["stories"].items()):
            if any(each[0] == key and each[2] == line for each in slots):
                self._remove_slot(base, key, line)

    def _write(self, slot: Slot, base: str, incident: Incident, notification: Notification) -> None:
        """Write what an incident has become, where it is told."""
        key, _, line = slot
        post = self._editor.posts[key]
        if line is not None:
            counted = integer(post.body.get("notices")) + 1
            lines = {**_lines(post.body), line: incident}
            self._editor.revise(
                key, {**post.body, "lines": lines, "notices": counted}, notification.at
            )
            return
        # Somebody has just decided about it, and looks at the message.
        self._editor.revise(
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
        """List what a safety stop is about in its thread, after each notification."""
        if incident["kind"] not in DELAY_BY_KIND:
            return
        key, body = slot[0], {"subject": incident["subject"], "notices": incident["notices"]}
        name, due = thread_key(key, 0), self._editor.posts[key].due_at
        if name in self._editor.posts:
            self._editor.revise(name, body, parse_time(incident["changed"]))
        else:
            self._editor.put(name, "stopped", body, due, parent=key)
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
        page = self._editor.posts.get(thread_key(key, at))
        rows: Any = [[incident["opened"], *each[1:]] for each in incident["rows"][:1]]
        if page is not None:
            rows = page.body["rows"]
        if len(rows) >= ROWS_PER_PAGE:
            at, rows = at + 1, []
        if at >= MAX_PAGES:
            return  # nobody reads on; `/tipo drift` shows them all
        due = self._editor.posts[key].due_at
        self._editor.put(thread_key(key, at), "thread", {"rows": [*rows, line]}, due, parent=key)
        slot[1] = at + 1

    def _move_to_new_message(
        self, base: str, slot: Slot, incident: Incident, notification: Notification
    ) -> None:
        """Say again what has got worse; where it was told before, say where it goes on."""
        self._redraw_reminder(slot_name(slot), notification.at)
        old, _, line = slot
        self._remove_slot(base, old, line)
        for waiting in self.state["down"].values():
            waiting[:] = [each for each in waiting if each != old]
        fresh = {name: value for name, value in incident.items() if name not in KEPT_BEHIND}
        self._begin_incident(base, {**fresh, "notices": 0}, notification)
        moved = self.state["stories"][base][-1][0]
        post = self._editor.posts[old]
        if line is None:
            self._editor.revise(old, {**post.body, "open": {}, "moved": moved}, notification.at)
        elif old != moved:
            kept = {each: told for each, told in _lines(post.body).items() if each != line}
            self._editor.revise(old, {**post.body, "lines": kept}, notification.at)
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
        post = self._editor.posts[key]
        self._write(slot, base, incident, notification)
        if incident["open"]:
            return
        self._redraw_reminder(slot_name(slot), notification.at)
        self._remove_slot(base, key, line)
        if line is None and post.sent == 0 and notification.at < post.due_at:
            self._cancel(key, slot[1])
        if incident["kind"] in OUTAGE_KINDS and incident["store"]:
            self._outages.recovered(incident["store"], key, notification)

    def _cancel(self, key: str, pages: int) -> None:
        """See to it that a message and its thread are never said."""
        for each in (key, *(thread_key(key, page) for page in range(pages))):
            if each in self._editor.posts:
                self._mentions.take_back(self._editor.posts[each].body)
                self._editor.posts[each] = replace(self._editor.posts[each], due_at=NEVER_DUE)

    # -- reminders
    def remind(self) -> None:
        """Post what is critical and has been open for too long, and remember when that was."""
        now = self._editor.now
        late = {name: told for name, told, at in self.open_critical() if at <= now}
        if not late:
            return
        said = self._mentions.for_reminder(late)
        shown = dict(list(late.items())[:MAX_SUMMARY_LINES])
        lines = {
            name: {**without_subjects(told), "hushed": "hushed" in said}
            for name, told in shown.items()
        }
        body = {"lines": lines, "left": len(late) - len(lines), **said}
        for name in late:
            self._redraw_reminder(name, now, later=True)
        self._editor.put(reminder_key(now.isoformat()), "reminder", body, now)
        self.state["reminded"] |= dict.fromkeys(late, now.isoformat())
        for name, told in late.items():
            if "snoozed" in told:  # it is over, and may be snoozed again
                body = {each: kept for each, kept in told.items() if each != "snoozed"}
                self._editor.revise(name, body, now)

    def _redraw_reminder(self, name: str, at: datetime, *, later: bool = False) -> None:
        """Have the last reminder of an incident show what that is now; `later`: it is not the last.

        One of several incidents has no buttons that could be out of date.
        """
        key = reminder_key(self.state["reminded"].get(name))
        post = self._editor.posts.get(key)
        if post is not None and len(_lines(post.body)) == 1:
            self._editor.revise(key, {**post.body, "later": later}, at)

    def open_critical(self) -> Iterable[tuple[str, Incident, datetime]]:
        """Yield each incident that is critical and open, and when to remind people of it."""
        for slots in self.state["stories"].values():
            for slot in slots:
                post = self._editor.posts.get(slot[0])
                if post is None or post.kind not in REMINDED_KINDS or post.due_at == NEVER_DUE:
                    continue
                incident = self._incident_in(slot)
                if is_critical(f"{incident['severity']}") and incident.get("open"):
                    name = slot_name(slot)
                    yield name, incident, self._next_reminder(name, incident)

    def _next_reminder(self, name: str, incident: Incident) -> datetime:
        """Return when a snooze ends; else four hours later, or when quiet hours are over."""
        if (snoozed := snooze_of(incident)) is not None:
            return snoozed.until
        last = self.state["reminded"].get(name) or incident["opened"]
        missed = self.state["unmentioned"].get(name)
        dues = [parse_time(f"{last}") + REMIND_AFTER, *([parse_time(missed)] if missed else [])]
        return min(dues)


def _told(incident: Incident, notification: Notification) -> Incident:
    """Return an incident with what is told of it now."""
    told = with_notification(incident, notification)
    return with_investigator(incident, told, notification.at)


def _lines(body: Mapping[str, Any]) -> dict[str, Incident]:
    """Return the incidents of a summary, by the notification that began each."""
    lines: dict[str, Incident] = body["lines"]
    return lines
