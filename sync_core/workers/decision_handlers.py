"""Decisions that need no reading: a mode, an undo, a link, a safety stop. One commit each."""

from collections.abc import Sequence
from datetime import datetime

from sync_core.clock import Ids
from sync_core.domain.contests import contested, pool_of, resume
from sync_core.domain.decisions import SAFETY_STOP_FIRST, Effect, undo
from sync_core.domain.location_groups import NewPool, PoolAssignment
from sync_core.domain.proposals import (
    Choice,
    DecisionResult,
    Proposal,
    ReportFacts,
    ReportKind,
    Write,
)
from sync_core.domain.quantities import outstanding
from sync_core.domain.values import (
    Alias,
    Event,
    LevelKey,
    Mode,
    Outcome,
    Pool,
    PoolId,
    Role,
)
from sync_core.ports import ApprovedProposal, ReportRequest, Transaction
from sync_core.workers.outcomes import recheck_oversold
from sync_core.workers.proposal_facts import (
    LinkFacts,
    ModeFacts,
    SubjectFacts,
    UndoFacts,
    facts_of,
)

BREAKER_IS_OVER = "the safety stop is over: nothing is left to decide"
POOLS_PER_QUERY = 500  # pools read in one query

RETRY_BUSY_SECONDS = 2.0  # seconds until a level that was busy is read again
RETRY_SILENT_SECONDS = 10.0  # seconds until a store that was silent is asked again
NUMBERS_CHANGED = "the numbers have changed since you were asked"


def change_mode(proposal: Proposal, tx: Transaction, ids: Ids, now: datetime) -> DecisionResult:
    """Change the mode of the connections that were shown, if they still are in those modes."""
    facts = facts_of(proposal, ModeFacts)
    modes = {each.alias: each.mode for each in tx.stores.all() if each.role is not Role.SOURCE}
    other = [alias for alias, was in facts.before.items() if modes.get(alias) is not was]
    if other:
        return DecisionResult(done=False, why=f"the mode of {', '.join(other)} has changed since")
    by = proposal.by.name if proposal.by is not None else ""
    changed = [alias for alias, was in facts.before.items() if was is not facts.mode]
    request_baselines(tx, changed, facts.mode, by=by, token=ids.new(), now=now)
    return DecisionResult(done=True)


def request_baselines(
    tx: Transaction, stores: Sequence[Alias], mode: Mode, *, by: str, token: str, now: datetime
) -> None:
    """Change the mode of stores; where it is not off, a report follows when all have met."""
    for alias in stores:
        with recheck_oversold(tx, alias, now=now):  # without this store, it may be a pre-sale
            tx.baselines.request(alias, mode, by=by, now=now)
    if not stores:
        return
    facts: dict[str, str | int | float | bool | None] = {
        "mode": mode.value,
        "stores": ", ".join(stores),
        "by": by,
    }
    if mode is not Mode.OFF:
        kept = ReportFacts(stores=tuple(stores), mode=mode)
        request = ReportRequest(kind=ReportKind.BASELINE, token=token, by=by, facts=kept)
        facts["report"], _ = tx.reports.request(request, now=now)
    tx.notifications.notify_once([Event(kind="mode", subject="mode", facts=facts)], now=now)


def undo_receipt(each: ApprovedProposal, tx: Transaction, now: datetime) -> DecisionResult:
    """Take back what a receipt did, pool by pool, as deltas."""
    effects = tx.receipts.effects(facts_of(each.proposal, UndoFacts).receipt)
    why: list[str] = []
    writes: list[Write] = []
    moved = 0
    pools = pools_of_effects(tx, effects)
    for effect in effects:
        again = effect.pool not in pools  # this very commit has changed it
        pool = tx.stock.pools([effect.pool])[effect.pool] if again else pools.pop(effect.pool)
        did = try_undo(effect, pool, tx, now=now)
        if isinstance(did, str):
            why.append(did)
            continue
        outcome, inverse = did
        tx.stock.save_outcomes([outcome], now=now)
        shared = outcome.pool.shared or 0
        tx.receipts.save_effect(each.receipt, each.proposal.id, inverse, shared, now=now)
        moved += inverse.moved
        writes += pending_writes(outcome.pool)
    return DecisionResult(
        done=len(why) < len(effects), why="; ".join(why), moved=moved, writes=tuple(writes)
    )


def try_undo(
    effect: Effect, pool: Pool, tx: Transaction, *, now: datetime
) -> tuple[Outcome, Effect] | str:
    """Return what taking back one effect comes to, or why it cannot be; nothing is kept."""
    did = SAFETY_STOP_FIRST if tx.breaker.asks_about(pool.id) else undo(pool, effect, now=now)
    return f"{pool.title}: {did}" if isinstance(did, str) else did


def pools_of_effects(tx: Transaction, effects: Sequence[Effect]) -> dict[PoolId, Pool]:
    """Return the pools that effects are about."""
    found: dict[PoolId, Pool] = {}
    wanted = list(dict.fromkeys(each.pool for each in effects))
    for start in range(0, len(wanted), POOLS_PER_QUERY):
        found |= tx.stock.pools(wanted[start : start + POOLS_PER_QUERY])
    return found


def pending_writes(pool: Pool) -> list[Write]:
    """Return what is going to be written to the levels of a pool."""
    return [
        Write(store=each.key.store, before=each.book, after=each.book + delta)
        for each in pool.levels
        if each.book is not None and (delta := outstanding(each, pool.shared))
    ]


def link_variants(proposal: Proposal, tx: Transaction, now: datetime) -> DecisionResult:
    """Make variants of different stores one product: a new pool at every place they share."""
    items = facts_of(proposal, LinkFacts).link
    taken = tx.stock.level_keys({store: [item] for store, item in items.items()})
    if taken:
        return DecisionResult(done=False, why="one of them is synced with another product already")
    new = []
    for location_group in tx.location_groups.all():
        level_keys = tuple(
            LevelKey(store=store, item=item, location=location_group.locations[store])
            for store, item in items.items()
            if store in location_group.locations
        )
        if len(level_keys) > 1:
            new.append(
                NewPool(
                    location_group=location_group.id, title=proposal.title, level_keys=level_keys
                )
            )
    if not new:
        return DecisionResult(
            done=False, why="their stores have no shared location: see /tipo locations"
        )
    tx.stock.assign_pools(PoolAssignment(new=tuple(new)), now=now)
    if proposal.finding is not None:
        tx.findings.close([proposal.finding], now=now)
    return DecisionResult(done=True)


def resume_contested(proposal: Proposal, tx: Transaction, now: datetime) -> DecisionResult:
    """Write to a pool's contested levels again: what is pending, once each has been read."""
    number = pool_of(facts_of(proposal, SubjectFacts).subject)
    pool = tx.stock.pools([number]).get(number)
    stopped = [] if pool is None else contested(pool)
    if pool is None or not stopped:
        return DecisionResult(done=False, why="it is not stopped any more")
    tx.stock.save_outcomes([resume(pool, now=now)], now=now)
    return DecisionResult(done=True, writes=tuple(pending_writes(pool.with_levels(stopped))))


def resolve_breaker(each: ApprovedProposal, tx: Transaction, now: datetime) -> DecisionResult:
    """Pass on what a safety stop kept back, leave it as it is, or restore what the store had."""
    subject = facts_of(each.proposal, SubjectFacts).subject
    match each.proposal.choice:
        case Choice.RELEASE:
            count = tx.breaker.release(subject, now=now)
            return DecisionResult(done=count > 0, why="" if count else BREAKER_IS_OVER, pools=count)
        case Choice.DISCARD:
            effects = tx.breaker.discard(subject, now=now)
            for number, effect in effects:
                shared = tx.stock.pools([number])[number].shared or 0
                tx.receipts.save_effect(each.receipt, each.proposal.id, effect, shared, now=now)
            moved = sum(effect.moved for _, effect in effects)
            n = len(effects)
            return DecisionResult(
                done=n > 0, why="" if n else BREAKER_IS_OVER, moved=moved, pools=n
            )
        case _:
            by = each.proposal.by.name if each.proposal.by is not None else ""
            is_open = tx.breaker.investigate(subject, by, now=now)
            return DecisionResult(done=is_open, why="" if is_open else BREAKER_IS_OVER)
