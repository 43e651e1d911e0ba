"""While a store is down, its other troubles wait: they have the same cause, and mostly pass."""

from dataclasses import replace
from datetime import datetime

from bot.incidents.incident import Incident, is_critical
from bot.incidents.ledger import thread_key
from bot.incidents.post_editor import PostEditor
from bot.incidents.schedule import INITIAL_DELAY
from sync_core.domain.views import NEVER_DUE, Notification

OUTAGE_KINDS = {"store_blocked", "unreachable"}  # while one is open, a store's others wait
MAX_PAGES = 10  # of a thread


class Outages:
    """Which stores are down, and which messages wait until they are back."""

    def __init__(self, editor: PostEditor) -> None:
        self._editor = editor

    def note(self, incident: Incident, key: str) -> None:
        """Note that a store is down, or that a trouble of it waits until it is back."""
        down, store, post = self._editor.state["down"], incident["store"], self._editor.posts[key]
        if incident["kind"] in OUTAGE_KINDS and store:
            down.setdefault(store, []).append(key)
            for each in self._unsaid_of(store):
                down[store].append(each)
                waiting = self._editor.posts[each]
                body = {**waiting.body, "behind": store}
                self._editor.posts[each] = replace(waiting, due_at=NEVER_DUE, body=body)
        elif post.due_at == NEVER_DUE:
            down[store].append(key)
            self._editor.posts[key] = replace(post, body={**post.body, "behind": store})

    def _unsaid_of(self, store: str) -> list[str]:
        """Return the messages about a store whose time has not come yet."""
        keys = [
            key
            for slots in self._editor.state["stories"].values()
            for key, _, line in slots
            if not line
        ]
        posts = [
            self._editor.posts[each] for each in keys if self._editor.posts[each].kind == "incident"
        ]
        return [
            each.key
            for each in posts
            if each.body.get("store") == store
            and not is_critical(f"{each.body.get('severity')}")
            and self._editor.now < each.due_at < NEVER_DUE
        ]

    def recovered(self, store: str, key: str, notification: Notification) -> None:
        """Let the troubles of a store speak again, now that the store itself is well."""
        waiting = [each for each in self._editor.state["down"].pop(store, []) if each != key]
        still_down = [
            each for each in waiting if self._editor.posts[each].body["kind"] in OUTAGE_KINDS
        ]
        if still_down:
            self._editor.state["down"][store] = waiting
            return
        self._editor.state["recovered"][store] = notification.at.isoformat()
        due = notification.at + INITIAL_DELAY
        due = self._editor.policy.quiet_until(max(due, self._editor.now)) or due
        for each in waiting:
            post = self._editor.posts[each]
            if post.body.get("open") and post.due_at == NEVER_DUE:
                body = {name: told for name, told in post.body.items() if name != "behind"}
                self._editor.posts[each] = replace(post, due_at=due, body=body)
                self._schedule_thread(each, due)

    def _schedule_thread(self, key: str, due: datetime) -> None:
        """Let the thread of a message speak with it."""
        for page in range(MAX_PAGES):
            name = thread_key(key, page)
            if name in self._editor.posts:
                self._editor.posts[name] = replace(self._editor.posts[name], due_at=due)
