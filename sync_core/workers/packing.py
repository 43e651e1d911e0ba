"""Change pack sizes as a person has confirmed it: all that were shown, or none."""

from collections.abc import Sequence
from datetime import datetime

from sync_core.domain.decide import Effect, Obstacle
from sync_core.domain.proposals import Proposal, Write
from sync_core.domain.repack import Packing, read_for, repack
from sync_core.domain.shown import owed
from sync_core.domain.suspend import Patience
from sync_core.domain.values import Level, LevelId, Outcome, Pool, PoolId
from sync_core.papers import Approved
from sync_core.ports import Ledger
from sync_core.workers.carrying_out import LATER, NOT_AS_SHOWN, SOON, Result
from sync_core.workers.reading import Found

Repacked = tuple[Outcome, tuple[Effect, ...]]


def kept(packings: Sequence[tuple[PoolId, Packing]]) -> dict[str, object]:
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


def packings_of(proposal: Proposal) -> list[tuple[PoolId, Packing]]:
    """Return what a person saw, from what was kept of it."""
    pack = int(str(proposal.facts["pack"]))
    found = []
    for each in list(proposal.facts["pools"]):  # type: ignore[call-overload]
        saw = {LevelId(int(level)): value for level, value in each["saw"].items()}
        packing = Packing(levels=list(saw), pack=pack, saw=saw, shared=each["shared"])
        found.append((PoolId(each["pool"]), packing))
    return found


def levels_to_read(proposal: Proposal, ledger: Ledger) -> list[Level]:
    """Return the levels that have to be read before the decision is carried out."""
    wanted = packings_of(proposal)
    pools = ledger.pools([number for number, _ in wanted])
    return [
        level
        for number, packing in wanted
        if number in pools
        for level in read_for(pools[number], packing.levels)
    ]


def set_pack(
    each: Approved, found: Found, ledger: Ledger, now: datetime, patience: Patience
) -> Result | float:
    """Change pack sizes; return what came of it, or seconds to wait."""
    wanted = packings_of(each.proposal)
    pools = ledger.pools([number for number, _ in wanted])
    done: list[Repacked] = []
    writes: list[Write] = []
    for number, packing in wanted:
        did = _repack(pools.get(number), packing, found, now, patience)
        if not isinstance(did, tuple):
            return did
        done.append(did)
        writes += _writes(did[0].pool, packing)
    if not set(writes) <= set(each.proposal.options[0].writes):
        return Result(done=False, why=NOT_AS_SHOWN)
    for outcome, effects in done:
        ledger.save([outcome], now=now)
        shared = outcome.pool.shared or 0
        for effect in effects:
            ledger.save_effect(each.receipt, each.proposal.id, effect, shared, now=now)
    return Result(done=True, writes=tuple(writes))


def _repack(
    pool: Pool | None, packing: Packing, found: Found, now: datetime, patience: Patience
) -> Repacked | Result | float:
    """Change the pack sizes of one pool, or return why not, or the seconds to wait."""
    if pool is None:
        return Result(done=False, why="the product shares its stock no more")
    if any(level.spot.store in found.silent for level in read_for(pool, packing.levels)):
        return LATER
    did = repack(pool, packing, found.reads, now=now, patience=patience)
    if did is Obstacle.BUSY:
        return SOON
    if isinstance(did, Obstacle):
        return Result(done=False, why=why_not(did, pool, packing, found))
    return did


def _writes(pool: Pool, packing: Packing) -> list[Write]:
    """Return what is written to the levels of a pool by their new pack size."""
    levels = [pool.level(each) for each in packing.levels]
    return [
        Write(store=each.spot.store, before=each.book, after=each.book + delta)
        for each in levels
        if each.met and each.book is not None and (delta := owed(each, pool.shared))
    ]


def why_not(did: Obstacle, pool: Pool, packing: Packing, found: Found) -> str:
    """Return why no pack size was changed, in words."""
    levels = {each.id: each for each in pool.levels}
    if did is Obstacle.HELD:
        return "the safety stop has stopped changes of it; decide on these first"
    if did is Obstacle.BUSY:
        return "its stock is moving right now; ask again in a moment"
    if did is Obstacle.UNREADABLE:
        odd = [
            f"{level.spot.store} ({level.suspended or 'no number that can be believed'})"
            for level in read_for(pool, packing.levels)
            if level.suspended or found.values.get(level.id) is None
        ]
        return f"it isn't synced in {', '.join(odd)}; settle that first"
    moved = [
        f"{levels[each].spot.store} shows {found.values.get(each)} now, not {value}"
        for each, value in packing.saw.items()
        if each in levels and value is not None and found.values.get(each) != value
    ]
    return "; ".join(moved) or "its stock has changed since you were asked; ask again"
