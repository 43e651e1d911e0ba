"""The views.* methods, and blocks.validate."""

from typing import Any

from sandbox.slack.call import Args, Refused, invalid
from sandbox.slack.changes import may_push, push_view, redraw
from sandbox.slack.chat import refuse_problems
from sandbox.slack.check import check_attachments, check_blocks, check_view, view_too_large
from sandbox.slack.desk import Desk
from sandbox.slack.schema import Problem
from sandbox.slack.state import State, View

Told = dict[str, Any]


def tell(state: State, app_id: str, view: View) -> Told:
    """Return a view as Slack tells it."""
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
        raise Refused("view_too_large")
    return view


def _given(args: Args, kind: str) -> dict[str, Any]:
    return checked(args.parsed("view", "invalid_arguments"), kind)


def _unique(state: State, view: dict[str, Any], besides: View | None = None) -> None:
    key = view.get("external_id")
    if key and (known := state.view(key)) is not None and known is not besides:
        raise Refused("duplicate_external_id")


def open_view(desk: Desk, args: Args) -> Told:
    """Open a modal for the person behind the trigger; any others of theirs close."""
    view = _given(args, "modal")
    _unique(desk.state, view)
    trigger = desk.use_trigger(args.needed("trigger_id"))
    for each in desk.state.modals.pop(trigger.user, []):
        each.open = False
    return {"view": tell(desk.state, desk.app.id, push_view(desk.state, trigger.user, view))}


def push(desk: Desk, args: Args) -> Told:
    """Put a modal on top of the one from which the trigger comes."""
    view = _given(args, "modal")
    _unique(desk.state, view)
    trigger = desk.use_trigger(args.needed("trigger_id"))
    if trigger.in_view is None or not desk.state.modals.get(trigger.user):
        raise Refused("not_found")
    if not may_push(desk.state, trigger.user):
        raise Refused("push_limit_reached")
    return {"view": tell(desk.state, desk.app.id, push_view(desk.state, trigger.user, view))}


def update(desk: Desk, args: Args) -> Told:
    """Redraw an open modal."""
    content = _given(args, "modal")
    key = args.words("view_id") or args.words("external_id")
    if key is None:
        raise invalid("[ERROR] missing required field: view_id")
    view = desk.state.view(key)
    if view is None or view is desk.state.homes.get(view.user):
        raise Refused("not_found")
    _same(args, view)
    _unique(desk.state, content, besides=view)
    return {"view": tell(desk.state, desk.app.id, redraw(desk.state, view, content))}


def _same(args: Args, view: View) -> None:
    mark = args.words("hash")
    if mark is not None and mark != view.hash:
        raise Refused("hash_conflict")


def publish(desk: Desk, args: Args) -> Told:
    """Draw somebody's Home."""
    if not desk.app.home_tab:
        raise Refused("not_enabled")
    content = _given(args, "home")
    person = desk.known(args.needed("user_id"))
    home = desk.state.homes.get(person.id)
    if home is None:
        drawn = push_view(desk.state, person.id, content, app_home="home")
    else:
        _same(args, home)
        drawn = redraw(desk.state, home, content)
    return {"view": tell(desk.state, desk.app.id, drawn)}


def validate(desk: Desk, args: Args) -> Told:
    """Say what is wrong with blocks, a message or a view."""
    del desk
    given = [name for name in ("blocks", "message", "view") if args.has(name)]
    if len(given) != 1:
        raise invalid("[ERROR] provide exactly one of blocks, message, view")
    (name,) = given
    value = args.parsed(name, "invalid_arguments")
    if problems := _problems(name, value):
        raise Refused(f"invalid_{name}", errors=[_told(problem) for problem in problems])
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


def _told(problem: Problem) -> Told:
    return {
        "pointer": problem.pointer,
        "code": problem.code,
        "message": problem.message,
        "constraint": dict(problem.constraint),
    }
