"""Reports and decisions: each in the message that asked, where there is one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.incidents.incident import truncate
from bot.incidents.ledger import receipt_key, report_key, thread_key
from bot.incidents.post_editor import NO_DELAY, PostEditor, integer
from sync_core.domain.views import NEVER_DUE, Notification, Post

REPAIR_DELAY = timedelta(seconds=3)  # if what a click changed in the message at once was lost
QUESTION_KINDS = ("circuit_breaker", "contested")  # incidents that ask something
KINDS_WITH_THREAD = {"night", "baseline"}  # reports that have a thread
MAX_RECEIPTS = 20  # that a report's message remembers


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOffer:
    """What a report has to offer now; what was drawn last is kept with its post."""

    open: int = 0
    safe: int = 0
    newer: int | None = None  # the report that counts instead
    link: str = ""  # to that one's message
    is_final: bool = False  # nothing of it will change any more
    progress: Mapping[str, str] | None = None  # of each store; None: it is done

    def kept(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        kept = {"open": self.open, "safe": self.safe, "newer": self.newer, "link": self.link}
        return kept if self.progress is None else {**kept, "progress": dict(self.progress)}


class ReportPosts:
    """The messages of reports, of changes of mode, and of decisions."""

    def __init__(self, editor: PostEditor) -> None:
        self._editor = editor

    def answer(self, notification: Notification) -> None:
        """Tell the person who asked for a report what came of it."""
        facts = notification.facts
        names = {"by": truncate(facts.get("by") or ""), "reply": _url(facts)}
        body = {"report": facts["report"], **names}
        self._editor.put(f"answer:{notification.id}", "answer", body, notification.at)

    def mode(self, notification: Notification) -> None:
        """Say that stores are in another mode, in the message that will be their comparison's."""
        facts = notification.facts
        number = facts.get("report")
        told = {each: truncate(facts.get(each) or "") for each in ("mode", "stores", "by")}
        body = {"report": number, "kind": "baseline", "receipts": [], "notices": 1, **told}
        body |= {"shadow": facts["shadow"]} if "shadow" in facts else {}
        key = self._editor.state["mode"] = report_key(number)
        if number is not None:
            body["running"] = True  # it says how far it is, until it is done
            self._editor.state["reports"].append(key)
        self._editor.put(key, "report", body, notification.at)

    def report(self, notification: Notification) -> None:
        """Post a report; what becomes of it later is `update`'s affair."""
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
        key = report_key(number)
        if key in self._editor.posts:  # told again: as it stands now
            kept = dict(self._editor.posts[key].body)
            was_running = kept.pop("running", False)
            self._editor.revise(
                key, {**kept, "notices": integer(kept.get("notices")) + 1}, notification.at
            )
            has_thread = thread_key(key, 0) in self._editor.posts
            if not was_running and (has_thread or key in self._editor.state["reports"]):
                return
        else:
            asked = bool(body["reply"]) or body["kind"] == "preflight"  # somebody waits for it
            due = self._editor.after_quiet_hours(notification.at, asked=asked)
            self._editor.put(key, "report", body, due)
        if body["reply"]:
            return
        if body["kind"] in KINDS_WITH_THREAD:
            due = self._editor.posts[key].due_at
            self._editor.put(
                thread_key(key, 0), "report_thread", {"report": number}, due, parent=key
            )
        if key not in self._editor.state["reports"]:
            self._editor.state["reports"].append(key)

    def update(self, key: str, offer: ReportOffer | None) -> None:
        """Say again what a report offers, if that has changed; once it is outdated, the last time.

        A button must not stand there with nothing behind it, whatever took it away: a newer
        report, which may have ended before this one, somebody's decision, or time.
        """
        if offer is None or offer.is_final:
            self._editor.state["reports"].remove(key)
        post = self._editor.posts.get(key)
        if offer is None or post is None or post.body.get("shown") == offer.kept():
            return
        if offer.progress == {}:
            return  # it has just begun, and its message says so
        waits = post.sent and (post.version > post.sent or self._editor.is_new(post))
        self._editor.revise(key, {**post.body, "shown": offer.kept()}, self._editor.now)
        if waits:  # for what somebody has just decided, say: that is not put off by this
            due = min(post.due_at, self._editor.posts[key].due_at)
            self._editor.posts[key] = replace(self._editor.posts[key], due_at=due)

    def decided(self, notification: Notification) -> None:
        """Write into the message that asked what people decided, or say it on its own.

        The person who clicked looks at it. So its outcome is said at once, and that it is under
        way, too, in case the click itself could not change the message.
        """
        receipt, is_over = notification.facts.get("receipt"), notification.kind == "decided"
        if notification.facts.get("kind") == "mode":
            self._mode_decided(receipt, notification.at)
            return
        asked = self._asked_in(notification)
        if asked is not None:
            self._note_where(receipt, asked.key)
            body = {
                **with_receipt(asked.body, receipt),
                "notices": integer(asked.body.get("notices")) + 1,
            }
            self._editor.revise(
                asked.key, body, notification.at, within=NO_DELAY if is_over else REPAIR_DELAY
            )
        elif is_over:
            body = {
                "receipt": receipt,
                "kind": truncate(notification.facts.get("kind", "")),
                "notices": 1,
            }
            key = f"receipt:{receipt}:{notification.id}"
            self._editor.put(key, "receipt", body, notification.at)
            self._note_where(receipt, key)

    def _note_where(self, receipt: object, key: str) -> None:
        """Note which post shows a decision, so that later messages can lead to it."""
        self._editor.put(receipt_key(receipt), "pointer", {"post": key}, NEVER_DUE)

    def _mode_decided(self, receipt: object, at: datetime) -> None:
        """Say who has changed the mode, in the message about it."""
        post = self._editor.posts.get(self._editor.state["mode"] or "")
        if post is not None and not post.body.get("mode_receipt"):
            self._note_where(receipt, post.key)
            self._editor.revise(
                post.key, {**post.body, "mode_receipt": receipt}, at, within=NO_DELAY
            )

    def _asked_in(self, notification: Notification) -> Post | None:
        """Return the message in whose buttons somebody has decided, if it is one of ours."""
        for kind in QUESTION_KINDS:
            slots = self._editor.state["stories"].get(
                f"{kind} {notification.facts.get('about')}", []
            )
            keys = [key for key, _, line in slots if line is None]
            if keys:
                return self._editor.posts.get(keys[-1])
        report = self._editor.posts.get(report_key(notification.facts.get("report")))
        return None if report is None or report.body.get("reply") else report


def with_receipt(body: Mapping[str, object], receipt: object) -> dict[str, Any]:
    """Return the body of a post that shows one receipt more; each once, the latest of them."""
    told = body.get("receipts")
    receipts = [*told, receipt] if isinstance(told, list) else [receipt]
    return {**body, "receipts": list(dict.fromkeys(receipts))[-MAX_RECEIPTS:]}


def _url(facts: Mapping[str, object]) -> str:
    return truncate(facts.get("reply") or "", 2_000)
