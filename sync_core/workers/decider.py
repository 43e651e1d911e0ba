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
    a safety stop            passing on what it held, or giving the store back what it had

What cannot be carried out yet waits (a level comes to rest, a store answers again), at most
`GIVE_UP_AFTER`; then the proposal is done with nothing written, and says why.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from sync_core.domain.contests import contested, pool_of, resume
from sync_core.domain.decisions import SAFETY_STOP_FIRST, Effect, undo
from sync_core.domain.location_groups import NewPool, PoolAssignment
from sync_core.domain.proposals import (
    Choice,
    DecisionResult,
    LinkFacts,
    Proposal,
    ProposalKind,
    SubjectFacts,
    UndoFacts,
    Write,
)
from sync_core.domain.shadow import NOTHING_WRITTEN, needs_writing
from sync_core.domain.values import Event, LevelId, LevelKey, Outcome, Pool
from sync_core.errors import NoDatabase, UnreadableValue
from sync_core.ports import LONG_TRANSACTION_SECONDS, ApprovedProposal, Transaction
from sync_core.ports.settings import SHADOW_SETTING
from sync_core.stored import from_plain
from sync_core.workers.context import Context
from sync_core.workers.mode_changes import change_mode
from sync_core.workers.proposer import Proposer
from sync_core.workers.quantity_decisions import (
    QUANTITIES,
    RETRY_SILENT_SECONDS,
    levels_to_read,
    pending_writes,
    set_pack,
    set_quantity,
)
from sync_core.workers.refresher import LevelReadings, read_levels
from sync_core.workers.safety_questions import ask_about_breakers, ask_about_contests

log = logging.getLogger(__name__)

MAX_PROPOSALS_PER_ROUND = 50  # proposals carried out in one round
BREAKER_IS_OVER = "the safety stop is over: nothing is left to decide"
INTERNAL_ERROR = "a fault of Tipo's own; the log says more"
UNREADABLE = "what was kept of it can't be read; ask again"
NOTHING_TO_DO = "there is nothing left to do"
GIVE_UP_AFTER = timedelta(minutes=10)  # between the first attempt and giving up
MONTH = timedelta(days=30)
FOREVER = timedelta(days=365 * 100)
MUTED_FOR = {Choice.IGNORE_MONTH: MONTH, Choice.IGNORE: FOREVER}


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
            levels = await context.database.transaction(partial(levels_to_read, wanted))
            found = await read_levels(levels, context.stores, context.clock)
            again = await self._carry_out_isolated(wanted, found)
            context.store_work.notify()
            context.requests.notify()  # a change of mode asks for a report
            for report, some in _by_report(again).items():
                await self._proposer.examine(some, report)
        await context.database.transaction(partial(ask_about_breakers, ids=context.ids, now=now))
        await context.database.transaction(partial(ask_about_contests, ids=context.ids, now=now))
        await context.database.transaction(self._notify)
        due = await context.database.transaction(lambda tx: tx.proposals.next_approved())
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
        tx.proposals.expire(now=now)
        return tx.proposals.approved(now=now, limit=MAX_PROPOSALS_PER_ROUND)

    def _carry_out(
        self, wanted: Sequence[ApprovedProposal], found: LevelReadings, tx: Transaction
    ) -> list[tuple[int | None, LevelId]]:
        """Carry decisions out, in one commit; return the levels whose numbers have moved."""
        now = self._context.clock.now()
        again: list[tuple[int | None, LevelId]] = []
        by_receipt: dict[int, set[int]] = {}  # pools that a receipt has settled in this commit
        for each in wanted:
            if not tx.proposals.lock(each.proposal.id):
                continue  # another process has carried it out
            settled = by_receipt.setdefault(each.receipt, set())
            try:
                result = self._carry_out_one(each, found, settled, tx, now)
            except UnreadableValue as exc:
                log.warning("proposal %d: %s", each.proposal.id, exc, extra={"event": "unreadable"})
                result = DecisionResult(why=UNREADABLE)
            if isinstance(result, float):
                self._postpone(each, found, result, tx=tx, now=now)
                continue
            if tx.proposals.close(each.proposal.id, result=result) and result.again:
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
            tx.proposals.postpone(each.proposal.id, until=until, why=why, since=since)
        else:
            tx.proposals.close(each.proposal.id, result=DecisionResult(why=why))

    def _carry_out_one(
        self,
        each: ApprovedProposal,
        found: LevelReadings,
        settled: set[int],
        tx: Transaction,
        now: datetime,
    ) -> DecisionResult | float:
        """Carry one decision out; return what came of it, or seconds to wait."""
        proposal, read_lag = each.proposal, self._context.config.read_lag
        result: DecisionResult | float = DecisionResult(why=NOTHING_TO_DO)
        choice, is_shadow = proposal.choice, tx.settings.get(SHADOW_SETTING) is not None
        if is_shadow and choice is not None and needs_writing(proposal.kind, choice):
            return DecisionResult(why=NOTHING_WRITTEN)
        match proposal.kind, choice:
            case ProposalKind.FIX, choice if choice in QUANTITIES:
                result = set_quantity(each, found, settled, tx, now, read_lag)
            case ProposalKind.FIX, _:
                result = _other_fix(proposal, tx, now)
            case ProposalKind.MODE, Choice.CONFIRM:
                result = change_mode(proposal, tx, self._context.ids, now)
            case ProposalKind.PACK, Choice.CONFIRM:
                result = set_pack(each, found, tx, now, read_lag)
            case ProposalKind.UNDO, Choice.CONFIRM:
                result = undo_receipt(each, tx, now)
            case ProposalKind.CIRCUIT_BREAKER, _:
                result = resolve_breaker(each, tx, now)
            case _:
                pass
        return result

    def _notify(self, tx: Transaction) -> None:
        """Tell people of receipts whose every line has its result."""
        now = self._context.clock.now()
        for number in tx.receipts.unnotified():
            receipt = tx.receipts.get(number)
            if receipt is None or not tx.receipts.mark_notified(number):
                continue
            proposal = tx.receipts.first_proposal_of(number)
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
            tx.notifications.notify_once([done], now=now)


def _tried_since(proposal: Proposal) -> datetime | None:
    """Return when it was first tried: one of ten thousand may have waited long for its turn."""
    return None if proposal.result is None else proposal.result.since


def _other_fix(proposal: Proposal, tx: Transaction, now: datetime) -> DecisionResult:
    """Carry out a fix that settles no quantity."""
    match proposal.choice:
        case Choice.LINK:
            return link_variants(proposal, tx, now)
        case Choice.RESUME:
            return resume_contested(proposal, tx, now)
        case choice if choice in MUTED_FOR and proposal.finding is not None:
            tx.findings.mute(proposal.finding, until=now + MUTED_FOR[choice])
            return DecisionResult(done=True)
    return DecisionResult(done=False, why=NOTHING_TO_DO)


def _by_report(again: Sequence[tuple[int | None, LevelId]]) -> dict[int | None, list[LevelId]]:
    found: dict[int | None, list[LevelId]] = {}
    for report, level in again:
        found.setdefault(report, []).append(level)
    return found


# -- what needs no reading
def undo_receipt(each: ApprovedProposal, tx: Transaction, now: datetime) -> DecisionResult:
    """Take back what a receipt did, pool by pool, as deltas."""
    effects = tx.receipts.effects(from_plain(each.proposal.facts, UndoFacts).receipt)
    why: list[str] = []
    writes: list[Write] = []
    moved = 0
    pools = tx.stock.pools(each.pool for each in effects)
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


def link_variants(proposal: Proposal, tx: Transaction, now: datetime) -> DecisionResult:
    """Make variants of different stores one product: a new pool at every place they share."""
    items = from_plain(proposal.facts, LinkFacts).link
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
    number = pool_of(from_plain(proposal.facts, SubjectFacts).subject)
    pool = tx.stock.pools([number]).get(number)
    stopped = [] if pool is None else contested(pool)
    if pool is None or not stopped:
        return DecisionResult(done=False, why="it is not stopped any more")
    tx.stock.save_outcomes([resume(pool, now=now)], now=now)
    return DecisionResult(done=True, writes=tuple(pending_writes(pool.with_levels(stopped))))


def resolve_breaker(each: ApprovedProposal, tx: Transaction, now: datetime) -> DecisionResult:
    """Pass on what a safety stop kept back, leave it as it is, or restore what the store had."""
    subject = from_plain(each.proposal.facts, SubjectFacts).subject
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
