"""The Slack column: the channel as one person sees it, drawn from what the bot really sent."""

from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape

from sandbox.playground.snapshot import PlaygroundSnapshot
from sandbox.slack import SlackMessage, SlackView
from sandbox.slack.block_html import HtmlReader, message_html, view_html
from sandbox.slack.state import HistoryKind

MAX_ITEMS = 40  # of a feed
PEOPLE = {"ann": "approver", "bob": "stranger"}
TOLD = {HistoryKind.TYPED: "types", HistoryKind.CLICKED: "", HistoryKind.SUBMITTED: ""}


def reader_of(now: PlaygroundSnapshot) -> HtmlReader:
    """Return who reads."""
    return HtmlReader(name=now.world.demo.team.slack.state.name_of, now=now.world.clock.now())


def slack_column(now: PlaygroundSnapshot) -> str:
    """Return the channel, or the person's Home."""
    feed = _home(now) if now.at_home else _feed(now)
    return f"{_head(now)}{feed}{_box(now)}"


def _head(now: PlaygroundSnapshot) -> str:
    choices = "".join(
        f'<button type="button" data-act="who" data-who="{name}" '
        f'aria-pressed="{str(name == now.world.who).lower()}"><b>{name}</b> {role}</button>'
        for name, role in PEOPLE.items()
    )
    tabs = "".join(
        f'<button type="button" data-act="home" data-on="{on}" '
        f'aria-pressed="{str(now.at_home == bool(on)).lower()}">{words}</button>'
        for on, words in (("", "#stock"), ("1", "Home"))
    )
    return (
        '<p class="kicker">Slack</p><header><h2 class="sr">Slack</h2>'
        f'<div class="tabs" role="group" aria-label="What to look at">{tabs}</div>'
        '<div class="who" role="group" aria-label="Who you are"><span>You are</span>'
        f"{choices}</div></header>"
    )


def _home(now: PlaygroundSnapshot) -> str:
    view = now.world.demo.team.slack.home(now.world.person)
    if view is None:
        return '<div class="feed"><p class="empty">Tipo is drawing its Home\u2026</p></div>'
    made = view_html(view.content, reader_of(now))
    return f'<div class="feed slack" tabindex="0" data-view="{escape(view.id)}">{made}</div>'


def _feed(now: PlaygroundSnapshot) -> str:
    items = sorted(_items(now), key=lambda pair: pair[0])[-MAX_ITEMS:]
    made = "".join(html for _, html in items)
    if not made:
        made = '<p class="empty">Nothing has been said yet.</p>'
    return (
        '<div class="feed slack" tabindex="0" role="log" aria-label="Messages" '
        f'data-stick="1">{made}</div>'
    )


def _items(now: PlaygroundSnapshot) -> Iterator[tuple[float, str]]:
    """Yield what this person sees, each with its time."""
    slack, person, reader = now.world.demo.team.slack, now.world.person, reader_of(now)
    for message in slack.state.messages.values():
        if slack.state.visible(message, person.id):
            yield float(message.ts), _message(now, message, reader)
    for entry in slack.state.history:
        if entry.kind in TOLD:
            name = slack.state.name_of(entry.who) or entry.who
            words = escape(f"{name} {TOLD[entry.kind]} {entry.words}".replace("  ", " "))
            yield entry.at, f'<p class="told" data-key="h{entry.seq}">{words}</p>'


def _message(now: PlaygroundSnapshot, message: SlackMessage, reader: HtmlReader) -> str:
    slack = now.world.demo.team.slack
    is_bot = message.user == slack.bot.id
    who = "Tipo" if is_bot else (reader.name(message.user) or "Slackbot")
    at = datetime.fromtimestamp(float(message.ts), UTC)
    made = message_html(message.text, message.blocks, reader, who=who, at=at)
    notes = ""
    if message.only_for:
        notes += '<p class="only">Only visible to you</p>'
    elif slack.state.channels[message.channel].im_with:
        notes += '<p class="only">Direct message</p>'
    side = " reply" if message.thread_ts not in {None, message.ts} else ""
    return (
        f'<article class="post{side}" data-key="m{message.ts}" data-ts="{message.ts}" '
        f'data-channel="{message.channel}">{notes}{made}</article>'
    )


def _box(now: PlaygroundSnapshot) -> str:
    who = now.world.who
    return (
        '<form class="say" data-act="type"><label class="sr" for="say">Message to #stock</label>'
        f'<input id="say" name="line" autocomplete="off" value="" placeholder="/tipo help" '
        f'maxlength="300"><button type="submit" aria-label="Send as {who}">Send</button></form>'
        '<div class="hints" role="group" aria-label="Commands to try">'
        + "".join(
            f'<button type="button" data-act="do" data-step="{escape(f"type~{who}~{line}")}">'
            f"{line}</button>"
            for line in ("/tipo status", "/tipo check", "/tipo help")
        )
        + "</div>"
    )


def modal(now: PlaygroundSnapshot) -> str:
    """Return the form in front of the person, or nothing."""
    view: SlackView | None = now.world.demo.team.slack.modal(now.world.person)
    if view is None:
        return ""
    made = view_html(view.content, reader_of(now), view.errors)
    key = escape(view.id)
    return f'<div class="slack" data-view="{key}" data-key="{key}">{made}</div>'
