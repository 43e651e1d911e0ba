"""The player: plays a story step by step, at a pace that people can follow.

state     means                                leads to
--------  -----------------------------------  ---------------------------
idle      no story was chosen yet              playing
playing   steps follow by themselves           paused, done, failed
paused    waits for `resume`, or for `step`    playing
done      every step came out right            playing
failed    a step did not; `said` tells why     playing
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum

from sandbox.playground.actions import StepFailed, perform
from sandbox.playground.steps import Moment, Step
from sandbox.playground.stories import Story
from sandbox.playground.world import World

PAUSE_SECONDS = 1.3  # between two steps
FAST = 10  # times as fast


class PlayerState(StrEnum):
    """What the player does."""

    IDLE = "idle"
    PLAYING = "playing"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"


class Player:
    """Plays one story at a time.

    Args:
        changed: Called after each change.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.story: Story | None = None
        self.state = PlayerState.IDLE
        self.at = 0  # steps that are done
        self.said: list[str] = []  # what came of each
        self.speed = 1
        self._changed = changed
        self._may_go_on = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def play(self, world: World, story: Story, group: asyncio.TaskGroup) -> None:
        """Play a story from its beginning; one that is being played ends."""
        self.stop()
        self.story, self.state, self.at, self.said = story, PlayerState.PLAYING, 0, []
        self._may_go_on.set()
        self._task = group.create_task(self._play(world, story))
        self._changed()

    def stop(self) -> None:
        """Play no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self.story, self.state = None, PlayerState.IDLE
        self._changed()

    def pause(self) -> None:
        """Stop after the step that is under way."""
        if self.state is PlayerState.PLAYING:
            self._set(PlayerState.PAUSED)

    def resume(self) -> None:
        """Go on."""
        if self.state is PlayerState.PAUSED:
            self._set(PlayerState.PLAYING)

    def step(self) -> None:
        """Pause, and play one step."""
        self.pause()
        if self.state is PlayerState.PAUSED:
            self._may_go_on.set()

    def set_speed(self, *, fast: bool) -> None:
        """Play ten times as fast, or at the usual pace. What stores take their time for stays."""
        self.speed = FAST if fast else 1
        self._changed()

    def _set(self, state: PlayerState) -> None:
        self.state = state
        if state is PlayerState.PLAYING:
            self._may_go_on.set()
        else:
            self._may_go_on.clear()
        self._changed()

    async def _play(self, world: World, story: Story) -> None:
        for number, moment in enumerate(story.moments):
            await self._gate()
            try:
                said = await perform(world, moment)
            except StepFailed as failed:
                self.said.append(str(failed))
                self._set(PlayerState.FAILED)
                return
            self.said.append(said)
            self.at = number + 1
            self._changed()
            await self._breathe(world, moment)
        self._set(PlayerState.DONE)

    async def _gate(self) -> None:
        """Wait while it is paused."""
        await self._may_go_on.wait()
        if self.state is PlayerState.PAUSED:
            self._may_go_on.clear()  # a step lets one pass

    async def _breathe(self, world: World, moment: Moment) -> None:
        if self.state is PlayerState.PLAYING and not _is_quick(moment):
            await world.clock.sleep(PAUSE_SECONDS / self.speed)


def _is_quick(moment: tuple[Step, ...]) -> bool:
    """Whether a flash sale would be none with a pause behind it."""
    return moment[0].verb == "wait" or (len(moment) > 1 and moment[0].verb == "sell")
