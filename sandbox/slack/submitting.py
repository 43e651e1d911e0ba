"""What becomes of a modal when its submission is acked: closed, corrected, redrawn, covered."""

from typing import Any

from sandbox.slack.call import Refused
from sandbox.slack.changes import close_view, may_push, push_view, redraw
from sandbox.slack.desk import Desk
from sandbox.slack.state import Kind, View
from sandbox.slack.views import checked


def obey(desk: Desk, view: View, said: dict[str, Any]) -> str | None:
    """Do what the ack says; return what was wrong with it, if anything."""
    state = desk.state
    try:
        match said:
            case {"response_action": "errors", "errors": dict(errors)}:
                _show(view, errors)
                words = "; ".join(f"{block}: {error}" for block, error in errors.items())
                state.step()
                state.enter(Kind.FAILED, view.user, words=words)
            case {"response_action": "clear"}:
                close_view(state, state.modals[view.user][0])
            case {"response_action": "update", "view": content}:
                redraw(state, view, checked(content, "modal"))
            case {"response_action": "push", "view": content}:
                if not may_push(state, view.user):
                    return "push_limit_reached"
                push_view(state, view.user, checked(content, "modal"))
            case {}:
                return _nothing_said(desk, view, said)
    except Refused as no:
        return no.error
    return None


def _nothing_said(desk: Desk, view: View, said: dict[str, Any]) -> str | None:
    if said:
        return f"cannot use the ack: {sorted(said)}"
    if view.open and desk.state.modals.get(view.user, [None])[-1] is view:
        close_view(desk.state, view)
    return None


def _show(view: View, errors: dict[str, str]) -> None:
    """Show errors beside inputs; Slack takes them for input blocks only."""
    inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
    if not errors or not errors.keys() <= inputs:
        raise Refused("invalid_errors")
    view.errors = dict(errors)
