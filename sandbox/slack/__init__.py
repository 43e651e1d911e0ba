"""An imitation Slack workspace: real HTTP, real sockets, at least as strict as Slack.

    workspace = SandboxWorkspace(time.time)
    ann = workspace.add_user("ann")
    stock = workspace.add_channel("stock", [ann])
    async with workspace.running():
        client = AsyncWebClient(token=workspace.app.bot_token, base_url=workspace.api_url)
        workspace.app.request_url = "http://127.0.0.1:4300/slack/events"  # or app.socket_mode
        done = await workspace.command(ann, "/tipo status", channel=stock)
        answer = await done.answer()  # the first message that ann sees
        await workspace.click(ann, answer, "share")
        assert done.acked and done.ack_ms < 300 and not workspace.pinged()
        print(workspace.transcript())

`workspace.faults` lets things go wrong, `workspace.calls` lists the app's calls.
"""

from sandbox.slack.api_call import ApiCall
from sandbox.slack.faults import ANY, SlackFault, SlackFaults
from sandbox.slack.form_input import ImpossibleAction
from sandbox.slack.installed_app import InstalledApp
from sandbox.slack.interaction import Interaction
from sandbox.slack.mrkdwn import Ping
from sandbox.slack.signing import Forgery
from sandbox.slack.state import Channel, SlackMessage, SlackUser, SlackView, UserGroup
from sandbox.slack.transcript import view_text
from sandbox.slack.validation import check_blocks, check_view
from sandbox.slack.workspace import SandboxWorkspace

__all__ = [
    "ANY",
    "ApiCall",
    "Channel",
    "Forgery",
    "ImpossibleAction",
    "InstalledApp",
    "Interaction",
    "Ping",
    "SandboxWorkspace",
    "SlackFault",
    "SlackFaults",
    "SlackMessage",
    "SlackUser",
    "SlackView",
    "UserGroup",
    "check_blocks",
    "check_view",
    "view_text",
]
