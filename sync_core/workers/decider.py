"""Carry out what people decided. Each decision is one commit, and each gets its result.

    the proposal             is carried out by
    -----------------------  ----------------------------------------------------------
    a fix with a quantity    reading its levels by id; then decide(), if no number moved
    a fix that ignores       muting its finding
    a fix that links         making the two variants one pool
    a fix that resumes       writing to a contested level again
    a change of mode         calling the first meeting, if the modes are still those shown
    a pack size              reading its levels by id; then repack(), if no number moved
    an undo                  undo() on each pool that the receipt is about
    a brake                  passing on what it held, or giving the store back what it had

What cannot be carried out yet waits (a level comes to rest, a store answers again), at most
`GIVE_UP_AFTER`; then the proposal is done with nothing written, and says why.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sync_core.domain.audit import is_stopped
from sync_core.domain.decisions import (
    SAFETY_STOP_FIRST,
    Effect,
    Obstacle,
    PoolDecision,
    decide,
    participants,
)
from sync_core.domain.proposals import Choice, Option, Proposal, ProposalKind, Write
from sync_core.domain.quantities import outstanding, shared_by
from sync_core.domain.values import (
    Event,
    Level,
    LevelId,
    Outcome,
    Pool,
)
from sync_core.errors import NoDatabase
from sync_core.ports import LONG_TRANSACTION_SECONDS, Transaction
from sync_core.proposals import ApprovedProposal
from sync_core.workers.breaker_question import ask_about_breakers
from sync_core.workers.contest_detector import ask_about_contests
from sync_core.workers.context import Context
from sync_core.workers.decision_handlers import (
    NUMBERS_CHANGED,
    RETRY_BUSY_SECONDS,
    RETRY_SILENT_SECONDS,
    DecisionResult,
    change_mode,
    link_variants,
    resolve_breaker,
    resume_contested,
    undo_receipt,
)
from sync_core.workers.level_reader import LevelReadings, read_levels
from sync_core.workers.pack_size_changes import levels_to_read, set_pack
from sync_core.workers.proposer import Proposer

log = logging.getLogger(__name__)

MAX_PROPOSALS_PER_ROUND = 50  # proposals carried out in one round
INTERNAL_ERROR = "a fault of Tipo's own; the log says more"
NOTHING_TO_DO = "there is nothing left to do"
GIVE_UP_AFTER = timedelta(minutes=10)  # between the first attempt and giving up
MONTH = timedelta(days=30)
FOREVER = timedelta(days=365 * 100)
MUTED_FOR = {Choice.IGNORE_MONTH: MONTH, Choice.IGNORE: FOREVER}
QUANTITIES = {
    Choice.ACCEPT,
    Choice.USE_SOURCE,
    Choice.USE_DESTINATION,
    Choice.USE_LOWER,
    Choice.USE_NUMBER,
    Choice.KEEP,
    Choice.RETRY,
}


class Decider:
    """Carries out approved proposals, the oldest first."""

    def __init__(self, context: Context, proposer: Proposer) -> None:
        self._context = context
        self._proposer = proposer

    async def round(self) -> float | None:
        """Carry out what is due; return the seconds until more is."""
        context = self._context
        now = context.clock.now()
        wanted = await context.database.transaction(partial(self._due, now))
        if wanted:
            levels = await context.database.transaction(partial(_levels_of, wanted))
            found = await read_levels(levels, context.stores, context.clock)
            again = await self._carry_out_isolated(wanted, found)
            context.store_work.notify()
            for report, some in _by_report(again).items():
                await self._proposer.examine(some, report)
        await context.database.transaction(partial(ask_about_breakers, ids=context.ids, now=now))
        await context.database.transaction(partial(ask_about_contests, ids=context.ids, now=now))
        await context.database.transaction(self._notify)
        due = await context.database.transaction(lambda tx: tx.next_approved())
        return None if due is None else max(0.0, (due - context.clock.now()).total_seconds())

    async def _carry_out_isolated(
        self, wanted: Sequence[ApprovedProposal], found: LevelReadings
    ) -> list[tuple[int | None, LevelId]]:
        """Carry decisions out together; one that breaks must not hold up the others."""
        context = self._context
        try:
            carry_out = partial(self._carry_out, wanted, found)  # a mode concerns every level
            return await context.database.transaction(carry_out, limit=LONG_TRANSACTION_SECONDS)
        except NoDatabase:
            raise  # no decision is at fault
        except Exception:
            if len(wanted) > 1:
                parts = [await self._carry_out_isolated([each], found) for each in wanted]
                return [each for part in parts for each in part]
            number = wanted[0].proposal.id
            log.exception("proposal %d", number, extra={"event": "decision_failed"})
            now = context.clock.now()
            postpone = partial(
                self._postpone,
                wanted[0],
                LevelReadings(),
                RETRY_SILENT_SECONDS,
                now=now,
                why=INTERNAL_ERROR,
            )
            await context.database.transaction(lambda tx: postpone(tx=tx))
            return []

    def _due(self, now: datetime, tx: Transaction) -> list[ApprovedProposal]:
        tx.expire_proposals(now=now)
        return tx.approved(now=now, limit=MAX_PROPOSALS_PER_ROUND)

    def _carry_out(
        self, wanted: Sequence[ApprovedProposal], found: LevelReadings, tx: Transaction
    ) -> list[tuple[int | None, LevelId]]:
        """Carry decisions out, in one commit; return the levels whose numbers have moved."""
        now = self._context.clock.now()
        again: list[tuple[int | None, LevelId]] = []
        settled: dict[int, set[int]] = {}  # pools that a receipt has settled in this commit
        for each in wanted:
            if not tx.lock_proposal(each.proposal.id):
                continue  # another process has carried it out
            touched = settled.setdefault(each.receipt, set())
            result = self._carry_out_one(each, found, touched, tx, now)
            if isinstance(result, float):
                self._postpone(each, found, result, tx=tx, now=now)
                continue
            if tx.close_proposal(each.proposal.id, result=result.to_json()) and result.again:
                again.append((each.proposal.report, result.again))
        return again

    def _postpone(
        self,
        each: ApprovedProposal,
        found: LevelReadings,
        seconds: float,
        *,
        tx: Transaction,
        now: datetime,
        why: str = "its stock keeps changing, so no number is certain",
    ) -> None:
        """Try again later, or give up."""
        silent = "; ".join(
            f"{store} isn't answering: {said}" for store, said in found.silent.items()
        )
        why = silent or why
        since = _tried_since(each.proposal) or now
        if now - since < GIVE_UP_AFTER:
            until = now + timedelta(seconds=seconds)
            tx.postpone_proposal(each.proposal.id, until=until, why=why, since=since)
        else:
            tx.close_proposal(
                each.proposal.id, result=DecisionResult(done=False, why=why).to_json()
            )

    def _carry_out_one(
        self,
        each: ApprovedProposal,
        found: LevelReadings,
        touched: set[int],
        tx: Transaction,
        now: datetime,
    ) -> DecisionResult | float:
        """Carry one decision out; return what came of it, or seconds to wait."""
        proposal = each.proposal
        result: DecisionResult | float = DecisionResult(done=False, why=NOTHING_TO_DO)
        match proposal.kind, proposal.choice:
            case ProposalKind.FIX, choice if choice in QUANTITIES:
                result = self._set_quantity(each, found, touched, tx, now)
            case ProposalKind.FIX, _:
                result = _other_fix(proposal, tx, now)
            case ProposalKind.MODE, Choice.CONFIRM:
                result = change_mode(proposal, tx, self._context.ids, now)
            case ProposalKind.PACK, Choice.CONFIRM:
                result = set_pack(each, found, tx, now, self._context.config.read_lag)
            case ProposalKind.UNDO, Choice.CONFIRM:
                result = undo_receipt(each, tx, now)
            case ProposalKind.CIRCUIT_BREAKER, _:
                result = resolve_breaker(each, tx, now)
            case _:
                pass
        return result

    def _set_quantity(
        self,
        each: ApprovedProposal,
        found: LevelReadings,
        touched: set[int],
        tx: Transaction,
        now: datetime,
    ) -> DecisionResult | float:
        """Settle what a pool agrees on."""
        number = _level_of(each.proposal)
        pool = _pool_of(number, tx, now)
        if pool is None:
            return DecisionResult(done=False, why="the product isn't synced any more")
        part = participants(pool, number)
        if any(level.key.store in found.silent for level in part):
            return RETRY_SILENT_SECONDS
        is_asked = tx.has_open_breaker(pool.id)
        chosen = (
            SAFETY_STOP_FIRST
            if is_asked
            else _choice_in_numbers(each, pool, again=pool.id in touched)
        )
        if isinstance(chosen, str):
            return DecisionResult(done=False, why=chosen)
        reads = found.reads
        if pool.id in touched:  # what this very commit has done to it is no news
            versions = {level.id: level.version for level in part}
            began = now + self._context.config.read_lag.settling
            reads = {
                level: replace(read, version=versions[level], began=began)
                for level, read in reads.items()
                if level in versions
            }
        did = decide(pool, chosen, reads, now=now, read_lag=self._context.config.read_lag)
        if did is Obstacle.BUSY:
            return RETRY_BUSY_SECONDS
        if isinstance(did, Obstacle):
            again = number if did is Obstacle.MOVED else None
            return DecisionResult(done=False, why=_why_not(did, pool, chosen, found), again=again)
        # Another finding of this pool, settled just now, may have brought in a level of its own.
        before = {each.id: found.values.get(each.id) for each in part if each.id in chosen.saw}
        result = _save(each, did, before, tx, now)
        if result.done:
            touched.add(pool.id)
        return result

    def _notify(self, tx: Transaction) -> None:
        """Tell people of receipts whose every line has its result."""
        now = self._context.clock.now()
        for number in tx.unnotified_receipts():
            receipt = tx.receipt(number)
            if receipt is None or not tx.mark_receipt_notified(number):
                continue
            proposal = tx.first_proposal_of(number)
            facts: dict[str, str | int | float | bool | None] = {"receipt": number}
            if proposal is not None:
                facts |= {
                    "report": proposal.report,
                    "proposal": proposal.id,
                    "token": proposal.token,
                    "kind": proposal.kind.value,
                    "about": str(proposal.facts.get("subject") or ""),
                }
            done = Event(kind="decided", subject=f"receipt:{number}", facts=facts)
            tx.notify_once([done], now=now)


def _pool_of(number: LevelId, tx: Transaction, now: datetime) -> Pool | None:
    """Return the pool of a level; one whose books don't add up waits for no write that is lost."""
    pool = tx.pools_of([number]).get(number)
    if pool is None or not is_stopped(pool):
        return pool
    tx.close_orphaned(pool.id, now=now)
    return tx.pools([pool.id])[pool.id]


def _tried_since(proposal: Proposal) -> datetime | None:
    """Return when it was first tried: one of ten thousand may have waited long for its turn."""
    since = (proposal.result or {}).get("since")
    return datetime.fromisoformat(since) if isinstance(since, str) else None


def _levels_of(wanted: Sequence[ApprovedProposal], tx: Transaction) -> list[Level]:
    """Return the levels that decisions about quantities need to know."""
    numbers = [
        _level_of(each.proposal)
        for each in wanted
        if each.proposal.kind is ProposalKind.FIX and each.proposal.choice in QUANTITIES
    ]
    pools = tx.pools_of(numbers)
    found = {each.id: each for level, pool in pools.items() for each in participants(pool, level)}
    for each in wanted:
        if each.proposal.kind is ProposalKind.PACK:
            found |= {level.id: level for level in levels_to_read(each.proposal, tx)}
    return list(found.values())


def _other_fix(proposal: Proposal, tx: Transaction, now: datetime) -> DecisionResult:
    """Carry out a fix that settles no quantity."""
    match proposal.choice:
        case Choice.LINK:
            return link_variants(proposal, tx, now)
        case Choice.RESUME:
            return resume_contested(proposal, tx, now)
        case choice if choice in MUTED_FOR and proposal.finding is not None:
            tx.mute(proposal.finding, until=now + MUTED_FOR[choice])
            return DecisionResult(done=True)
    return DecisionResult(done=False, why=NOTHING_TO_DO)


def _level_of(proposal: Proposal) -> LevelId:
    return LevelId(int(str(proposal.facts["level"])))


def _choice_in_numbers(each: ApprovedProposal, pool: Pool, *, again: bool) -> PoolDecision | str:
    """Return what a person chose, in numbers; or why it is nothing that can be done."""
    proposal = each.proposal
    option = next((one for one in proposal.options if one.choice is proposal.choice), None)
    if option is None:
        return "that wasn't one of the choices"
    target = _target_of(each, option)
    if target is None and proposal.choice is Choice.USE_NUMBER:
        return "no number was given"
    settled = target if target is not None else option.target
    saw = {LevelId(int(key)): value for key, value in dict(proposal.facts["saw"]).items()}  # type: ignore[call-overload]
    shared = proposal.facts["shared"]
    level = pool.level(_level_of(proposal))
    buffer = None
    if proposal.choice is Choice.KEEP and target is not None:
        buffer = target - shared_by(level, saw.get(level.id) or 0, target) + level.buffer
    return PoolDecision(
        level=level.id,
        target=target,
        buffer=buffer,
        saw=saw,
        # Two findings of one pool, settled together: the first has moved it to the same target.
        shared=pool.shared if again and pool.shared == settled else shared,  # type: ignore[arg-type]
    )


def _target_of(each: ApprovedProposal, option: Option) -> int | None:
    if option.choice is Choice.USE_NUMBER:
        return each.number
    return None if option.choice is Choice.ACCEPT else option.target


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
        return DecisionResult(done=False, why=NUMBERS_CHANGED, again=_level_of(proposal))
    tx.save_outcomes([outcome], now=now)
    tx.save_effect(each.receipt, proposal.id, effect, outcome.pool.shared or 0, now=now)
    if proposal.finding is not None:
        tx.close_findings([proposal.finding], now=now)
    return DecisionResult(done=True, moved=effect.moved, writes=writes)


def _are_as_shown(proposal: Proposal, writes: Sequence[Write]) -> bool:
    """Whether no number is written that was not on the button; a number entered shows none."""
    option = next((one for one in proposal.options if one.choice is proposal.choice), None)
    if option is None or option.choice is Choice.USE_NUMBER:
        return True
    return all(each in option.writes for each in writes)


def _by_report(again: Sequence[tuple[int | None, LevelId]]) -> dict[int | None, list[LevelId]]:
    found: dict[int | None, list[LevelId]] = {}
    for report, level in again:
        found.setdefault(report, []).append(level)
    return found
