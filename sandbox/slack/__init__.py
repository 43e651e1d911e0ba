"""An imitation Slack workspace: real HTTP, real sockets, at least as strict as Slack.

    workspace = Workspace(time.time)
    ann = workspace.person("ann")
    stock = workspace.channel("stock", [ann])
    async with workspace.running():
        client = AsyncWebClient(token=workspace.app.bot_token, base_url=workspace.api_url)
        workspace.app.request_url = "http://127.0.0.1:4300/slack/events"  # or app.socket_mode
        deed = await workspace.command(ann, "/tipo status", channel=stock)
        answer = await deed.answer()  # the first thing that ann sees
        await workspace.click(ann, answer, "share")
        assert deed.acked and deed.ack_ms < 300 and not workspace.pinged()
        print(workspace.transcript())

`workspace.faults` lets things go wrong, `workspace.calls` tells what the app asked for.
"""

from sandbox.slack.app import App
from sandbox.slack.call import Call
from sandbox.slack.check import check_blocks, check_view
from sandbox.slack.deeds import Deed
from sandbox.slack.entering import Impossible
from sandbox.slack.faults import ANY, Answer, Faults
from sandbox.slack.signing import Forgery
from sandbox.slack.state import Channel, Group, Message, Person, View
from sandbox.slack.text import Ping
from sandbox.slack.transcript import look_at_view
from sandbox.slack.workspace import Workspace

__all__ = [
    "ANY",
    "Answer",
    "App",
    "Call",
    "Channel",
    "Deed",
    "Faults",
    "Forgery",
    "Group",
    "Impossible",
    "Message",
    "Person",
    "Ping",
    "View",
    "Workspace",
    "check_blocks",
    "check_view",
    "look_at_view",
]
