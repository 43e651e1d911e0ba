"""Decisions about numbers: their levels are read by id first, and a number that moved stops them.

    the proposal             is carried out by
    -----------------------  ---------------------------------------------------------
    a fix with a quantity    decide(): what the pool agrees on, and what is written
    a pack size              repack(): for all products that were shown, or for none

Each result is one of three: it is done; nothing was done, and why; or seconds to wait.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from sync_core.domain.audit import is_stopped
from sync_core.domain.decisions import (
    SAFETY_STOP_FIRST,
    DecisionReading,
    Effect,
    Obstacle,
    PoolDecision,
    decide,
    participants,
)
from sync_core.domain.pack_sizes import Packing, read_for, repack
from sync_core.domain.proposals import (
    Choice,
    DecisionResult,
    LevelFacts,
    Option,
    PackFacts,
    PoolToRepack,
    Proposal,
    ProposalKind,
    Write,
)
from sync_core.domain.quantities import outstanding, shared_by
from sync_core.domain.suspension import ReadLag
from sync_core.domain.values import Level, LevelId, Outcome, Pool, PoolId
from sync_core.errors import UnreadableValue
from sync_core.ports import ApprovedProposal, Transaction
from sync_core.stored import from_plain
from sync_core.workers.refresher import LevelReadings

NOT_SYNCED = "the product isn't synced any more"
RETRY_BUSY_SECONDS = 2.0  # seconds until a level that was busy is read again
RETRY_SILENT_SECONDS = 10.0  # seconds until a store that was silent is asked again
NUMBERS_CHANGED = "the numbers have changed since you were asked"
QUANTITIES = {
    Choice.ACCEPT,
    Choice.USE_SOURCE,
    Choice.USE_DESTINATION,
    Choice.USE_LOWER,
    Choice.USE_NUMBER,
    Choice.KEEP,
    Choice.RETRY,
}

Repacked = tuple[Outcome, tuple[Effect, ...]]


def levels_to_read(wanted: Sequence[ApprovedProposal], tx: Transaction) -> list[Level]:
    """Return the levels that have to be read before decisions are carried out."""
    numbers: list[LevelId] = []
    found: dict[LevelId, Level] = {}
    for each in wanted:
        with suppress(UnreadableValue):  # it is told of when it is carried out, and only it
            if each.proposal.kind is ProposalKind.FIX and each.proposal.choice in QUANTITIES:
                numbers.append(level_of(each.proposal))
            elif each.proposal.kind is ProposalKind.PACK:
                found |= {level.id: level for level in _levels_to_repack(each.proposal, tx)}
    for level, pool in tx.stock.pools_of(numbers).items():
        found |= {each.id: each for each in participants(pool, level)}
    return list(found.values())


def _levels_to_repack(proposal: Proposal, tx: Transaction) -> list[Level]:
    wanted = _packings(proposal)
    pools = tx.stock.pools([number for number, _ in wanted])
    return [
        level
        for number, packing in wanted
        if number in pools
        for level in read_for(pools[number], packing.levels)
    ]


# -- a quantity
def set_quantity(
    each: ApprovedProposal,
    found: LevelReadings,
    settled: set[int],
    tx: Transaction,
    now: datetime,
    read_lag: ReadLag,
) -> DecisionResult | float:
    """Settle what a pool agrees on; `settled`, the pools of this very commit, grows by it."""
    number = level_of(each.proposal)
    pool = _pool_of(number, tx, now)
    if pool is None:
        return DecisionResult(done=False, why=NOT_SYNCED)
    part = participants(pool, number)
    if any(level.key.store in found.silent for level in part):
        return RETRY_SILENT_SECONDS
    is_asked = tx.breaker.asks_about(pool.id)
    chosen = (
        SAFETY_STOP_FIRST if is_asked else _choice_in_numbers(each, pool, again=pool.id in settled)
    )
    if isinstance(chosen, str):
        return DecisionResult(done=False, why=chosen)
    reads = found.reads
    if pool.id in settled:  # what this very commit has done to it is no news
        reads = _as_of(now + read_lag.settling, reads, part)
    did = decide(pool, chosen, reads, now=now, read_lag=read_lag)
    if isinstance(did, Obstacle):
        return _nothing_done(did, pool, chosen, found)
    # Another finding of this pool, settled just now, may have brought in a level of its own.
    before = {each.id: found.values.get(each.id) for each in part if each.id in chosen.saw}
    result = _save(each, did, before, tx, now)
    if result.done:
        settled.add(pool.id)
    return result


def _as_of(
    began: datetime, reads: Mapping[LevelId, DecisionReading], levels: Sequence[Level]
) -> dict[LevelId, DecisionReading]:
    """Return the readings of levels as if they had been made then, of the levels as they are."""
    return {
        level.id: replace(reads[level.id], version=level.version, began=began)
        for level in levels
        if level.id in reads
    }


def _pool_of(number: LevelId, tx: Transaction, now: datetime) -> Pool | None:
    """Return the pool of a level; one whose books don't add up waits for no write that is lost."""
    pool = tx.stock.pools_of([number]).get(number)
    if pool is None or not is_stopped(pool):
        return pool
    tx.audit.close_orphaned(pool.id, now=now)
    return tx.stock.pools([pool.id])[pool.id]


def level_of(proposal: Proposal) -> LevelId:
    """Return the level that a fix is about."""
    return from_plain(proposal.facts, LevelFacts).level


def _choice_in_numbers(each: ApprovedProposal, pool: Pool, *, again: bool) -> PoolDecision | str:
    """Return what a person chose, in numbers; or why it is nothing that can be done."""
    proposal = each.proposal
    option = proposal.option(proposal.choice)
    if option is None:
        return "that wasn't one of the choices"
    target = _target_of(each, option)
    if target is None and proposal.choice is Choice.USE_NUMBER:
        return "no number was given"
    settled = target if target is not None else option.target
    facts = from_plain(proposal.facts, LevelFacts)
    level = pool.level(facts.level)
    buffer = None
    if proposal.choice is Choice.KEEP and target is not None:
        buffer = target - shared_by(level, facts.saw.get(level.id) or 0, target) + level.buffer
    return PoolDecision(
        level=level.id,
        target=target,
        buffer=buffer,
        saw=facts.saw,
        # Two findings of one pool, settled together: the first has moved it to the same target.
        shared=pool.shared if again and pool.shared == settled else facts.shared,
    )


def _target_of(each: ApprovedProposal, option: Option) -> int | None:
    if option.choice is Choice.USE_NUMBER:
        return each.number
    return None if option.choice is Choice.ACCEPT else option.target


def _nothing_done(
    did: Obstacle, pool: Pool, chosen: PoolDecision, found: LevelReadings
) -> DecisionResult | float:
    """Return why a decision came to nothing, or the seconds after which it may be possible."""
    if did is Obstacle.BUSY:
        return RETRY_BUSY_SECONDS
    again = chosen.level if did is Obstacle.MOVED else None
    return DecisionResult(done=False, why=_why_not(did, pool, chosen, found), again=again)


def _why_not(did: Obstacle, pool: Pool, chosen: PoolDecision, found: LevelReadings) -> str:
    """Return why nothing was written, in words."""
    stores = {each.id: each.key.store for each in pool.levels}
    if did is Obstacle.WITHHELD:
        return SAFETY_STOP_FIRST
    if did is Obstacle.UNREADABLE:
        odd = [store for level, store in stores.items() if found.values.get(level, 0) is None]
        return f"{', '.join(odd) or 'a store'} shows no reliable number"
    moved = [
        f"{stores[level]} shows {found.values.get(level)} now, not {value}"
        for level, value in chosen.saw.items()
        if level in stores and found.values.get(level) != value
    ]
    return "; ".join(moved) or f"the stock has changed: it is {pool.shared} now"


def _writes(pool: Pool, before: Mapping[LevelId, int | None]) -> tuple[Write, ...]:
    """Return what is written to the levels of a pool by a decision."""
    return tuple(
        Write(store=each.key.store, before=before[each.id], after=each.book + delta)
        for each in pool.levels
        if each.id in before and each.book is not None and (delta := outstanding(each, pool.shared))
    )


def _save(
    each: ApprovedProposal,
    did: tuple[Outcome, Effect],
    before: Mapping[LevelId, int | None],
    tx: Transaction,
    now: datetime,
) -> DecisionResult:
    """Keep what a decision does, if it writes the numbers that were shown."""
    outcome, effect = did
    proposal = each.proposal
    writes = _writes(outcome.pool, before)
    if not _are_as_shown(proposal, writes):  # a buffer was set meanwhile, for one
        return DecisionResult(done=False, why=NUMBERS_CHANGED, again=level_of(proposal))
    tx.stock.save_outcomes([outcome], now=now)
    tx.receipts.save_effect(each.receipt, proposal.id, effect, outcome.pool.shared or 0, now=now)
    if proposal.finding is not None:
        tx.findings.close([proposal.finding], now=now)
    return DecisionResult(done=True, moved=effect.moved, writes=writes)


def _are_as_shown(proposal: Proposal, writes: Sequence[Write]) -> bool:
    """Whether no number is written that was not on the button; a number entered shows none."""
    option = proposal.option(proposal.choice)
    if option is None or option.choice is Choice.USE_NUMBER:
        return True
    return all(each in option.writes for each in writes)


# -- pack sizes
def pools_to_repack(packings: Sequence[tuple[PoolId, Packing]]) -> tuple[PoolToRepack, ...]:
    """Return what a person saw, as it is kept."""
    return tuple(
        PoolToRepack(
            pool=number, shared=each.shared, saw={level: each.saw[level] for level in each.levels}
        )
        for number, each in packings
    )


def _packings(proposal: Proposal) -> list[tuple[PoolId, Packing]]:
    """Return what a person saw, from what was kept of it."""
    facts = from_plain(proposal.facts, PackFacts)
    return [
        (
            each.pool,
            Packing(levels=list(each.saw), pack=facts.pack, saw=each.saw, shared=each.shared),
        )
        for each in facts.pools
    ]


def set_pack(
    each: ApprovedProposal, found: LevelReadings, tx: Transaction, now: datetime, read_lag: ReadLag
) -> DecisionResult | float:
    """Change pack sizes; return what came of it, or seconds to wait."""
    wanted = _packings(each.proposal)
    pools = tx.stock.pools([number for number, _ in wanted])
    done: list[Repacked] = []
    writes: list[Write] = []
    for number, packing in wanted:
        did = _repack(pools.get(number), packing, found, now, read_lag)
        if not isinstance(did, tuple):
            return did
        done.append(did)
        writes += _pack_writes(did[0].pool, packing)
    if not set(writes) <= set(each.proposal.options[0].writes):
        return DecisionResult(done=False, why=NUMBERS_CHANGED)
    for outcome, effects in done:
        tx.stock.save_outcomes([outcome], now=now)
        shared = outcome.pool.shared or 0
        for effect in effects:
            tx.receipts.save_effect(each.receipt, each.proposal.id, effect, shared, now=now)
    return DecisionResult(done=True, writes=tuple(writes))


def _repack(
    pool: Pool | None, packing: Packing, found: LevelReadings, now: datetime, read_lag: ReadLag
) -> Repacked | DecisionResult | float:
    """Change the pack sizes of one pool, or return why not, or the seconds to wait."""
    if pool is None:
        return DecisionResult(done=False, why=NOT_SYNCED)
    if any(level.key.store in found.silent for level in read_for(pool, packing.levels)):
        return RETRY_SILENT_SECONDS
    did = repack(pool, packing, found.reads, now=now, read_lag=read_lag)
    if did is Obstacle.BUSY:
        return RETRY_BUSY_SECONDS
    if isinstance(did, Obstacle):
        return DecisionResult(done=False, why=explain_obstacle(did, pool, packing, found))
    return did


def _pack_writes(pool: Pool, packing: Packing) -> list[Write]:
    """Return what is written to the levels of a pool by their new pack size."""
    changed = [pool.level(each) for each in packing.levels]
    return pending_writes(pool.with_levels(each for each in changed if each.baselined))


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


def pending_writes(pool: Pool) -> list[Write]:
    """Return what is going to be written to the levels of a pool."""
    return [
        Write(store=each.key.store, before=each.book, after=each.book + delta)
        for each in pool.levels
        if each.book is not None and (delta := outstanding(each, pool.shared))
    ]
