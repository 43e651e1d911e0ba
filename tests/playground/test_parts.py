"""The playground without a browser: who may use it, steps, the naive sync, and the count."""

import ast
import asyncio
import socket
import sys
from datetime import UTC, datetime, timedelta
from random import Random

import httpx
import pytest
from starlette.responses import PlainTextResponse

from sandbox.demo import environment
from sandbox.demo.environment import DemoFailed
from sandbox.playground.guard import Guard
from sandbox.playground.naive_sync import NaiveSync
from sandbox.playground.replay import as_test, replay
from sandbox.playground.run import run_playground
from sandbox.playground.server import build_page
from sandbox.playground.session import Session
from sandbox.playground.steps import MAX_STEPS, BadStep, describe, parse, unparse
from sandbox.playground.stories import stories
from sandbox.playground.tally import Tally, count, right_quantities, start_of
from sandbox.sample_shops import build_shops
from sync_core.clock import WallClock

PORT, TOKEN = 8765, "the-token"
HERE = f"http://127.0.0.1:{PORT}"
NOW = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)


# -- who may use it
async def ask(method, url=HERE, **headers):
    app = Guard(PlainTextResponse("fine"), port=PORT, token=TOKEN)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.request(method, url, headers=named)


@pytest.mark.parametrize(
    ("method", "url", "headers", "status"),
    [
        pytest.param("GET", HERE, {}, 200, id="the page itself"),
        pytest.param("GET", f"http://localhost:{PORT}", {}, 200, id="by the machine's other name"),
        pytest.param("GET", f"http://evil.example:{PORT}", {}, 421, id="a name made to lead here"),
        pytest.param("GET", "http://127.0.0.1:99", {}, 421, id="another port"),
        pytest.param(
            "GET", HERE, {"origin": "https://evil.example"}, 403, id="another site's page"
        ),
        pytest.param("GET", HERE, {"origin": "null"}, 403, id="a page of nowhere"),
        pytest.param("POST", HERE, {}, 403, id="a form without the token"),
        pytest.param("POST", HERE, {"x_playground_token": "other"}, 403, id="a wrong token"),
        pytest.param("POST", HERE, {"x_playground_token": TOKEN}, 200, id="a click on the page"),
        pytest.param(
            "POST",
            HERE,
            {"x_playground_token": TOKEN, "origin": "http://127.0.0.1:99"},
            403,
            id="the token from another page of this machine",
        ),
    ],
)
async def test_only_its_own_page_may_use_it(method, url, headers, status):
    """Any site that is open in the browser can send requests to this machine."""
    answer = await ask(method, url, **headers)
    assert answer.status_code == status
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"


# -- steps
def test_steps_survive_an_address():
    """Anyone who is sent a link plays the same."""
    for story in stories(7).values():
        assert parse(unparse(story.moments)) == story.moments
        assert all(describe(each) for each in story.moments)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fly~us", "no step 'fly~us'"),
        ("sell~us~SFDJ-M", "no step"),
        ("sell~uk~SFDJ-M~1", "a store: eu or us"),
        ("sell~us~SFDJ-M~0", "from 1 to 999"),
        ("edit~us~SFDJ-M~1e9", "a whole number"),
        ("edit~us~SFDJ-M~--5", "a whole number"),
        ("sell~us~SFDJ-M~\u00b2", "from 1 to 999"),
        (f"shows~SFDJ-M~{'9' * 5000}", "a whole number"),
        ("wait~\u00b2", "up to 60 seconds"),
        ("wait~9999", "up to 60 seconds"),
        (",".join(["heal"] * (MAX_STEPS + 1)), f"at most {MAX_STEPS} steps"),
    ],
)
def test_an_address_that_is_not_right_says_why(text, says):
    """Addresses are edited by hand, and cut by chat programs."""
    with pytest.raises(BadStep, match=says):
        parse(text)


@pytest.mark.parametrize(
    "asked", ["seed=-1", "seed=\u00b2", "seed=9999999999", "steps=edit~us~SFDJ-M~--5"]
)
async def test_the_page_says_why_an_address_is_not_right(asked, tmp_path):
    """In words, and as the fault of the address."""
    app = build_page(Session(tmp_path, WallClock(), seed=1, boot=TOKEN), TOKEN)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        answer = await client.get(f"{HERE}/?{asked}")
    assert answer.status_code == 400
    assert answer.text.startswith("This address is not right: ")


def test_what_is_copied_as_a_test_is_one():
    """It is pasted as it is; the steps in it are those that were played."""
    code = as_test(7, stories(7)["1"].moments)
    [steps] = [
        node.value
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Assign) and node.targets[0].id == "STEPS"
    ]
    assert parse(",".join(ast.literal_eval(steps))) == stories(7)["1"].moments
    assert "await replay(tmp_path, 7, STEPS)" in code


# -- the naive sync, and the count
class Lane:
    """Two stores with a naive sync, in time of our own."""

    def __init__(self, seed=1):
        self.now = NOW
        self.shops = build_shops(lambda: self.now, seed=seed, products=1)
        self.sync = NaiveSync(self.shops, Random(seed))
        self.start = start_of(self.shops)

    def pass_time(self, seconds):
        until = self.now + timedelta(seconds=seconds)
        while self.now < until:
            self.now += timedelta(milliseconds=50)
            self.sync.advance()

    def shows(self):
        return [shop.available("SFDJ-M") for shop in self.shops.values()]

    def tally(self):
        return count(self.shops, self.start)


def test_one_thing_at_a_time_looks_right():
    """Which is why people write it."""
    lane = Lane()
    lane.shops["us"].sell("SFDJ-M", 5)
    lane.pass_time(2)
    lane.shops["eu"].restock("SFDJ-M", 10)
    lane.pass_time(2)
    assert lane.shows() == [55, 55]
    assert lane.tally() == Tally()


def test_sales_at_the_same_moment_are_lost():
    """A total erases the sale that the other store has just made."""
    lane = Lane()
    lane.shops["us"].sell("SFDJ-M", 3)
    lane.shops["eu"].sell("SFDJ-M", 2)
    lane.pass_time(5)
    assert right_quantities(lane.shops, lane.start)["SFDJ-M"] == 45
    assert lane.tally().invented in {2, 3}
    assert lane.tally().lost == 0


def test_what_a_store_does_not_take_is_never_tried_again():
    """The outage's sales are invented units afterwards."""
    lane = Lane()
    lane.shops["us"].faults.outage = True
    lane.shops["eu"].sell("SFDJ-M", 6)
    lane.pass_time(2)
    lane.shops["us"].faults.outage = False
    lane.pass_time(5)
    assert (lane.shows(), lane.sync.failed, lane.tally().invented) == ([44, 50], 1, 6)


def test_what_people_set_is_counted_and_what_a_sync_writes_is_not():
    """Otherwise a sync would be right by definition."""
    lane = Lane()
    lane.shops["us"].edit("SFDJ-M", to=40)
    assert lane.tally() == Tally(invented=10)
    lane.pass_time(2)
    assert lane.tally() == Tally()
    lane.shops["eu"].move(lane.shops["eu"].level("SFDJ-M"), {"available": -4}, "set", "api")
    assert lane.tally() == Tally(lost=4)


# -- when it cannot start
async def test_a_port_that_is_taken_says_what_to_type(tmp_path):
    """The second start on a machine is the one that everybody tries."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DemoFailed, match=f"tipo playground --port {port + 1}"):
            await run_playground(tmp_path, port=port, seed=1, is_up=lambda url: None)


async def test_a_world_that_does_not_start_is_told_and_starts_over(tmp_path, monkeypatch):
    """The page is there before Tipo is: it must not wait for ever, nor end."""
    serve = environment.SERVE
    monkeypatch.setattr(environment, "SERVE", (sys.executable, "-c", "exit('no disk')"))
    session = Session(tmp_path, WallClock(), seed=1, boot="b")
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        running = group.create_task(session.run())
        while "It did not start" not in (await session.fresh_parts())["slack"]:
            await session.clock.sleep(0.05)
        assert "no disk" in session.parts["slack"]
        monkeypatch.setattr(environment, "SERVE", serve)
        session.restart(2)
        while session.world is None:
            await session.clock.sleep(0.05)
        assert "In sync" in (await session.fresh_parts())["status"]
        running.cancel()
    assert session.world.seed == 2


async def test_a_sale_in_both_stores_at_once_through_real_parts(tmp_path):
    """What "Copy as test" gives is played by this, and it must find what it looks for."""
    steps = ("begin~SFDJ-M~50", "sell~us~SFDJ-M~3+sell~eu~SFDJ-M~2", "shows~SFDJ-M~45", "wait~1")
    ended = await replay(tmp_path, 1, steps)
    assert ended.shows["SFDJ-M"] == {"eu": 45, "us": 45}
    assert ended.tally == Tally()
    assert ended.naive.total > 0
