"""Change pack sizes as a person has confirmed it: all that were shown, or none."""

from collections.abc import Sequence
from datetime import datetime

from sync_core.domain.decisions import Effect, Obstacle
from sync_core.domain.pack_sizes import Packing, read_for, repack
from sync_core.domain.proposals import Proposal, Write
from sync_core.domain.quantities import outstanding
from sync_core.domain.suspension import ReadLag
from sync_core.domain.values import Level, LevelId, Outcome, Pool, PoolId
from sync_core.ports import Transaction
from sync_core.proposals import ApprovedProposal
from sync_core.workers.decision_handlers import (
    NUMBERS_CHANGED,
    RETRY_BUSY_SECONDS,
    RETRY_SILENT_SECONDS,
    DecisionResult,
)
from sync_core.workers.level_reader import LevelReadings

Repacked = tuple[Outcome, tuple[Effect, ...]]


def packings_to_json(packings: Sequence[tuple[PoolId, Packing]]) -> dict[str, object]:
    """Return what a person saw as plain JSON."""
    pools = [
        {
            "pool": number,
            "shared": each.shared,
            "saw": {str(level): each.saw[level] for level in each.levels},
        }
        for number, each in packings
    ]
    return {"pools": pools}


def packings_from_json(proposal: Proposal) -> list[tuple[PoolId, Packing]]:
    """Return what a person saw, from what was kept of it."""
    pack = int(str(proposal.facts["pack"]))
    found = []
    for each in list(proposal.facts["pools"]):  # type: ignore[call-overload]
        saw = {LevelId(int(level)): value for level, value in each["saw"].items()}
        packing = Packing(levels=list(saw), pack=pack, saw=saw, shared=each["shared"])
        found.append((PoolId(each["pool"]), packing))
    return found


def levels_to_read(proposal: Proposal, tx: Transaction) -> list[Level]:
    """Return the levels that have to be read before the decision is carried out."""
    wanted = packings_from_json(proposal)
    pools = tx.pools([number for number, _ in wanted])
    return [
        level
        for number, packing in wanted
        if number in pools
        for level in read_for(pools[number], packing.levels)
    ]


def set_pack(
    each: ApprovedProposal, found: LevelReadings, tx: Transaction, now: datetime, read_lag: ReadLag
) -> DecisionResult | float:
    """Change pack sizes; return what came of it, or seconds to wait."""
    wanted = packings_from_json(each.proposal)
    pools = tx.pools([number for number, _ in wanted])
    done: list[Repacked] = []
    writes: list[Write] = []
    for number, packing in wanted:
        did = _repack(pools.get(number), packing, found, now, read_lag)
        if not isinstance(did, tuple):
            return did
        done.append(did)
        writes += _writes(did[0].pool, packing)
    if not set(writes) <= set(each.proposal.options[0].writes):
        return DecisionResult(done=False, why=NUMBERS_CHANGED)
    for outcome, effects in done:
        tx.save_outcomes([outcome], now=now)
        shared = outcome.pool.shared or 0
        for effect in effects:
            tx.save_effect(each.receipt, each.proposal.id, effect, shared, now=now)
    return DecisionResult(done=True, writes=tuple(writes))


def _repack(
    pool: Pool | None, packing: Packing, found: LevelReadings, now: datetime, read_lag: ReadLag
) -> Repacked | DecisionResult | float:
    """Change the pack sizes of one pool, or return why not, or the seconds to wait."""
    if pool is None:
        return DecisionResult(done=False, why="the product isn't synced any more")
    if any(level.key.store in found.silent for level in read_for(pool, packing.levels)):
        return RETRY_SILENT_SECONDS
    did = repack(pool, packing, found.reads, now=now, read_lag=read_lag)
    if did is Obstacle.BUSY:
        return RETRY_BUSY_SECONDS
    if isinstance(did, Obstacle):
        return DecisionResult(done=False, why=explain_obstacle(did, pool, packing, found))
    return did


def _writes(pool: Pool, packing: Packing) -> list[Write]:
    """Return what is written to the levels of a pool by their new pack size."""
    levels = [pool.level(each) for each in packing.levels]
    return [
        Write(store=each.key.store, before=each.book, after=each.book + delta)
        for each in levels
        if each.baselined and each.book is not None and (delta := outstanding(each, pool.shared))
    ]


def explain_obstacle(did: Obstacle, pool: Pool, packing: Packing, found: LevelReadings) -> str:
    """Return why no pack size was changed, in words."""
    levels = {each.id: each for each in pool.levels}
    if did is Obstacle.WITHHELD:
        return "the safety stop has stopped changes of it; decide on these first"
    if did is Obstacle.BUSY:
        return "its stock is changing right now; ask again in a moment"
    if did is Obstacle.UNREADABLE:
        odd = [
            f"{level.key.store} ({level.suspended or 'no reliable number'})"
            for level in read_for(pool, packing.levels)
            if level.suspended or found.values.get(level.id) is None
        ]
        return f"it isn't synced in {', '.join(odd)}; settle that first"
    moved = [
        f"{levels[each].key.store} shows {found.values.get(each)} now, not {value}"
        for each, value in packing.saw.items()
        if each in levels and value is not None and found.values.get(each) != value
    ]
    return "; ".join(moved) or "its stock has changed since you were asked; ask again"
