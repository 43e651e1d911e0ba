"""Search a small world through, breadth first: the first trace that is found is a shortest one."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from sync_core.domain.audit import LevelBooks, PoolBooks, breaches
from tests.model.design import DAY, Design, is_shared
from tests.model.world import NAMES, STORES, Engine, World

RESTS_WITHIN = 1200  # seconds: two that chase each other never do


class Found(NamedTuple):
    """What a search has come to."""

    worlds: int  # that were looked at
    rests: int  # of these, in which nothing is left to do
    wrong: str | None = None
    trace: tuple[str, ...] = ()  # the shortest way to what is wrong


def search(design: Design, start: World, *, most: int = 10**7) -> Found:
    """Look at every world that can follow, until one is wrong; or at `most` of them."""
    came: dict[World, tuple[World, str] | None] = {start: None}
    waiting = deque([start])
    latest = RESTS_WITHIN + 2 * DAY * start.left.days
    rests = 0
    while waiting and len(came) < most:
        world = waiting.popleft()
        at_rest = design.is_at_rest(world)
        rests += at_rest
        wrong = next(complaints(design, world, at_rest=at_rest), None)
        if world.now > latest:
            wrong = "it never comes to rest"
        if wrong is not None:
            return Found(len(came), rests, wrong, _trace(came, world))
        for name, following in design.steps(world):
            after = design.normal(following)
            if after not in came:
                came[after] = world, name
                waiting.append(after)
    return Found(len(came), rests)


def _trace(came: dict[World, tuple[World, str] | None], world: World) -> tuple[str, ...]:
    steps = []
    while (before := came[world]) is not None:
        world, name = before
        steps.append(name)
    return tuple(reversed(steps))


def complaints(design: Design, world: World, *, at_rest: bool) -> Iterator[str]:
    """Yield what is wrong with a world."""
    for engine in world.engines:
        for breach in breaches(books_of(engine)):
            yield f"the books of {engine.name} don't add up: {breach.why}"
    outside = sum(shop.outside for shop in world.shops)
    for store, shop in enumerate(world.shops):
        caused = outside - shop.outside
        if shop.written > caused:
            yield f"{shop.written} units were written to {NAMES[store]}, others moved {caused}"
    if at_rest:
        for engine in world.engines:
            if design.may_write(world, engine):
                yield from _unsettled(world, engine)


def books_of(engine: Engine) -> PoolBooks:
    """Return what is recorded, as production audits it."""
    pool, sums = engine.db.pool, engine.db.sums
    return PoolBooks(
        pool=pool.id,
        title=pool.title,
        shared=pool.shared,
        first_shared=pool.first_shared,
        movements=sums.counted,
        decisions=0,
        levels=tuple(
            LevelBooks(
                level=each.id,
                store=each.key.store,
                baselined=each.baselined,
                is_open=each.open,
                book=each.book,
                first_book=each.first_book,
                movements=sums.movements[store],
                written=sums.written[store],
                opened=int(engine.db.batches[store] is not None),
                mismatched=0,
            )
            for store, each in enumerate(pool.levels)
        ),
    )


def _unsettled(world: World, engine: Engine) -> Iterator[str]:
    """Yield what is wrong although nothing is left to do, and nobody is asked."""
    pool = engine.db.pool
    shown = [shop.quantity for shop in world.shops]
    levels = pool.levels
    if any(each.suspended for each in levels):
        return  # people were told
    if not all(each.baselined for each in levels):
        if shown[0] == shown[1] and None not in {each.book for each in levels}:
            yield f"both stores show {shown[0]}, and they are not in sync"
        return  # they differ, and people are asked
    if is_shared(levels[1]) and shown[0] != shown[1]:
        yield f"EU shows {shown[0]} and US {shown[1]}, and nothing is left to do"
    elif pool.baseline == 0 and shown[0] != world.expected:
        yield f"both stores show {shown[0]}, expected {world.expected}"
    for store in STORES:
        if levels[store].book != shown[store]:
            yield f"the book of {NAMES[store]} is {levels[store].book}, it shows {shown[store]}"
