"""auth, users, user groups, bots, files and sockets: the small methods."""

from typing import Any

from sandbox.slack.api_call import ApiRefusal, CallArguments
from sandbox.slack.api_context import ApiContext, page
from sandbox.slack.state import SlackUser, UploadedFile, UserGroup
from sandbox.slack.workspace_changes import MessageContent, PostOptions, post

JsonObject = dict[str, Any]
MAX_FILE_BYTES = 1_000_000_000


def test(api: ApiContext, args: CallArguments) -> JsonObject:
    """Say back what was said."""
    del api
    if (error := args.words("error")) is not None:
        raise ApiRefusal(error, args=dict(args.given))
    return {"args": dict(args.given)}


def auth_test(api: ApiContext, args: CallArguments) -> JsonObject:
    """Return whose token this is."""
    del args
    return {
        "url": f"https://{api.state.domain}.slack.com/",
        "team": api.state.domain,
        "user": api.bot.name,
        "team_id": api.state.team_id,
        "user_id": api.bot.id,
        "bot_id": api.app.bot_id,
        "is_enterprise_install": False,
    }


def _person(api: ApiContext, person: SlackUser) -> JsonObject:
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
        "is_stranger": person.team_id != api.state.team_id,
        "is_admin": False,
        **({"tz": person.tz} if person.tz else {}),
        "profile": {"real_name": name, "display_name": person.name, "team": person.team_id},
    }


def user_info(api: ApiContext, args: CallArguments) -> JsonObject:
    """Return one person."""
    return {"user": _person(api, api.known(args.needed("user")))}


def users(api: ApiContext, args: CallArguments) -> JsonObject:
    """List people, page by page."""
    some, after = page(
        list(api.state.people), args.words("cursor"), args.number("limit", 100, 1000)
    )
    result = [_person(api, api.state.people[key]) for key in some]
    return {"members": result, "response_metadata": {"next_cursor": after}}


def _paid(api: ApiContext) -> None:
    if not api.state.paid:
        raise ApiRefusal("plan_upgrade_required")


def _group(api: ApiContext, group: UserGroup, args: CallArguments) -> JsonObject:
    result: JsonObject = {
        "id": group.id,
        "team_id": api.state.team_id,
        "is_usergroup": True,
        "name": group.name,
        "handle": group.handle,
        "date_delete": 1 if group.disabled else 0,
        "user_count": len(group.members),
    }
    return result | {"users": group.members} if args.flag("include_users") else result


def groups(api: ApiContext, args: CallArguments) -> JsonObject:
    """List user groups."""
    _paid(api)
    disabled = args.flag("include_disabled")
    found = [each for each in api.state.groups.values() if disabled or not each.disabled]
    return {"usergroups": [_group(api, each, args) for each in found]}


def group_users(api: ApiContext, args: CallArguments) -> JsonObject:
    """List who is in a user group."""
    _paid(api)
    group = api.state.groups.get(args.needed("usergroup"))
    if group is None or (group.disabled and not args.flag("include_disabled")):
        raise ApiRefusal("no_such_subteam")
    return {"users": [key for key in group.members if not api.state.people[key].deleted]}


def bot_info(api: ApiContext, args: CallArguments) -> JsonObject:
    """Return the app's bot."""
    if args.needed("bot") != api.app.bot_id:
        raise ApiRefusal("bot_not_found")
    bot = {
        "id": api.app.bot_id,
        "deleted": False,
        "name": api.bot.name,
        "app_id": api.app.id,
        "user_id": api.bot.id,
    }
    return {"bot": bot}


def upload_url(api: ApiContext, args: CallArguments) -> JsonObject:
    """Give an address for the bytes of a file."""
    length = args.needed("length")
    if not length.isdigit() or not 0 < int(length) <= MAX_FILE_BYTES:
        raise ApiRefusal("invalid_arguments")
    made = UploadedFile(id=api.state.new_id("F"), name=args.needed("filename"), length=int(length))
    api.state.files[made.id] = made
    return {"upload_url": f"{api.base_url}/upload/{made.id}", "file_id": made.id}


def complete_upload(api: ApiContext, args: CallArguments) -> JsonObject:
    """Share uploaded files, in a channel if one is named."""
    given = args.parsed("files", "invalid_arguments")
    if not isinstance(given, list) or not given:
        raise ApiRefusal("invalid_arguments")
    found = [_uploaded(api, each) for each in given]
    target = args.words("channel_id")
    channel = api.writable(target) if target else None
    thread = api.root(channel.id, args.words("thread_ts")) if channel else None
    for file, each in zip(found, given, strict=True):
        file.shared, file.title = True, str(each.get("title") or file.name)
    if channel:
        where = PostOptions(thread_ts=thread, files=tuple(file.id for file in found))
        content = MessageContent(text=args.words("initial_comment") or "")
        post(api.state, channel.id, api.app.user_id, content, where)
    return {"files": [{"id": file.id, "title": file.title} for file in found]}


def _uploaded(api: ApiContext, given: Any) -> UploadedFile:
    file = api.state.files.get(str(given.get("id"))) if isinstance(given, dict) else None
    if file is None or file.body is None or file.shared:
        raise ApiRefusal("file_not_found")
    return file


def open_connection(api: ApiContext, args: CallArguments) -> JsonObject:
    """Give an address for one socket."""
    del args
    if not api.app.socket_mode:
        raise ApiRefusal("socket_mode_disabled")
    ticket = api.state.secret()
    api.tickets.add(ticket)
    return {
        "url": f"{api.base_url.replace('http', 'ws', 1)}/link?ticket={ticket}&app_id={api.app.id}"
    }
