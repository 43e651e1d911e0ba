"""The team: two people in an imitation Slack workspace, and what they say to Tipo."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.slack import Channel, Message, Person, Workspace

FIRST = 5.0  # seconds to an answer
LONG = 30.0  # seconds to what takes its time: a compare, an alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Two people, one channel, one app."""

    slack: Workspace
    ann: Person
    bob: Person
    stock: Channel

    def settings(self) -> Mapping[str, str]:
        """Return what Tipo must know of the workspace."""
        return {
            "TIPO_SLACK__BOT_TOKEN": self.slack.app.bot_token,
            "TIPO_SLACK__SIGNING_SECRET": self.slack.app.signing_secret,
            "TIPO_SLACK__CHANNEL": self.stock.id,
            "TIPO_SLACK__API_URL": self.slack.api_url,
        }

    def transcript(self) -> str:
        """Return all that has been said and done in the channel so far."""
        return self.slack.transcript(self.stock)

    async def ask(self, who: Person, line: str) -> Message:
        """Let somebody type a command, and return what they see.

        Raises:
            TimeoutError: If nobody answers.
        """
        deed = await self.slack.command(who, line, channel=self.stock)
        return await deed.answer(FIRST)

    async def question(self, who: Person, action: str) -> Message:
        """Return the message in front of somebody that has a certain button.

        Raises:
            TimeoutError: If none comes.
        """

        def shown() -> Message | None:
            seen = [*self.slack.messages(self.stock), *self.slack.ephemerals(who)]
            return next((each for each in reversed(seen) if has(each, action)), None)

        found = await self.slack.until(shown, LONG)
        if found is None:
            raise TimeoutError
        return found

    async def said(self, *words: str) -> Message:
        """Return the message in the channel that says all this.

        Raises:
            TimeoutError: If none comes.
        """

        def shown() -> Message | None:
            there = self.slack.messages(self.stock)
            return next((each for each in there if all(w in each.text for w in words)), None)

        found = await self.slack.until(shown, LONG)
        if found is None:
            raise TimeoutError
        return found


def has(message: Message, action: str) -> bool:
    """Whether a message has a certain button."""
    rows = (each for each in message.blocks if each["type"] == "actions")
    return any(button["action_id"] == action for row in rows for button in row["elements"])


def hire(now: Callable[[], float]) -> Team:
    """Return the team."""
    slack = Workspace(now)
    ann, bob = slack.person("ann"), slack.person("bob")
    return Team(slack=slack, ann=ann, bob=bob, stock=slack.channel("stock", [ann, bob]))
