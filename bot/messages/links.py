"""Links to the messages in the channel that tell of something, for messages that mention it.

If Slack gave no address, or somebody has deleted the message, the words have no link.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.messages.block_kit import Part, link
from bot.text import escaped


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The addresses of messages, as far as they are known."""

    posts: Mapping[str, str] = field(default_factory=dict)  # by the key of the post
    reports: Mapping[int, str] = field(default_factory=dict)
    receipts: Mapping[int, str] = field(default_factory=dict)  # of the message that shows each
    alerts: Mapping[str, Sequence[tuple[str, str]]] = field(
        default_factory=dict
    )  # by kind: what each is about, and its address


NO_LINKS = Links()


def mrkdwn_link(words: str, url: str | None) -> str:
    """Return words that lead to a message, for small print: that is mrkdwn; the words are ours."""
    return f"<{escaped(url)}|{words}>" if url else words


def see_alerts(alerts: Sequence[tuple[str, str]]) -> list[Part]:
    """Return where something is told: one alert by that word, several by what each is about."""
    if not alerts:
        return []
    if len(alerts) == 1:
        return [" See the ", link("alert", alerts[0][1]), "."]
    parts: list[Part] = []
    for about, url in alerts:
        parts += [", " if parts else " See the alerts: ", link(about, url)]
    return [*parts, "."]
