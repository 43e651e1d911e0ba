"""Steps of an address, played without a page: what "Copy as test" gives."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sandbox.playground.actions import perform
from sandbox.playground.steps import Moment, describe, parse, unparse
from sandbox.playground.tally import Tally, count
from sandbox.playground.world import open_world


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What there was after the last step."""

    shows: dict[str, dict[str, int]]  # by SKU and store
    tally: Tally  # units that Tipo has lost or invented
    naive: Tally  # and that a naive sync has


async def replay(folder: Path, seed: int, steps: Iterable[str]) -> Ending:
    """Play steps with real parts; return what came of them.

    Raises:
        BadStep: If there is no such step.
        StepFailed: If a step does not come out as it says; in a group.
        DemoFailed: If Tipo does not start; in a group.
    """
    moments = parse(",".join(steps))
    async with open_world(folder, seed) as world:
        for each in moments:
            await perform(world, each)
        tipo, naive = world.lanes
        shows = {
            sku: {alias: shop.available(sku) for alias, shop in tipo.items()}
            for sku in world.started.quantities
        }
        return Ending(
            shows=shows,
            tally=count(tipo, world.started),
            naive=count(naive, world.naive_started),
        )


TEST = '''"""Copied from the playground."""

from sandbox.playground.replay import replay

STEPS = (
{steps}
)


async def test_copied_from_the_playground(tmp_path):
    """Both stores show the same, and no unit is lost or invented."""
    ended = await replay(tmp_path, {seed}, STEPS)
    assert ended.tally.total == 0
    assert all(len(set(shown.values())) == 1 for shown in ended.shows.values())
'''


def as_test(seed: int, done: Iterable[Moment]) -> str:
    """Return a test that does the same."""
    lines = [f"    {unparse([each])!r},  # {describe(each)}" for each in done]
    return TEST.format(seed=seed, steps="\n".join(lines))
