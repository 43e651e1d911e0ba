"""auth, users, user groups, bots, files and sockets: the small methods."""

from typing import Any

from sandbox.slack.call import Args, Refused
from sandbox.slack.changes import Content, Where, post
from sandbox.slack.desk import Desk, page
from sandbox.slack.state import File, Group, Person

Told = dict[str, Any]
LARGEST_FILE = 1_000_000_000


def test(desk: Desk, args: Args) -> Told:
    """Say back what was said."""
    del desk
    if (error := args.words("error")) is not None:
        raise Refused(error, args=dict(args.given))
    return {"args": dict(args.given)}


def who_am_i(desk: Desk, args: Args) -> Told:
    """Tell whose token this is."""
    del args
    return {
        "url": f"https://{desk.state.domain}.slack.com/",
        "team": desk.state.domain,
        "user": desk.bot.name,
        "team_id": desk.state.team_id,
        "user_id": desk.bot.id,
        "bot_id": desk.app.bot_id,
        "is_enterprise_install": False,
    }


def _person(desk: Desk, person: Person) -> Told:
    name = person.real_name or person.name
    return {
        "id": person.id,
        "team_id": person.team_id,
        "name": person.name,
        "real_name": name,
        "deleted": person.deleted,
        "is_bot": person.is_bot,
        "is_restricted": person.is_guest,
        "is_ultra_restricted": False,
        "is_stranger": person.team_id != desk.state.team_id,
        "is_admin": False,
        "tz": "Europe/Berlin",
        "profile": {"real_name": name, "display_name": person.name, "team": person.team_id},
    }


def user_info(desk: Desk, args: Args) -> Told:
    """Tell about one person."""
    return {"user": _person(desk, desk.known(args.needed("user")))}


def users(desk: Desk, args: Args) -> Told:
    """List people, page by page."""
    some, after = page(
        list(desk.state.people), args.words("cursor"), args.number("limit", 100, 1000)
    )
    told = [_person(desk, desk.state.people[key]) for key in some]
    return {"members": told, "response_metadata": {"next_cursor": after}}


def _paid(desk: Desk) -> None:
    if not desk.state.paid:
        raise Refused("plan_upgrade_required")


def _group(desk: Desk, group: Group, args: Args) -> Told:
    told: Told = {
        "id": group.id,
        "team_id": desk.state.team_id,
        "is_usergroup": True,
        "name": group.name,
        "handle": group.handle,
        "date_delete": 1 if group.disabled else 0,
        "user_count": len(group.members),
    }
    return told | {"users": group.members} if args.flag("include_users") else told


def groups(desk: Desk, args: Args) -> Told:
    """List user groups."""
    _paid(desk)
    disabled = args.flag("include_disabled")
    found = [each for each in desk.state.groups.values() if disabled or not each.disabled]
    return {"usergroups": [_group(desk, each, args) for each in found]}


def group_users(desk: Desk, args: Args) -> Told:
    """List who is in a user group."""
    _paid(desk)
    group = desk.state.groups.get(args.needed("usergroup"))
    if group is None or (group.disabled and not args.flag("include_disabled")):
        raise Refused("no_such_subteam")
    return {"users": [key for key in group.members if not desk.state.people[key].deleted]}


def bot_info(desk: Desk, args: Args) -> Told:
    """Tell about the app's bot."""
    if args.needed("bot") != desk.app.bot_id:
        raise Refused("bot_not_found")
    bot = {
        "id": desk.app.bot_id,
        "deleted": False,
        "name": desk.bot.name,
        "app_id": desk.app.id,
        "user_id": desk.bot.id,
    }
    return {"bot": bot}


def upload_url(desk: Desk, args: Args) -> Told:
    """Give an address for the bytes of a file."""
    length = args.needed("length")
    if not length.isdigit() or not 0 < int(length) <= LARGEST_FILE:
        raise Refused("invalid_arguments")
    made = File(id=desk.state.new_id("F"), name=args.needed("filename"), length=int(length))
    desk.state.files[made.id] = made
    return {"upload_url": f"{desk.base_url}/upload/{made.id}", "file_id": made.id}


def complete_upload(desk: Desk, args: Args) -> Told:
    """Share uploaded files, in a channel if one is named."""
    given = args.parsed("files", "invalid_arguments")
    if not isinstance(given, list) or not given:
        raise Refused("invalid_arguments")
    found = [_uploaded(desk, each) for each in given]
    target = args.words("channel_id")
    channel = desk.writable(target) if target else None
    thread = desk.root(channel.id, args.words("thread_ts")) if channel else None
    for file, each in zip(found, given, strict=True):
        file.shared, file.title = True, str(each.get("title") or file.name)
    if channel:
        where = Where(thread_ts=thread, files=tuple(file.id for file in found))
        content = Content(text=args.words("initial_comment") or "")
        post(desk.state, channel.id, desk.app.user_id, content, where)
    return {"files": [{"id": file.id, "title": file.title} for file in found]}


def _uploaded(desk: Desk, given: Any) -> File:
    file = desk.state.files.get(str(given.get("id"))) if isinstance(given, dict) else None
    if file is None or file.body is None or file.shared:
        raise Refused("file_not_found")
    return file


def open_connection(desk: Desk, args: Args) -> Told:
    """Give an address for one socket."""
    del args
    if not desk.app.socket_mode:
        raise Refused("socket_mode_disabled")
    ticket = desk.state.secret()
    desk.tickets.add(ticket)
    return {
        "url": f"{desk.base_url.replace('http', 'ws', 1)}/link?ticket={ticket}&app_id={desk.app.id}"
    }
