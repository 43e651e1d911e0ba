"""Questions that come before a change: a mode, an undo, pack sizes. Each is bound to numbers.

Whoever asks is shown what would be written, and confirms within minutes. If the numbers have moved
by then, nothing is written.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from sync_core.domain.decisions import Effect, Obstacle
from sync_core.domain.pack_sizes import Packing, read_for, repack
from sync_core.domain.proposals import (
    Choice,
    Option,
    PackFacts,
    Person,
    Proposal,
    ProposalKind,
    Receipt,
    Report,
    ReportFacts,
    ReportKind,
    Write,
)
from sync_core.domain.quantities import outstanding, target_of
from sync_core.domain.shadow import shadow_after
from sync_core.domain.values import Alias, Level, LevelId, Mode, Outcome, Pool, PoolId, Role
from sync_core.errors import NotAllowed
from sync_core.ports import Draft, ReportRequest, Transaction
from sync_core.service.commands import QUESTION_OPEN_FOR, ServiceCommands
from sync_core.service.writing import refuse_in_shadow
from sync_core.stored import to_plain
from sync_core.workers.decider import try_undo
from sync_core.workers.quantity_decisions import explain_obstacle, pending_writes, pools_to_repack
from sync_core.workers.refresher import LevelReadings, read_levels

MAX_PACK = 100_000  # units; more is taken for a slip
MAX_WRITES_KEPT = 100  # that the question before an undo keeps; it names fewer


class ServiceQuestions(ServiceCommands):
    """The part of the service that asks before it changes anything."""

    async def ask_mode(
        self, mode: Mode, alias: Alias | None, by: Person, reply: str, *, shadow: bool = False
    ) -> Report:
        """Begin a preflight: compare the stores, then ask for a confirmation.

        Raises:
            NotAllowed: If there is no such destination, or all are in that mode already; if shadow
                mode is in the way, or Tipo may not write to a store.
        """
        wanted = await self._destinations(alias)
        states, overview = await self.stores(), await self.overview()
        before = {each.alias: each.mode for each in states if each.alias in wanted}
        others = {each.alias: each.mode for each in states if each.role is not Role.SOURCE}
        is_on = overview.shadow is not None
        after = shadow_after(mode, wanted, others, wanted=shadow, is_on=is_on)
        if not wanted or (after is is_on and all(was is mode for was in before.values())):
            raise NotAllowed(f"the mode is {mode} already, for {', '.join(wanted) or 'no store'}")
        if not shadow:
            await self._require_write_scope(mode, wanted)
        facts = ReportFacts(
            mode=mode,
            shadow=shadow,
            ends_shadow=is_on and not after,
            source=next(each.alias for each in states if each.role is Role.SOURCE),
            alias=alias,
            before=before,
            reply=reply,
            person=by,
        )
        asked = ReportRequest(
            kind=ReportKind.PREFLIGHT, token=self._ids.new(), by=by.name, facts=facts
        )
        report, is_new = await self._request_report(asked)
        if not is_new:
            raise NotAllowed(
                f"the stores are being compared right now ({report.kind}); ask again in a moment"
            )
        return report

    async def ask_undo(self, receipt_id: int, by: Person) -> Proposal:
        """Return the question whether to take back what a receipt did.

        Raises:
            NotAllowed: If it cannot be taken back; the message says why.
        """
        return await self._transaction(partial(self._ask_undo, receipt_id, by))

    def _ask_undo(self, receipt: int, by: Person, tx: Transaction) -> Proposal:
        now = self._clock.now()
        refuse_in_shadow(tx, ProposalKind.UNDO, [Choice.CONFIRM])
        effects = tx.receipts.effects(receipt)
        _refuse_undo(receipt, tx.receipts.get(receipt), effects)
        writes, reasons = _would_undo(tx, effects, now)
        if len(reasons) == len(effects):
            raise NotAllowed("; ".join(reasons))
        option = Option(
            choice=Choice.CONFIRM,
            words=f"Undo receipt {receipt}",
            writes=tuple(writes[:MAX_WRITES_KEPT]),
        )
        draft = Draft(
            kind=ProposalKind.UNDO,
            subject=str(receipt),
            title=f"receipt {receipt}",
            facts={
                "receipt": receipt,
                "pools": len(effects),
                "cannot": reasons[:MAX_WRITES_KEPT],
                "writes": len(writes),
                "by": by.name,
            },
            options=(option,),
            recommended=Choice.CONFIRM,
        )
        return self._propose(tx, draft, now)

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
        wanted = await self._transaction(partial(_wanted, pool_ids, pack, stores))
        levels = [each for pool, some in wanted for each in read_for(pool, some)]
        found = await read_levels(levels, self._stores, self._clock)
        for store, why in found.silent.items():
            raise NotAllowed(f"{store} isn't answering: {why}")
        numbers = {pool.id: some for pool, some in wanted}
        return await self._transaction(partial(self._ask_pack, numbers, pack, found, by))

    def _ask_pack(
        self,
        numbers: Mapping[PoolId, Sequence[LevelId]],
        pack: int,
        found: LevelReadings,
        by: Person,
        tx: Transaction,
    ) -> Proposal:
        now = self._clock.now()
        refuse_in_shadow(tx, ProposalKind.PACK, [Choice.CONFIRM])
        pools = tx.stock.pools(numbers)
        location_groups = {
            each.id: each.location_group for each in tx.views.pool_views(list(numbers))
        }
        lines: list[dict[str, object]] = []
        writes: list[Write] = []
        packings: list[tuple[PoolId, Packing]] = []
        for number, some in numbers.items():
            pool = pools[number]
            packing, outcome = _repacked(pool, some, pack, found, now)
            packings.append((number, packing))
            place = {"title": pool.title, "place": location_groups.get(number, "")}
            for line, write in _lines(pool, outcome, packing):
                lines.append({**line, **place})
                writes += [] if write is None else [write]
        facts = PackFacts(pack=pack, pools=pools_to_repack(packings))
        option = Option(choice=Choice.CONFIRM, words=f"Use packs of {pack}", writes=tuple(writes))
        draft = Draft(
            kind=ProposalKind.PACK,
            subject=str(pack),
            title=", ".join(dict.fromkeys(pools[each].title for each in numbers)),
            facts={**to_plain(facts), "lines": lines, "by": by.name},
            options=(option,),
            recommended=Choice.CONFIRM,
        )
        return self._propose(tx, draft, now)

    def _propose(self, tx: Transaction, draft: Draft, now: datetime) -> Proposal:
        """Keep a question, and return it as it is asked."""
        token = self._ids.new()
        tx.proposals.propose(
            [(draft, token)], report=None, now=now, expires_at=now + QUESTION_OPEN_FOR
        )
        made = tx.proposals.by_token(token)
        if made is None:  # the line above has just made it
            raise NotAllowed("the question is no longer open; ask again")
        return made


# -- undo
def _refuse_undo(number: int, receipt: Receipt | None, effects: Sequence[Effect]) -> None:
    """Raise NotAllowed if there is nothing that a receipt could take back."""
    if receipt is None:
        raise NotAllowed(f"there is no receipt {number}")
    if receipt.running:
        raise NotAllowed(f"receipt {number} is still being applied; ask again in a moment")
    if receipt.undone_by is not None:
        raise NotAllowed(f"receipt {number} was undone already, by {receipt.undone_by}")
    if not effects:
        raise NotAllowed(f"receipt {number} moved no stock, so there is nothing to undo")


def _would_undo(
    tx: Transaction, effects: Sequence[Effect], now: datetime
) -> tuple[list[Write], list[str]]:
    """Return what taking effects back would write, and why some cannot be taken back."""
    writes: list[Write] = []
    reasons: list[str] = []
    pools = tx.stock.pools(each.pool for each in effects)
    for effect in effects:
        did = try_undo(effect, pools[effect.pool], tx, now=now)
        if isinstance(did, str):
            reasons.append(did)
        else:
            writes += pending_writes(did[0].pool)
    return writes, reasons


# -- pack sizes
def _repacked(
    pool: Pool, levels: Sequence[LevelId], pack: int, found: LevelReadings, now: datetime
) -> tuple[Packing, Outcome]:
    """Return what another pack size of these levels means, and what would become of the pool.

    Raises:
        NotAllowed: If it cannot be changed now.
    """
    saw = {each: found.values.get(each) for each in levels}
    packing = Packing(levels=levels, pack=pack, saw=saw, shared=pool.shared)
    did = repack(pool, packing, found.reads, now=now)
    if isinstance(did, Obstacle):
        raise NotAllowed(f"{pool.title}: {explain_obstacle(did, pool, packing, found)}")
    return packing, did[0]


def _wanted(
    numbers: Sequence[PoolId], pack: int, stores: Sequence[Alias], tx: Transaction
) -> list[tuple[Pool, list[LevelId]]]:
    """Return the pools with those of their levels whose pack size would be another.

    Raises:
        NotAllowed: If there are none.
    """
    pools = tx.stock.pools(numbers)
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
