"""The raw pane: what went over the wire, as curl.

The page has a line of each request. It asks for the rest when somebody opens the line.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from itertools import islice

from sandbox.exchanges import Exchange
from sandbox.playground.snapshot import PlaygroundSnapshot
from sandbox.playground.world import World
from sandbox.slack.api_call import ApiCall

MAX_LINES = 60
SAYING = ("chat.postMessage", "chat.update", "chat.postEphemeral", "views.open", "views.update")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One request: who to whom, and what."""

    key: str
    at: datetime
    way: str  # "US store → Tipo"
    what: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def curl(self) -> str:
        """Return it as a command line."""
        headers = "".join(
            f" \\\n  -H {shlex.quote(f'{name}: {each}')}" for name, each in self.headers.items()
        )
        text = shlex.quote(self.body.decode(errors="replace"))
        return f"curl -X POST {shlex.quote(self.url)}{headers} \\\n  --data-raw {text}"


def raw_pane(now: PlaygroundSnapshot) -> str:
    """Return the newest requests, each opening to its curl."""
    head = (
        '<h2>On the wire</h2><p class="lead">Webhooks, mutations and Slack payloads as they were '
        "sent, signatures and all. Their secrets open nothing but this playground.</p>"
    )
    lines = sorted(_lines(now.world), key=lambda each: each.at, reverse=True)[:MAX_LINES]
    if not lines:
        return f'{head}<p class="empty">Nothing has been sent yet.</p>'
    return f'{head}<div class="wire">{"".join(map(_row, lines))}</div>'


def _row(line: Line) -> str:
    return (
        f'<details data-key="{escape(line.key)}" data-wire="1"><summary>'
        f'<time>{line.at:%H:%M:%S}</time><span class="way">{escape(line.way)}</span> '
        f'{escape(line.what)}</summary><button type="button" data-copy="1">Copy</button>'
        '<pre tabindex="0" data-keep="1"></pre></details>'
    )


def as_curl(world: World, key: str) -> str | None:
    """Return the request with that key as a command line; None once it is forgotten."""
    return next((each.curl for each in _lines(world) if each.key == key), None)


def _lines(world: World) -> Iterator[Line]:
    for alias, shop in world.shops.items():
        for each in shop.exchanges:
            yield _of_shop(world, alias, each)
    calls = (each for each in reversed(world.demo.team.slack.api.calls) if each.method in SAYING)
    for call in islice(calls, MAX_LINES):
        yield _of_call(world, call)
    for at, interaction in world.interactions:
        url = world.demo.team.slack.app.request_url or ""
        sent = interaction.outgoing
        yield Line(
            key=f"i{at.timestamp()}",
            at=at,
            way="Slack \u2192 Tipo",
            what=f"{interaction.who.name} {interaction.what}",
            url=url,
            headers=sent.headers,
            body=sent.body,
        )


def _of_shop(world: World, alias: str, each: Exchange) -> Line:
    lost = "" if each.ok else ", which failed"
    store = f"{alias.upper()} store"
    key = f"{alias}{each.at.timestamp()}{each.kind}{len(each.body)}"
    if each.kind == "webhook":
        way, url = f"{store} \u2192 Tipo", each.url
        topic, body = each.headers["X-Shopify-Topic"], json.loads(each.body)
        shows = f": available {body['available']}" if "available" in body else ""
        what = f"{topic}{shows}{lost}"
    else:
        way, url = f"Tipo \u2192 {store}", f"{world.demo.stores_url}/{alias}{each.url}"
        what = f"{_mutation(each.body)}{lost}"
    return Line(
        key=key, at=each.at, way=way, what=what, url=url, headers=each.headers, body=each.body
    )


def _mutation(body: bytes) -> str:
    """Return what a mutation does, in short."""
    asked = json.loads(body)
    text = str(asked.get("query", ""))
    names = ("inventoryAdjustQuantities", "metafieldsSet", "webhookSubscriptionCreate")
    name = next((each for each in names if each in text), "mutation")
    deltas = [int(each["delta"]) for each in _changes(asked.get("variables", {}))]
    return f"{name}: {', '.join(f'{each:+d}' for each in deltas)}" if deltas else name


def _changes(variables: Mapping[str, object]) -> list[Mapping[str, int]]:
    given = variables.get("input")
    changes = given.get("changes", []) if isinstance(given, dict) else []
    return [each for each in changes if "delta" in each]


def _of_call(world: World, call: ApiCall) -> Line:
    at = datetime.fromtimestamp(call.at, UTC)
    app = world.demo.team.slack.app
    headers = {"Authorization": f"Bearer {app.bot_token}", "Content-Type": "application/json"}
    body = json.dumps({key: value for key, value in call.args.items() if key != "token"})
    url = f"{world.demo.team.slack.api_url}{call.method}"
    return Line(
        key=f"c{call.at}",
        at=at,
        way="Tipo \u2192 Slack",
        what=call.method,
        url=url,
        headers=headers,
        body=body.encode(),
    )
