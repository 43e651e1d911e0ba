"""The views.* methods, and blocks.validate."""

from typing import Any

from sandbox.slack.api_call import ApiRefusal, CallArguments, invalid
from sandbox.slack.api_context import ApiContext
from sandbox.slack.chat_methods import refuse_problems
from sandbox.slack.rules import Problem
from sandbox.slack.state import SlackView, WorkspaceState
from sandbox.slack.validation import check_attachments, check_blocks, check_view, view_too_large
from sandbox.slack.workspace_changes import can_push, push_view, redraw

JsonObject = dict[str, Any]


def view_json(state: WorkspaceState, app_id: str, view: SlackView) -> JsonObject:
    """Return a view as Slack returns it."""
    return {
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        **view.content,
        "id": view.id,
        "team_id": state.team_id,
        "app_id": app_id,
        "hash": view.hash,
        "root_view_id": view.root,
        "previous_view_id": view.previous,
        "state": {"values": view.entered},
    }


def checked(view: object, kind: str) -> dict[str, Any]:
    """Return a view, or refuse it."""
    if not isinstance(view, dict):
        raise invalid("[ERROR] missing required field: view")
    refuse_problems("invalid_arguments", check_view(view))
    if view["type"] != kind:
        raise invalid(f"[ERROR] view type must be {kind} [json-pointer:/view/type]")
    if view_too_large(view):
        raise ApiRefusal("view_too_large")
    return view


def _given(args: CallArguments, kind: str) -> dict[str, Any]:
    return checked(args.parsed("view", "invalid_arguments"), kind)


def _unique(state: WorkspaceState, view: dict[str, Any], besides: SlackView | None = None) -> None:
    key = view.get("external_id")
    if key and (known := state.view(key)) is not None and known is not besides:
        raise ApiRefusal("duplicate_external_id")


def open_view(api: ApiContext, args: CallArguments) -> JsonObject:
    """Open a modal for the person behind the trigger; any others of theirs close."""
    view = _given(args, "modal")
    _unique(api.state, view)
    trigger = api.use_trigger(args.needed("trigger_id"))
    for each in api.state.modals.pop(trigger.user, []):
        each.open = False
    return {"view": view_json(api.state, api.app.id, push_view(api.state, trigger.user, view))}


def push(api: ApiContext, args: CallArguments) -> JsonObject:
    """Put a modal on top of the one from which the trigger comes."""
    view = _given(args, "modal")
    _unique(api.state, view)
    trigger = api.use_trigger(args.needed("trigger_id"))
    if trigger.in_view is None or not api.state.modals.get(trigger.user):
        raise ApiRefusal("not_found")
    if not can_push(api.state, trigger.user):
        raise ApiRefusal("push_limit_reached")
    return {"view": view_json(api.state, api.app.id, push_view(api.state, trigger.user, view))}


def update(api: ApiContext, args: CallArguments) -> JsonObject:
    """Redraw an open modal."""
    content = _given(args, "modal")
    key = args.words("view_id") or args.words("external_id")
    if key is None:
        raise invalid("[ERROR] missing required field: view_id")
    view = api.state.view(key)
    if view is None or view is api.state.homes.get(view.user):
        raise ApiRefusal("not_found")
    _same(args, view)
    _unique(api.state, content, besides=view)
    return {"view": view_json(api.state, api.app.id, redraw(api.state, view, content))}


def _same(args: CallArguments, view: SlackView) -> None:
    mark = args.words("hash")
    if mark is not None and mark != view.hash:
        raise ApiRefusal("hash_conflict")


def publish(api: ApiContext, args: CallArguments) -> JsonObject:
    """Draw somebody's Home."""
    if not api.app.home_tab:
        raise ApiRefusal("not_enabled")
    content = _given(args, "home")
    person = api.known(args.needed("user_id"))
    home = api.state.homes.get(person.id)
    if home is None:
        drawn = push_view(api.state, person.id, content, app_home="home")
    else:
        _same(args, home)
        drawn = redraw(api.state, home, content)
    return {"view": view_json(api.state, api.app.id, drawn)}


def validate(api: ApiContext, args: CallArguments) -> JsonObject:
    """Say what is wrong with blocks, a message or a view."""
    del api
    given = [name for name in ("blocks", "message", "view") if args.has(name)]
    if len(given) != 1:
        raise invalid("[ERROR] provide exactly one of blocks, message, view")
    (name,) = given
    value = args.parsed(name, "invalid_arguments")
    if problems := _problems(name, value):
        raise ApiRefusal(f"invalid_{name}", errors=[_message_json(problem) for problem in problems])
    return {"errors": []}


def _problems(name: str, value: Any) -> list[Problem]:
    if name == "blocks":
        return check_blocks(value, "message")
    if name == "view":
        return check_view(value, "")
    if not isinstance(value, dict):
        raise invalid("[ERROR] must provide an object [json-pointer:/message]")
    blocks = check_blocks(value.get("blocks", []), "message")
    return blocks + check_attachments(value.get("attachments", []))


def _message_json(problem: Problem) -> JsonObject:
    return {
        "pointer": problem.pointer,
        "code": problem.code,
        "message": problem.message,
        "constraint": dict(problem.constraint),
    }
