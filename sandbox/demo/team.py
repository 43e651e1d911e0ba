"""The team: two people in an imitation Slack workspace, and what they say to Tipo.

ann is an approver, bob is not.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.slack import Channel, SandboxWorkspace, SlackMessage, SlackUser

ANSWER_TIMEOUT_SECONDS = 5.0  # seconds to an answer
ALERT_TIMEOUT_SECONDS = 30.0  # seconds to what takes its time: a compare, an alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Two people, one channel, one app."""

    slack: SandboxWorkspace
    ann: SlackUser
    bob: SlackUser
    stock: Channel

    def settings(self) -> Mapping[str, str]:
        """Return what Tipo must know of the workspace."""
        return {
            "TIPO_SLACK__BOT_TOKEN": self.slack.app.bot_token,
            "TIPO_SLACK__SIGNING_SECRET": self.slack.app.signing_secret,
            "TIPO_SLACK__CHANNEL": self.stock.id,
            "TIPO_SLACK__APPROVERS": json.dumps([self.ann.id]),
            "TIPO_SLACK__API_URL": self.slack.api_url,
        }

    def transcript(self) -> str:
        """Return all that has been said and done in the channel so far."""
        return self.slack.transcript(self.stock)

    async def run_command(self, who: SlackUser, line: str) -> SlackMessage:
        """Let somebody type a command, and return what they see.

        Raises:
            TimeoutError: If nobody answers.
        """
        interaction = await self.slack.command(who, line, channel=self.stock)
        return await interaction.answer(ANSWER_TIMEOUT_SECONDS)

    async def wait_for_button(self, who: SlackUser, action: str) -> SlackMessage:
        """Return the message in front of somebody that has a certain button.

        Raises:
            TimeoutError: If none comes.
        """

        def find_message() -> SlackMessage | None:
            seen = [*self.slack.messages(self.stock), *self.slack.ephemerals(who)]
            return next((each for each in reversed(seen) if has(each, action)), None)

        found = await self.slack.until(find_message, ALERT_TIMEOUT_SECONDS)
        if found is None:
            raise TimeoutError
        return found

    async def wait_for_message(self, *words: str) -> SlackMessage:
        """Return the message in the channel that says all this.

        Raises:
            TimeoutError: If none comes.
        """

        def find_message() -> SlackMessage | None:
            for each in self.slack.messages(self.stock):
                said = f"{each.text} {each.blocks}"
                if all(word in said for word in words):
                    return each
            return None

        found = await self.slack.until(find_message, ALERT_TIMEOUT_SECONDS)
        if found is None:
            raise TimeoutError
        return found


def has(message: SlackMessage, action: str) -> bool:
    """Whether a message has a certain button."""
    rows = (each for each in message.blocks if each["type"] == "actions")
    return any(button["action_id"] == action for row in rows for button in row["elements"])


def create_team(now: Callable[[], float]) -> Team:
    """Return the team."""
    slack = SandboxWorkspace(now)
    ann, bob = slack.add_user("ann"), slack.add_user("bob")
    return Team(slack=slack, ann=ann, bob=bob, stock=slack.add_channel("stock", [ann, bob]))
