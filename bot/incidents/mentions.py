"""Whom a message about something critical mentions: once an incident, and never at night.

    the message                                  mentions
    -------------------------------------------  ----------------------------------------------
    a new one, also one that got worse           the approvers
    the same within ten minutes of the last      nobody: those who were called look already
    any in quiet hours                           nobody; the reminder at their end makes up for it
    a reminder                                   who is on it, and the approvers if nobody is
    any where nobody is named as an approver     nobody: all members of the channel are

An update of a message notifies nobody, so what it mentions stays until the incident is over.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.incidents.incident import Incident
from bot.incidents.ownership import owner_of
from bot.incidents.post_editor import PostEditor, parse_time_if_any

MENTION_INTERVAL = timedelta(minutes=10)  # between mentions of the approvers in a channel


class Mentions:
    """Decides whom messages mention, and remembers who has still to be told."""

    def __init__(self, editor: PostEditor) -> None:
        self._editor = editor

    def for_new(self, name: str, at: datetime) -> dict[str, Any]:
        """Return what the body of a new critical message says of it."""
        policy, state = self._editor.policy, self._editor.state
        until = policy.quiet_until(max(at, self._editor.now))
        if until is not None:
            if policy.approvers:
                state["unmentioned"][name] = until.isoformat()
            return {"hushed": True}
        last = parse_time_if_any(state["mentioned"])
        if not policy.approvers or (last is not None and at - last < MENTION_INTERVAL):
            return {}
        state["mentioned"] = at.isoformat()
        return {"mentions": list(policy.approvers)}

    def for_reminder(self, late: Mapping[str, Incident]) -> dict[str, Any]:
        """Return the same for a reminder of these incidents."""
        policy, state, now = self._editor.policy, self._editor.state, self._editor.now
        owned = [name for name, incident in late.items() if owner_of(incident) is not None]
        until = policy.quiet_until(now)
        if until is not None:
            missed = late if policy.approvers else owned
            state["unmentioned"] |= dict.fromkeys(missed, until.isoformat())
            return {"hushed": True}
        for each in late:
            state["unmentioned"].pop(each, None)
        if not policy.approvers or len(owned) == len(late):
            return {}
        state["mentioned"] = now.isoformat()
        return {"mentions": list(policy.approvers)}

    def take_back(self, body: Mapping[str, Any]) -> None:
        """Forget the mention of a message that is never said: the next one makes it."""
        if body.get("mentions"):
            self._editor.state["mentioned"] = None
