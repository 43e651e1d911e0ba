"""Pack sizes: how many shared units are in one of a store's own, asked before they are changed."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from sync_core.domain.decisions import Obstacle
from sync_core.domain.pack_sizes import Packing, read_for, repack
from sync_core.domain.proposals import Choice, Option, Person, Proposal, ProposalKind, Write
from sync_core.domain.quantities import outstanding, target_of
from sync_core.domain.values import Alias, Level, LevelId, Mode, Outcome, Pool, PoolId, Role
from sync_core.errors import NotAllowed
from sync_core.ports import Transaction
from sync_core.proposals import Draft
from sync_core.service.commands import QUESTION_OPEN_FOR, ServiceCommands
from sync_core.workers.level_reader import LevelReadings, read_levels
from sync_core.workers.pack_size_changes import explain_obstacle, packings_to_json

MAX_PACK = 100_000  # units; more is taken for a slip


class ServicePacks(ServiceCommands):
    """The part of the service that asks about pack sizes."""

    async def ask_pack(
        self, pool_ids: Sequence[PoolId], pack: int, alias: Alias | None, by: Person
    ) -> Proposal:
        """Return the question whether one of a store's own is to count as so many shared units.

        Args:
            pool_ids: Which pools.
            pack: How many shared units are in one.
            alias: Which store's; None: every destination's.
            by: Who asks.

        Raises:
            NotAllowed: If the number makes no sense, there is nothing to change, or a number that
                it depends on cannot be read now; the message says which.
        """
        if not 1 <= pack <= MAX_PACK:
            raise NotAllowed(f"a pack has 1 to {MAX_PACK:,} units")
        stores = await self._destinations(alias)
        wanted = await self._database.transaction(partial(_wanted, pool_ids, pack, stores))
        levels = [each for pool, some in wanted for each in read_for(pool, some)]
        found = await read_levels(levels, self._stores, self._clock)
        for store, why in found.silent.items():
            raise NotAllowed(f"{store} isn't answering: {why}")
        numbers = {pool.id: some for pool, some in wanted}
        return await self._database.transaction(partial(self._ask_pack, numbers, pack, found, by))

    def _ask_pack(
        self,
        numbers: Mapping[PoolId, Sequence[LevelId]],
        pack: int,
        found: LevelReadings,
        by: Person,
        tx: Transaction,
    ) -> Proposal:
        now = self._clock.now()
        lines: list[dict[str, object]] = []
        writes: list[Write] = []
        packings: list[tuple[PoolId, Packing]] = []
        pools = tx.pools(numbers)
        location_groups = {each.id: each.location_group for each in tx.pool_views(list(numbers))}
        for number, some in numbers.items():
            pool = pools[number]
            saw = {each: found.values.get(each) for each in some}
            packing = Packing(levels=some, pack=pack, saw=saw, shared=pool.shared)
            did = repack(pool, packing, found.reads, now=now)
            if isinstance(did, Obstacle):
                raise NotAllowed(f"{pool.title}: {explain_obstacle(did, pool, packing, found)}")
            for line, write in _lines(pool, did[0], packing):
                lines.append(
                    {**line, "title": pool.title, "place": location_groups.get(number, "")}
                )
                writes += [] if write is None else [write]
            packings.append((number, packing))
        draft = Draft(
            kind=ProposalKind.PACK,
            subject=str(pack),
            title=", ".join(dict.fromkeys(pools[each].title for each in numbers)),
            facts={**packings_to_json(packings), "pack": pack, "lines": lines, "by": by.name},
            options=(
                Option(choice=Choice.CONFIRM, words=f"Use packs of {pack}", writes=tuple(writes)),
            ),
            recommended=Choice.CONFIRM,
        )
        token = self._ids.new()
        tx.propose([(draft, token)], report=None, now=now, expires_at=now + QUESTION_OPEN_FOR)
        made = tx.proposal(token)
        if made is None:  # the line above has just made it
            raise NotAllowed("the question is no longer open; ask again")
        return made


def _wanted(
    numbers: Sequence[PoolId], pack: int, stores: Sequence[Alias], tx: Transaction
) -> list[tuple[Pool, list[LevelId]]]:
    """Return the pools with those of their levels whose pack size would be another.

    Raises:
        NotAllowed: If there are none.
    """
    pools = tx.pools(numbers)
    theirs = [each for pool in pools.values() for each in pool.levels if each.key.store in stores]
    if not theirs:
        raise NotAllowed(f"it isn't synced with {', '.join(stores) or 'any destination'}")
    others = {each.id for each in theirs if each.pack != pack}
    if not others:
        raise NotAllowed(f"the pack size is {pack} already in {', '.join(stores)}")
    found = [
        (pool, [each.id for each in pool.levels if each.id in others]) for pool in pools.values()
    ]
    return [(pool, some) for pool, some in found if some]


def _lines(
    before: Pool, outcome: Outcome, packing: Packing
) -> Iterator[tuple[dict[str, object], Write | None]]:
    """Yield what becomes of each level, for people, and what would be written to it."""
    for number in packing.levels:
        level = outcome.pool.level(number)
        delta = outstanding(level, outcome.pool.shared) if level.baselined else 0
        expected = _expected(outcome.pool, level)
        what = "write" if delta else "fits" if level.baselined else "differs"
        line: dict[str, object] = {
            "store": level.key.store,
            "was": before.level(number).pack,
            "shows": packing.saw[number],
            "expected": expected,
            "what": "off" if level.mode is Mode.OFF else what,
        }
        if not delta or level.book is None:
            yield line, None
        else:
            write = Write(store=level.key.store, before=level.book, after=level.book + delta)
            yield line, write


def _expected(pool: Pool, level: Level) -> int | None:
    """Return what a level should show: by its pool, or by its source where nothing is agreed."""
    source = next((each for each in pool.levels if each.role is Role.SOURCE), None)
    shared = pool.shared if source is None or pool.shared is not None else source.book
    return None if shared is None or level.mode is Mode.OFF else target_of(level, shared)
