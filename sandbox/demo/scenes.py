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

from sandbox.demo.stage import Stage
from sandbox.goods import Entry, NoSuchThing
from sandbox.shop import Shop
from sandbox.world import QUANTITY

SKU = "SFDJ-M"
NAME = "Slim Fit Denim Jacket, size M"
PATIENCE = 15.0  # seconds to equality
ROUND = 0.005  # seconds between looks at the stores
STORES = ("eu", "us")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something that a customer or the staff does in a store."""

    store: str
    verb: str
    delta: int
    words: str
    given: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Deeds at one moment, and what each store must show after them."""

    title: str
    deeds: tuple[Deed, ...]
    shows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One change of one store's quantity."""

    store: str
    delta: int
    before: int
    after: int
    words: str
    by_tipo: bool
    ms: int  # since the first deed


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What became of a scene."""

    title: str
    should_show: int
    shows: dict[str, int]
    lines: tuple[Line, ...]
    ms: int | None  # from the first deed to equality; None if it never came

    @property
    def holds(self) -> bool:
        """Whether both stores show what they must."""
        return self.ms is not None and set(self.shows.values()) == {self.should_show}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What stands at the end of all."""

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
            deeds=(_sale("us", 5),),
            shows=45,
        ),
        Scene(
            title="The warehouse of urbanwear-eu puts 10 more on the shelf",
            deeds=(
                Deed(
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
            deeds=(
                Deed(
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
            deeds=(_sale("us", 3), _sale("eu", 2)),
            shows=52,
        ),
    )


def _sale(store: str, quantity: int) -> Deed:
    given = {"item": SKU, "quantity": quantity}
    return Deed(store=store, verb="sell", delta=-quantity, words="sold", given=given)


async def play(stage: Stage, scene: Scene) -> Played:
    """Do what the scene says, and wait until the stores are equal."""
    await _next_second(stage)
    marks = {alias: len(stage.shops[alias].log) for alias in STORES}
    before = shown(stage)
    async with asyncio.TaskGroup() as group:
        for deed in scene.deeds:
            group.create_task(stage.act(deed.store, deed.verb, deed.given))
    equal = await become_equal(stage, SKU, scene.shows)
    entries = [
        (alias, entry) for alias in STORES for entry in stage.shops[alias].log[marks[alias] :]
    ]
    lines = _lines(entries, before, {deed.store: deed.words for deed in scene.deeds})
    return Played(
        title=scene.title,
        should_show=scene.shows,
        shows=shown(stage),
        lines=lines,
        ms=max(each.ms for each in lines) if equal and lines else None,
    )


async def _next_second(stage: Stage) -> None:
    """Let the clock's second pass in which Tipo last wrote.

    Stores tell times in whole seconds. What happens within the second of Tipo's own write it
    reads again two seconds later, to be sure: right, but in a demo people would wonder.
    """
    if not any(shop.log for shop in stage.shops.values()):
        return
    now = stage.clock.now()
    after = now.replace(microsecond=0) + timedelta(seconds=1.02)
    await stage.clock.sleep((after - now).total_seconds())


async def become_equal(stage: Stage, sku: str, quantity: int) -> bool:
    """Wait until both stores show a quantity; whether they do."""
    try:
        async with asyncio.timeout(PATIENCE):
            while set(shown(stage, sku).values()) != {quantity}:
                await stage.clock.sleep(ROUND)
    except TimeoutError:
        return False
    return True


def shown(stage: Stage, sku: str = SKU) -> dict[str, int]:
    """Return what each store shows of the jacket in one size."""
    return {alias: stage.shops[alias].available(sku) for alias in STORES}


def _lines(
    entries: list[tuple[str, Entry]], before: Mapping[str, int], words: Mapping[str, str]
) -> tuple[Line, ...]:
    """Return the stores' own logs of a scene as lines, in the order of time."""
    entries.sort(key=lambda pair: pair[1].at)
    now = dict(before)
    lines = []
    for alias, entry in entries:
        by_tipo = entry.by == "api"
        lines.append(
            Line(
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


def end(stage: Stage) -> Ending:
    """Count up: every level of both stores, and every change that people made."""
    source, other = (stage.shops[alias] for alias in STORES)
    item = {alias: stage.shops[alias].item(SKU).id for alias in STORES}
    people = sum(
        entry.delta
        for alias in STORES
        for entry in stage.shops[alias].log
        if entry.item == item[alias] and entry.by != "api"
    )
    equal = 0
    for level in source.levels():
        with_it = _available(other, level.item.variant.sku)
        equal += with_it == level.available
    return Ending(
        started_with=QUANTITY,
        changed_by_people=people,
        shows=shown(stage),
        levels=len(list(source.levels())),
        equal_levels=equal,
    )


def _available(shop: Shop, sku: str | None) -> int | None:
    if sku is None:
        return None
    try:
        return shop.available(sku)
    except NoSuchThing:
        return None
