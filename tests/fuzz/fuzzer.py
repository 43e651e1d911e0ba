"""Requests made of seeds, signed and sent; what is Tipo's fault is a finding.

    a finding                              since
    -------------------------------------  -----------------------------------------------------
    an answer of 500 or more, or none      the sender of something odd gets a 4xx
    an exception out of an entrance        nothing of it may reach the server
    an error in the log                    it says that something is wrong with Tipo
    a webhook that was taken with 200 and  a body is read at the entrance just to refuse what
    then quarantined                       cannot be processed
    books that don't add up                nothing that is sent makes or loses a unit

What is answered in a way that was not seen before becomes a seed: so it gets further than one
change at a time would.
"""

import asyncio
import json
import random
import re
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sandbox import webhooks
from sandbox.slack import signing
from tests.fuzz import seeds
from tests.fuzz.mutations import as_json, changed_bytes, changed_json
from tests.fuzz.tipo import Answer, Request, Tipo

AT_ONCE = 20  # requests
MAX_SEEDS = 2_000
DIGITS = re.compile(r"[0-9]+")
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")

Sent = tuple[Any, Request | list[bytes], Awaitable[Answer]]


@dataclass
class Run:
    """What was sent, and what came of it."""

    executions: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)


class Fuzzer:
    """Fuzzes the entrances of one Tipo."""

    def __init__(self, tipo: Tipo, rng: random.Random) -> None:
        self._tipo, self._rng = tipo, rng
        self._seen: set[tuple[str, int, str]] = set()
        self._seeds: dict[str, list[Any]] = {}
        self._make: dict[str, Callable[[Any], Sent]] = {
            "webhooks": self._webhook,
            "slack": self._slack,
            "bytes": self._bytes,
        }
        self.run = Run()

    async def begin(self) -> None:
        """Find out what may be sent."""
        staff, tipo = self._tipo.staff, self._tipo
        url = f"{staff.slack.api_url.removesuffix('/api/')}/respond"
        team, us = staff.slack.state.team_id, staff.slack.app.user_id
        self._seeds = {
            "webhooks": seeds.webhooks(await tipo.levels("eu"), 1),
            "slack": seeds.slack(team, staff.ann.id, us, staff.stock.id, url),
        }
        topic, body = self._seeds["webhooks"][0]
        raw = json.dumps(body).encode()
        hook = self._webhook_request(raw, topic)
        of_slack = self._slack_request(b'{"type": "shortcut"}', JSON)
        self._seeds["bytes"] = [
            each
            for request in (hook, of_slack)
            for each in seeds.requests(
                request.body, [(k.decode(), v.decode()) for k, v in request.headers], request.path
            )
        ]

    async def fuzz(self, entrance: str, executions: int) -> None:
        """Send so many requests to an entrance, and wait for what they lead to."""
        for _ in range(0, executions, AT_ONCE):
            sent = [self._make[entrance](self._some(entrance)) for _ in range(AT_ONCE)]
            answers = await asyncio.gather(*(each[2] for each in sent), return_exceptions=True)
            for (seed, request, _), answer in zip(sent, answers, strict=True):
                self._note(entrance, seed, request, answer)
            if entrance != "bytes":
                await self._tipo.at_rest()
            self._look(entrance, sent)
        if await self._tipo.quarantined():
            self.run.findings.append("a webhook was answered 200 and is quarantined")
        if await self._tipo.books():
            self.run.findings.append("books don't add up")

    def _some(self, entrance: str) -> Any:
        seed = self._rng.choice(self._seeds[entrance])
        if entrance == "bytes":
            return changed_bytes(self._rng, seed)
        if entrance == "webhooks":
            return seed[0], changed_json(self._rng, seed[1])
        return changed_json(self._rng, seed)

    def _note(self, entrance: str, seed: Any, request: Any, answer: Answer | BaseException) -> None:
        """Count an answer; keep what is new as a seed, and what is wrong as a finding."""
        self.run.executions[entrance] += 1
        if isinstance(answer, BaseException):
            trace = "".join(traceback.format_exception(answer))
            self.run.findings.append(f"{trace}\n{request!r}")
            return
        self.run.statuses[entrance, answer.status] += 1
        if answer.status >= 500:
            self.run.findings.append(f"{answer}\n{request!r}")
        kind = (entrance, answer.status, DIGITS.sub("0", answer.words)[:200])
        if kind not in self._seen and len(self._seeds[entrance]) < MAX_SEEDS:
            self._seen.add(kind)
            self._seeds[entrance].append(seed)

    def _look(self, entrance: str, sent: list[Sent]) -> None:
        """Make findings of what was logged as an error."""
        for each in self._tipo.errors.found:
            requests = "\n".join(repr(request) for _, request, _ in sent)
            self.run.findings.append(f"{entrance}: {each}\none of:\n{requests}")
        self._tipo.errors.found.clear()

    # -- what is sent
    def _webhook(self, seed: tuple[str, Any]) -> Sent:
        topic, payload = seed
        request = self._webhook_request(as_json(self._rng, payload), topic)
        return seed, request, self._tipo.ask(request)

    def _webhook_request(self, body: bytes, topic: str) -> Request:
        shop = self._tipo.shops["eu"]
        named = {
            "content-type": JSON,
            "x-shopify-topic": topic,
            "x-shopify-shop-domain": shop.domain,
            "x-shopify-webhook-id": f"{self._rng.getrandbits(64)}",
            "x-shopify-hmac-sha256": webhooks.sign(shop.access.client_secret, body),
        }
        return Request(path="/webhooks/shopify", headers=_raw(named), body=body)

    def _slack(self, seed: Any) -> Sent:
        body, kind = self._slack_body(seed)
        request = self._slack_request(body, kind)
        return seed, request, self._tipo.ask(request)

    def _slack_body(self, payload: Any) -> tuple[bytes, str]:
        if not isinstance(payload, dict) or payload.get("type") == "event_callback":
            return as_json(self._rng, payload), JSON
        form = payload if "command" in payload else {"payload": as_json(self._rng, payload)}
        body = urlencode(form, errors="replace").encode()
        if self._rng.random() < 0.1:
            body = changed_bytes(self._rng, body)
        return body, self._rng.choice((FORM, FORM, FORM, JSON, "text/plain"))

    def _slack_request(self, body: bytes, kind: str) -> Request:
        secret, now = self._tipo.staff.slack.app.signing_secret, self._tipo.parts.clock.now()
        signed = signing.headers(secret, now.timestamp(), body)
        return Request(
            path="/slack/events", headers=_raw({"content-type": kind, **signed}), body=body
        )

    def _bytes(self, seed: bytes) -> Sent:
        cuts = sorted(
            self._rng.randrange(len(seed) + 1) for _ in range(self._rng.choice((0, 1, 3)))
        )
        pieces = [seed[a:b] for a, b in zip([0, *cuts], [*cuts, len(seed)], strict=True)]
        return seed, pieces, self._spoken(pieces)

    async def _spoken(self, pieces: list[bytes]) -> Answer:
        said = await self._tipo.speak(pieces)
        found = [int(each) for each in STATUS.findall(said)]
        return Answer(max(found, default=0), said.rpartition(b"\r\n\r\n")[2].decode("latin-1"))


def _raw(named: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [
        (name.lower().encode(), value.encode("latin-1", "replace")) for name, value in named.items()
    ]


def save(run: Run, folder: Path) -> None:
    """Write findings to files: they hold the requests."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(run.findings):
        (folder / f"finding-{number}.txt").write_text(each)
