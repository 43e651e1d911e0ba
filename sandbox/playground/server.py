"""The page over HTTP: itself, its changes, and what people do on it."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from sandbox.models import UnknownId
from sandbox.playground.actions import StepFailed, keep, perform
from sandbox.playground.session import Session, event_of
from sandbox.playground.steps import BadStep, Step, is_whole, parse, parse_step
from sandbox.playground.stories import Story, oversell, stories
from sandbox.playground.wire import as_curl
from sandbox.playground.world import World
from sandbox.slack import ImpossibleAction, SlackMessage, SlackView
from sandbox.slack.interaction import Interaction

STATIC = Path(__file__).parent / "static"
FILES = {
    "playground.css": STATIC / "playground.css",
    "playground.js": STATIC / "playground.js",
    "blocks.css": STATIC.parents[1] / "slack" / "blocks.css",
}
PLACE = re.compile(r"\{\{([\w-]+)\}\}")
MAX_BODY_BYTES = 64_000
MAX_SEED = 10**9
Given = Mapping[str, Any]
NOT_YET = "Everything is still starting; try again in a few seconds."


class PlaygroundPage:
    """The endpoints."""

    def __init__(self, session: Session, token: str) -> None:
        self._session, self._token = session, token
        self._template = (STATIC / "page.html").read_text(encoding="utf-8")

    async def show(self, request: Request) -> Response:
        """Return the page as it is now; its address may hold a seed and steps."""
        try:
            self._read_address(request.query_params)
        except BadStep as bad:
            return PlainTextResponse(f"This address is not right: {bad}", 400)
        parts = {**await self._session.fresh_parts(), "token": self._token}
        return HTMLResponse(PLACE.sub(lambda found: parts.get(found[1], ""), self._template))

    def _read_address(self, given: Mapping[str, str]) -> None:
        session = self._session
        if "steps" in given:
            world = session.world
            steps = parse(given["steps"])
            session.steps = () if world and steps == tuple(world.done) else steps
        seed = given.get("seed", "")
        if not seed:
            return
        if not is_whole(seed, 0, MAX_SEED):
            raise BadStep(f"a seed is a number up to {MAX_SEED}.")
        if int(seed) != session.seed:
            session.restart(int(seed))

    async def events(self, request: Request) -> Response:
        """Return what changes, as server-sent events."""
        del request

        async def stream() -> AsyncIterator[str]:
            async for changed in self._session.changes():
                yield event_of(changed)

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def file(self, request: Request) -> Response:
        """Return a style sheet or the script."""
        path = FILES.get(request.path_params["name"])
        return PlainTextResponse("not found", 404) if path is None else FileResponse(path)

    async def gallery(self, request: Request) -> Response:
        """Return the page with every message."""
        del request
        return FileResponse(STATIC / "gallery.html", media_type="text/html")

    async def wire(self, request: Request) -> Response:
        """Return one request that went over the wire, as curl."""
        world, key = self._session.world, request.query_params.get("key", "")
        found = None if world is None else as_curl(world, key)
        return PlainTextResponse(found or "This request is no longer kept.")

    async def act(self, request: Request) -> Response:
        """Do what somebody has clicked; say why not, if it cannot be done."""
        raw = await _body(request)
        try:
            given = json.loads(raw or b"")
            act = ACTS[given["act"]]
            await act(self._session, given)
        except (ValueError, KeyError, TypeError, AttributeError) as wrong:
            words = str(wrong) if isinstance(wrong, BadStep) else f"That makes no sense: {wrong!r}"
            return PlainTextResponse(words, 400)
        except (StepFailed, ImpossibleAction, UnknownId) as no:
            return PlainTextResponse(str(no), 409)
        self._session.touch()
        return Response(status_code=204)


async def _body(request: Request) -> bytes:
    """Return the body, or nothing if it is too long."""
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY_BYTES:
            return b""
    return raw


def build_page(session: Session, token: str) -> Starlette:
    """Return the app that serves the page."""
    page = PlaygroundPage(session, token)
    return Starlette(
        routes=[
            Route("/", page.show),
            Route("/events", page.events),
            Route("/gallery", page.gallery),
            Route("/wire", page.wire),
            Route("/static/{name}", page.file),
            Route("/act", page.act, methods=["POST"]),
        ]
    )


def _world(session: Session) -> World:
    if session.world is None:
        raise StepFailed(NOT_YET)
    return session.world


# -- stories
async def _play(session: Session, given: Given) -> None:
    session.play(stories(session.seed)[given["story"]])


async def _steps(session: Session, given: Given) -> None:
    del given
    session.play(
        Story(
            key="",
            title="The steps of this address",
            watch="Played as they were, with the same seed: both stores must end the same.",
            moments=session.steps,
        )
    )


async def _again(session: Session, given: Given) -> None:
    del given
    if session.player.story is None:
        raise StepFailed("No story was played yet.")
    session.play(session.player.story)


async def _speed(session: Session, given: Given) -> None:
    session.player.set_speed(fast=bool(given["on"]))


async def _restart(session: Session, given: Given) -> None:
    del given
    session.restart(session.seed)


def _player(name: str) -> Callable[[Session, Given], Awaitable[None]]:
    async def steer(session: Session, given: Given) -> None:
        del given
        getattr(session.player, name)()

    return steer


# -- what one person does
async def _do(session: Session, given: Given) -> None:
    world = _world(session)
    step = str(given["step"]).replace("{sku}", world.focus)
    await perform(world, (parse_step(step),))


async def _type(session: Session, given: Given) -> None:
    world = _world(session)
    await perform(world, (Step("type", (world.who, str(given["line"])[:300])),))


async def _last(session: Session, given: Given) -> None:
    del given
    world = _world(session)
    sku = world.focus
    title = "The last unit, in both stores at once"
    watch = "Two customers take the same last one: both stores show \u22121, and Slack is told."
    session.play(Story(key="", title=title, watch=watch, moments=oversell(sku)))


async def _focus(session: Session, given: Given) -> None:
    world = _world(session)
    world.shops["eu"].item(str(given["sku"]))
    world.focus = str(given["sku"])


async def _who(session: Session, given: Given) -> None:
    world = _world(session)
    world.user(given["who"])
    world.who = given["who"]
    if session.at_home:
        await _home(session, {"on": True})


async def _home(session: Session, given: Given) -> None:
    world = _world(session)
    session.at_home = bool(given["on"])
    if session.at_home:
        keep(world, await world.demo.team.slack.open_home(world.person))


# -- what one person does with messages and forms
def _where(world: World, given: Given) -> SlackMessage | SlackView:
    slack = world.demo.team.slack
    found: SlackMessage | SlackView | None
    if given.get("view"):
        found = slack.state.view(given["view"])
    else:
        found = slack.state.messages.get((given["channel"], given["ts"]))
    if found is None:
        raise StepFailed("That message or form is gone.")
    return found


def _enter(world: World, given: Given, where: SlackMessage | SlackView) -> None:
    """Keep what somebody has filled in so far: Slack sends it with each click in a form."""
    if isinstance(where, SlackView) and given.get("values"):
        world.demo.team.slack.enter(world.person, where, given["values"])


async def _click(session: Session, given: Given) -> None:
    world = _world(session)
    where = _where(world, given)
    _enter(world, given, where)
    click = world.demo.team.slack.click
    keep(world, await click(world.person, where, given["action"], value=given.get("value")))


async def _choose(session: Session, given: Given) -> None:
    world = _world(session)
    where = _where(world, given)
    _enter(world, given, where)
    select = world.demo.team.slack.select
    keep(world, await select(world.person, where, given["action"], given["value"]))


def _view(world: World, given: Given) -> SlackView:
    found = _where(world, given)
    if not isinstance(found, SlackView):
        raise StepFailed("That form is gone.")
    return found


async def _submit(session: Session, given: Given) -> None:
    world = _world(session)
    view = _view(world, given)
    keep(world, await world.demo.team.slack.submit(world.person, view, given["values"]))


async def _close(session: Session, given: Given) -> None:
    world = _world(session)
    closed: Interaction | None = await world.demo.team.slack.close(
        world.person, _view(world, given)
    )
    if closed is not None:
        keep(world, closed)


ACTS: Mapping[str, Callable[[Session, Given], Awaitable[None]]] = {
    "play": _play,
    "steps": _steps,
    "again": _again,
    "pause": _player("pause"),
    "resume": _player("resume"),
    "step": _player("step"),
    "speed": _speed,
    "restart": _restart,
    "do": _do,
    "type": _type,
    "last": _last,
    "focus": _focus,
    "who": _who,
    "home": _home,
    "click": _click,
    "choose": _choose,
    "submit": _submit,
    "close": _close,
}
