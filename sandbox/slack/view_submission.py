"""What becomes of a modal when its submission is acked: closed, corrected, redrawn, covered."""

from typing import Any

from sandbox.slack.api_call import ApiRefusal
from sandbox.slack.api_context import ApiContext
from sandbox.slack.state import HistoryKind, SlackView
from sandbox.slack.view_methods import checked
from sandbox.slack.workspace_changes import can_push, close_view, push_view, redraw


def apply_ack(api: ApiContext, view: SlackView, said: dict[str, Any]) -> str | None:
    """Do what the ack says; return what was wrong with it, if anything."""
    state = api.state
    try:
        match said:
            case {"response_action": "errors", "errors": dict(errors)}:
                _show(view, errors)
                words = "; ".join(f"{block}: {error}" for block, error in errors.items())
                state.next_seq()
                state.enter(HistoryKind.FAILED, view.user, words=words)
            case {"response_action": "clear"}:
                close_view(state, state.modals[view.user][0])
            case {"response_action": "update", "view": content}:
                redraw(state, view, checked(content, "modal"))
            case {"response_action": "push", "view": content}:
                if not can_push(state, view.user):
                    return "push_limit_reached"
                push_view(state, view.user, checked(content, "modal"))
            case {}:
                return _nothing_said(api, view, said)
    except ApiRefusal as no:
        return no.error
    return None


def _nothing_said(api: ApiContext, view: SlackView, said: dict[str, Any]) -> str | None:
    if said:
        return f"cannot use the ack: {sorted(said)}"
    if view.open and api.state.modals.get(view.user, [None])[-1] is view:
        close_view(api.state, view)
    return None


def _show(view: SlackView, errors: dict[str, str]) -> None:
    """Show errors beside inputs; Slack takes them for input blocks only."""
    inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
    if not errors or not errors.keys() <= inputs:
        raise ApiRefusal("invalid_errors")
    view.errors = dict(errors)
