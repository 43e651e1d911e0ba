"""The scenes: what customers and staff do, and what both stores must show afterwards.

scene                                          in each store, before → after
---------------------------------------------  -----------------------------
5 sold in urbanwear-us                         50 → 45
10 restocked in urbanwear-eu                   45 → 55
2 of the 5 refunded and restocked              55 → 57
3 sold in urbanwear-us, 2 in urbanwear-eu at   57 → 52
the same moment
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sandbox.demo.environment import DemoEnvironment
from sandbox.models import StockLogEntry, UnknownId
from sandbox.sample_shops import INITIAL_QUANTITY
from sandbox.shop import Shop

SKU = "SFDJ-M"
JACKET_NAME = "Slim Fit Denim Jacket, size M"
MAX_SECONDS_TO_EQUAL = 15.0  # seconds to equality
POLL_SECONDS = 0.005  # seconds between checks of the stores
STORES = ("eu", "us")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAction:
    """One action of a customer or of the staff in a store."""

    store: str
    verb: str
    delta: int
    words: str
    given: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Actions at one moment, and what each store must show after them."""

    title: str
    actions: tuple[StoreAction, ...]
    shows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownChange:
    """One change of one store's quantity."""

    store: str
    delta: int
    before: int
    after: int
    words: str
    by_tipo: bool
    ms: int  # since the first action


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneResult:
    """How a scene ended."""

    title: str
    should_show: int
    shows: dict[str, int]
    lines: tuple[ShownChange, ...]
    ms: int | None  # from the first action to equality; None if it never came

    @property
    def holds(self) -> bool:
        """Whether both stores show what they must."""
        return self.ms is not None and set(self.shows.values()) == {self.should_show}


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalCount:
    """The totals at the end."""

    started_with: int
    changed_by_people: int
    shows: dict[str, int]
    levels: int
    equal_levels: int

    @property
    def holds(self) -> bool:
        """Whether nothing was lost or invented, of this or of anything else."""
        conserved = {self.started_with + self.changed_by_people} == set(self.shows.values())
        return conserved and self.levels == self.equal_levels


def scenes() -> tuple[Scene, ...]:
    """Return what is played, in order."""
    return (
        Scene(
            title="A customer buys 5 jackets in urbanwear-us",
            actions=(_sale("us", 5),),
            shows=45,
        ),
        Scene(
            title="The warehouse of urbanwear-eu puts 10 more on the shelf",
            actions=(
                StoreAction(
                    store="eu",
                    verb="restock",
                    delta=10,
                    words="restocked",
                    given={"item": SKU, "quantity": 10},
                ),
            ),
            shows=55,
        ),
        Scene(
            title="The customer sends 2 of the 5 back: refunded, and back on sale",
            actions=(
                StoreAction(
                    store="us",
                    verb="refund",
                    delta=2,
                    words="refunded",
                    given={"order": "#2042", "quantity": 2},
                ),
            ),
            shows=57,
        ),
        Scene(
            title="3 are sold in urbanwear-us and 2 in urbanwear-eu, at the same moment",
            actions=(_sale("us", 3), _sale("eu", 2)),
            shows=52,
        ),
    )


def _sale(store: str, quantity: int) -> StoreAction:
    given = {"item": SKU, "quantity": quantity}
    return StoreAction(store=store, verb="sell", delta=-quantity, words="sold", given=given)


async def play(demo: DemoEnvironment, scene: Scene) -> SceneResult:
    """Do what the scene says, and wait until the stores are equal."""
    await _next_second(demo)
    marks = {alias: len(demo.shops[alias].log) for alias in STORES}
    before = quantities_shown(demo)
    async with asyncio.TaskGroup() as group:
        for action in scene.actions:
            group.create_task(demo.perform(action.store, action.verb, action.given))
    equal = await wait_until_equal(demo, SKU, scene.shows)
    entries = [
        (alias, entry) for alias in STORES for entry in demo.shops[alias].log[marks[alias] :]
    ]
    lines = _lines(entries, before, {action.store: action.words for action in scene.actions})
    return SceneResult(
        title=scene.title,
        should_show=scene.shows,
        shows=quantities_shown(demo),
        lines=lines,
        ms=max(each.ms for each in lines) if equal and lines else None,
    )


async def _next_second(demo: DemoEnvironment) -> None:
    """Let the clock's second pass in which Tipo last wrote.

    Stores give times in whole seconds. What happens within the second of Tipo's own write it
    reads again two seconds later, to be sure: right, but in a demo people would wonder.
    """
    if not any(shop.log for shop in demo.shops.values()):
        return
    now = demo.clock.now()
    after = now.replace(microsecond=0) + timedelta(seconds=1.02)
    await demo.clock.sleep((after - now).total_seconds())


async def wait_until_equal(demo: DemoEnvironment, sku: str, quantity: int) -> bool:
    """Wait until both stores show a quantity; whether they do."""
    try:
        async with asyncio.timeout(MAX_SECONDS_TO_EQUAL):
            while set(quantities_shown(demo, sku).values()) != {quantity}:
                await demo.clock.sleep(POLL_SECONDS)
    except TimeoutError:
        return False
    return True


def quantities_shown(demo: DemoEnvironment, sku: str = SKU) -> dict[str, int]:
    """Return what each store shows of the jacket in one size."""
    return {alias: demo.shops[alias].available(sku) for alias in STORES}


def _lines(
    entries: list[tuple[str, StockLogEntry]], before: Mapping[str, int], words: Mapping[str, str]
) -> tuple[ShownChange, ...]:
    """Return the stores' own logs of a scene as lines, in the order of time."""
    entries.sort(key=lambda pair: pair[1].at)
    now = dict(before)
    lines = []
    for alias, entry in entries:
        by_tipo = entry.by == "api"
        lines.append(
            ShownChange(
                store=alias,
                delta=entry.delta,
                before=now[alias],
                after=now[alias] + entry.delta,
                words="Tipo writes" if by_tipo else words.get(alias, entry.what),
                by_tipo=by_tipo,
                ms=round((entry.at - entries[0][1].at).total_seconds() * 1000),
            )
        )
        now[alias] += entry.delta
    return tuple(lines)


def count_up(demo: DemoEnvironment) -> FinalCount:
    """Count up: every level of both stores, and every change that people made."""
    source, other = (demo.shops[alias] for alias in STORES)
    item = {alias: demo.shops[alias].item(SKU).id for alias in STORES}
    people = sum(
        entry.delta
        for alias in STORES
        for entry in demo.shops[alias].log
        if entry.item == item[alias] and entry.by != "api"
    )
    equal = 0
    for level in source.levels():
        with_it = _available(other, level.item.variant.sku)
        equal += with_it == level.available
    return FinalCount(
        started_with=INITIAL_QUANTITY,
        changed_by_people=people,
        shows=quantities_shown(demo),
        levels=len(list(source.levels())),
        equal_levels=equal,
    )


def _available(shop: Shop, sku: str | None) -> int | None:
    if sku is None:
        return None
    try:
        return shop.available(sku)
    except UnknownId:
        return None
