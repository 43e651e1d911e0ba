"""The raw pane: what went over the wire, as curl."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from sandbox.exchanges import Exchange
from sandbox.playground.snapshot import Snapshot
from sandbox.playground.world import World
from sandbox.shop import Shop
from sandbox.slack.api_call import ApiCall

MAX_LINES = 30
LOOKUPS = ("chat.postMessage", "chat.update", "chat.postEphemeral", "views.open", "views.update")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One request: who to whom, what, and as curl."""

    key: str
    at: datetime
    way: str  # "US store → Tipo"
    what: str
    curl: str


def raw_pane(now: Snapshot) -> str:
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
        f'<details data-key="{escape(line.key)}"><summary><time>{line.at:%H:%M:%S}</time>'
        f'<span class="way">{escape(line.way)}</span> {escape(line.what)}</summary>'
        f'<button type="button" data-copy="1">Copy</button><pre tabindex="0">'
        f"{escape(line.curl)}</pre></details>"
    )


def _lines(world: World) -> Iterator[Line]:
    for alias, shop in world.shops.items():
        for each in shop.exchanges:
            yield _of_shop(world, alias, shop, each)
    for call in world.demo.team.slack.calls[-2 * MAX_LINES :]:
        if call.method in LOOKUPS:
            yield _of_call(world, call)
    for at, interaction in world.interactions:
        url = world.demo.team.slack.app.request_url or ""
        sent = interaction.outgoing
        yield Line(
            key=f"i{at.timestamp()}",
            at=at,
            way="Slack \u2192 Tipo",
            what=f"{interaction.who.name} {interaction.what}",
            curl=curl(url, sent.headers, sent.body),
        )


def _of_shop(world: World, alias: str, shop: Shop, each: Exchange) -> Line:
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
    del shop
    return Line(key=key, at=each.at, way=way, what=what, curl=curl(url, each.headers, each.body))


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
        curl=curl(url, headers, body.encode()),
    )


def curl(url: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return a request as a command line."""
    shown = "".join(f" \\\n  -H {shlex.quote(f'{name}: {each}')}" for name, each in headers.items())
    text = body.decode(errors="replace")
    return f"curl -X POST {shlex.quote(url)}{shown} \\\n  --data-raw {shlex.quote(text)}"
