"""The session: the world that is played with now, and the parts of the page as they are now."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from sandbox.demo.environment import DemoFailed
from sandbox.playground import lanes, parts, slack_column, store_column, wire
from sandbox.playground.player import Player
from sandbox.playground.replay import as_test
from sandbox.playground.snapshot import PlaygroundSnapshot, take
from sandbox.playground.steps import Moment, unparse
from sandbox.playground.stories import Story
from sandbox.playground.story_bar import story_bar
from sandbox.playground.world import World, open_world
from sync_core.clock import Clock
from sync_core.errors import NoDatabase

TICK_SECONDS = 0.1  # between two looks at whether anything has changed
REDRAW_SECONDS = 1.0  # at the latest, so that what only time changes is right
HEARTBEAT_SECONDS = 10.0  # after which a browser is sent a sign of life


class Session:
    """One playground.

    Args:
        folder: Where its worlds keep their files.
        clock: The time.
        seed: Of what is left to chance.
        boot: Names this start: a page of an earlier one loads itself again.
    """

    def __init__(self, folder: Path, clock: Clock, *, seed: int, boot: str) -> None:
        self.clock, self.seed = clock, seed
        self.world: World | None = None
        self.player = Player(self.touch)
        self.steps: tuple[Moment, ...] = ()  # of the page's address
        self.at_home = False
        self._folder, self._boot = folder, boot
        self._problem = ""
        self._wanted: Story | None = None  # to be played once the world is there
        self._restart = asyncio.Event()
        self._changed = asyncio.Event()
        self._touched = True
        self._listeners = 0
        self._group: asyncio.TaskGroup | None = None
        self.parts: dict[str, str] = {}

    async def run(self) -> None:
        """Keep a world, and draw it, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._keep_world())
            group.create_task(self._keep_drawing())

    # -- the world
    def restart(self, seed: int) -> None:
        """Throw the world away, and begin a new one."""
        self.seed = seed
        self._wanted, self.world = None, None
        self.player.stop()
        self._restart.set()
        self.touch()

    def play(self, story: Story) -> None:
        """Play a story: now, or as soon as everything has started."""
        if self.world is None or self._group is None:
            self._wanted = story
        else:
            self.at_home = False
            self.player.play(self.world, story, self._group)
        self.touch()

    async def _keep_world(self) -> None:
        number = 0
        while True:
            number += 1
            folder = self._folder / f"world-{number}"
            folder.mkdir()
            self._restart.clear()
            self._problem = ""
            try:
                async with open_world(folder, self.seed, self.clock) as world:
                    self.world = world
                    self.touch()
                    if self._wanted is not None:
                        self.play(self._wanted)
                        self._wanted = None
                    await self._restart.wait()
            except* DemoFailed as group:
                self._problem = str(group.exceptions[0])
                self.touch()
                await self._restart.wait()

    # -- the page
    def touch(self) -> None:
        """Have the page drawn again."""
        self._touched = True

    async def fresh_parts(self) -> Mapping[str, str]:
        """Return the parts of the page as they are now."""
        await self._draw()
        return self.parts

    async def changes(self) -> AsyncIterator[dict[str, str]]:
        """Yield what changes of the page; nothing is a sign of life."""
        self._listeners += 1
        seen: dict[str, str] = {}
        try:
            await self._draw()
            while True:
                changed = self._changed
                fresh = {k: v for k, v in self.parts.items() if seen.get(k) != v}
                seen |= fresh
                yield fresh
                try:
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        await changed.wait()
                except TimeoutError:
                    continue
        finally:
            self._listeners -= 1

    async def _keep_drawing(self) -> None:
        drawn, drawn_at = "", 0.0
        while True:
            await self.clock.sleep(TICK_SECONDS)
            if not self._listeners:
                continue
            mark, now = self._mark(), self.clock.monotonic()
            if self._touched or mark != drawn or now - drawn_at > REDRAW_SECONDS:
                self._touched, drawn, drawn_at = False, mark, now
                await self._draw()

    def _mark(self) -> str:
        """Return something that differs once anything has happened."""
        if self.world is None:
            return self._problem
        logs = [len(shop.log) for lane in self.world.lanes for shop in lane.values()]
        wire_ = [shop.counts.requests for shop in self.world.shops.values()]
        return f"{logs} {wire_} {self.world.demo.team.slack.state.seq}"

    async def _draw(self) -> None:
        try:
            world = self.world
            now = None if world is None else await take(world, self.player, at_home=self.at_home)
        except (DBAPIError, NoDatabase):  # the world has just ended
            return
        bar = story_bar(self.player, self.seed, self.steps)
        made = parts.starting(self._problem) if now is None else _drawn(now)
        before = dict(self.parts)
        self.parts |= {**made, "stories": bar, "boot": self._boot}
        if self.parts != before:
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()


def _drawn(now: PlaygroundSnapshot) -> dict[str, str]:
    done = now.world.done
    steps = f"&steps={parts.quoted(unparse(done))}" if done else ""
    return {
        "status": parts.status(now),
        "store-eu": store_column.store_column(now, "eu"),
        "store-us": store_column.store_column(now, "us"),
        "slack": slack_column.slack_column(now),
        "modal": slack_column.modal(now),
        "lanes": lanes.lanes(now),
        "equation": lanes.equation(now),
        "raw": wire.raw_pane(now),
        "address": f"/?seed={now.world.seed}{steps}",
        "test": as_test(now.world.seed, done),
    }


def event_of(changed: Mapping[str, str]) -> str:
    """Return changes as a server-sent event."""
    return f"data: {json.dumps(changed)}\n\n" if changed else ": still here\n\n"
