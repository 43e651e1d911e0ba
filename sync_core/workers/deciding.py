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
`PATIENCE`; then the proposal is done with nothing written, and says why.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sync_core.domain.audit import is_stopped
from sync_core.domain.decide import BRAKED, Chosen, Effect, Obstacle, decide, takes_part
from sync_core.domain.proposals import Choice, Option, Proposal, ProposalKind, Write
from sync_core.domain.shown import owed, shared_by
from sync_core.domain.values import (
    Level,
    LevelId,
    News,
    Outcome,
    Pool,
)
from sync_core.errors import NoDatabase
from sync_core.papers import Approved
from sync_core.ports import LONG_STEP_SECONDS, Ledger
from sync_core.workers.asking import ask_about_brakes
from sync_core.workers.carrying_out import (
    LATER,
    NOT_AS_SHOWN,
    SOON,
    Result,
    change_mode,
    let_go,
    link,
    take_back,
    take_up,
)
from sync_core.workers.contesting import ask_about_contests
from sync_core.workers.context import Context
from sync_core.workers.packing import levels_to_read, set_pack
from sync_core.workers.planning import write_down_all
from sync_core.workers.proposing import Proposer
from sync_core.workers.reading import Found, read_levels

log = logging.getLogger(__name__)

AT_ONCE = 50  # proposals carried out in one round
BROKEN = "a fault of Tipo's own; the log says more"
NOTHING_TO_DO = "there is nothing of the kind to do"
PATIENCE = timedelta(minutes=10)  # between the first attempt and giving up
MONTH = timedelta(days=30)
FOR_EVER = timedelta(days=365 * 100)
MUTED_FOR = {Choice.IGNORE_MONTH: MONTH, Choice.IGNORE: FOR_EVER}
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
        wanted = await context.records.step(partial(self._due, now))
        if wanted:
            levels = await context.records.step(partial(_levels_of, wanted))
            found = await read_levels(levels, context.stores, context.clock)
            again = await self._carefully(wanted, found)
            context.work.ring()
            for report, some in _by_report(again).items():
                await self._proposer.examine(some, report)
        await context.records.step(partial(ask_about_brakes, ids=context.ids, now=now))
        await context.records.step(partial(ask_about_contests, ids=context.ids, now=now))
        await context.records.step(self._tell)
        due = await context.records.step(lambda ledger: ledger.next_approved())
        return None if due is None else max(0.0, (due - context.clock.now()).total_seconds())

    async def _carefully(
        self, wanted: Sequence[Approved], found: Found
    ) -> list[tuple[int | None, LevelId]]:
        """Carry decisions out together; one that breaks must not hold up the others."""
        context = self._context
        try:
            carry_out = partial(self._carry_out, wanted, found)  # a mode concerns every level
            return await context.records.step(carry_out, limit=LONG_STEP_SECONDS)
        except NoDatabase:
            raise  # no decision is at fault
        except Exception:
            if len(wanted) > 1:
                parts = [await self._carefully([each], found) for each in wanted]
                return [each for part in parts for each in part]
            number = wanted[0].proposal.id
            log.exception("proposal %d", number, extra={"act": "decision_broke"})
            now = context.clock.now()
            broken = partial(self._put_off, wanted[0], Found(), LATER, now=now, why=BROKEN)
            await context.records.step(lambda ledger: broken(ledger=ledger))
            return []

    def _due(self, now: datetime, ledger: Ledger) -> list[Approved]:
        ledger.expire_proposals(now=now)
        return ledger.approved(now=now, limit=AT_ONCE)

    def _carry_out(
        self, wanted: Sequence[Approved], found: Found, ledger: Ledger
    ) -> list[tuple[int | None, LevelId]]:
        """Carry decisions out, in one commit; return the levels whose numbers have moved."""
        now = self._context.clock.now()
        again: list[tuple[int | None, LevelId]] = []
        settled: dict[int, set[int]] = {}  # pools that a receipt has settled in this commit
        for each in wanted:
            if not ledger.hold_proposal(each.proposal.id):
                continue  # another process has carried it out
            touched = settled.setdefault(each.receipt, set())
            result = self._one(each, found, touched, ledger, now)
            if isinstance(result, float):
                self._put_off(each, found, result, ledger=ledger, now=now)
                continue
            if ledger.close_proposal(each.proposal.id, result=result.kept()) and result.again:
                again.append((each.proposal.report, result.again))
        write_down_all(ledger, self._context.stores.values(), self._context.ids, now=now)
        return again

    def _put_off(
        self,
        each: Approved,
        found: Found,
        seconds: float,
        *,
        ledger: Ledger,
        now: datetime,
        why: str = "its stock moves without a rest, so no number holds",
    ) -> None:
        """Try again later, or give up."""
        silent = "; ".join(
            f"{store} does not answer: {said}" for store, said in found.silent.items()
        )
        why = silent or why
        since = _tried_since(each.proposal) or now
        if now - since < PATIENCE:
            until = now + timedelta(seconds=seconds)
            ledger.put_off_proposal(each.proposal.id, until=until, why=why, since=since)
        else:
            ledger.close_proposal(each.proposal.id, result=Result(done=False, why=why).kept())

    def _one(
        self, each: Approved, found: Found, touched: set[int], ledger: Ledger, now: datetime
    ) -> Result | float:
        """Carry one decision out; return what came of it, or seconds to wait."""
        proposal = each.proposal
        result: Result | float = Result(done=False, why=NOTHING_TO_DO)
        match proposal.kind, proposal.choice:
            case ProposalKind.FIX, choice if choice in QUANTITIES:
                result = self._quantity(each, found, touched, ledger, now)
            case ProposalKind.FIX, _:
                result = _other_fix(proposal, ledger, now)
            case ProposalKind.MODE, Choice.CONFIRM:
                result = change_mode(proposal, ledger, self._context.ids, now)
            case ProposalKind.PACK, Choice.CONFIRM:
                result = set_pack(each, found, ledger, now, self._context.pace.patience)
            case ProposalKind.UNDO, Choice.CONFIRM:
                result = take_back(each, ledger, now)
            case ProposalKind.BRAKE, _:
                result = let_go(each, ledger, now)
            case _:
                pass
        return result

    def _quantity(
        self, each: Approved, found: Found, touched: set[int], ledger: Ledger, now: datetime
    ) -> Result | float:
        """Settle what a pool agrees on."""
        number = _level_of(each.proposal)
        pool = _pool_of(number, ledger, now)
        if pool is None:
            return Result(done=False, why="the product shares its stock no more")
        part = takes_part(pool, number)
        if any(level.spot.store in found.silent for level in part):
            return LATER
        is_asked = ledger.is_braked(pool.id)
        chosen = BRAKED if is_asked else _chosen(each, pool, again=pool.id in touched)
        if isinstance(chosen, str):
            return Result(done=False, why=chosen)
        reads = found.reads
        if pool.id in touched:  # what this very commit has done to it is no news
            versions = {level.id: level.version for level in part}
            began = now + self._context.pace.patience.quiet
            reads = {
                level: replace(read, version=versions[level], began=began)
                for level, read in reads.items()
                if level in versions
            }
        did = decide(pool, chosen, reads, now=now, patience=self._context.pace.patience)
        if did is Obstacle.BUSY:
            return SOON
        if isinstance(did, Obstacle):
            again = number if did is Obstacle.MOVED else None
            return Result(done=False, why=_why_not(did, pool, chosen, found), again=again)
        # Another finding of this pool, settled just now, may have brought in a level of its own.
        before = {each.id: found.values.get(each.id) for each in part if each.id in chosen.saw}
        result = _keep(each, did, before, ledger, now)
        if result.done:
            touched.add(pool.id)
        return result

    def _tell(self, ledger: Ledger) -> None:
        """Tell people of receipts whose every line has its result."""
        now = self._context.clock.now()
        for number in ledger.untold_receipts():
            receipt = ledger.receipt(number)
            if receipt is None or not ledger.receipt_told(number):
                continue
            proposal = ledger.first_of(number)
            facts: dict[str, str | int | float | bool | None] = {"receipt": number}
            if proposal is not None:
                facts |= {
                    "report": proposal.report,
                    "proposal": proposal.id,
                    "token": proposal.token,
                    "kind": proposal.kind.value,
                    "about": str(proposal.facts.get("subject") or ""),
                }
            done = News(kind="decided", subject=f"receipt:{number}", facts=facts)
            ledger.announce([done], now=now)


def _pool_of(number: LevelId, ledger: Ledger, now: datetime) -> Pool | None:
    """Return the pool of a level; one whose books don't add up waits for no write that is lost."""
    pool = ledger.pools_of([number]).get(number)
    if pool is None or not is_stopped(pool):
        return pool
    ledger.mend_open(pool.id, now=now)
    return ledger.pools([pool.id])[pool.id]


def _tried_since(proposal: Proposal) -> datetime | None:
    """Return when it was first tried: one of ten thousand may have waited long for its turn."""
    since = (proposal.result or {}).get("since")
    return datetime.fromisoformat(since) if isinstance(since, str) else None


def _levels_of(wanted: Sequence[Approved], ledger: Ledger) -> list[Level]:
    """Return the levels that decisions about quantities need to know."""
    numbers = [
        _level_of(each.proposal)
        for each in wanted
        if each.proposal.kind is ProposalKind.FIX and each.proposal.choice in QUANTITIES
    ]
    pools = ledger.pools_of(numbers)
    found = {each.id: each for level, pool in pools.items() for each in takes_part(pool, level)}
    for each in wanted:
        if each.proposal.kind is ProposalKind.PACK:
            found |= {level.id: level for level in levels_to_read(each.proposal, ledger)}
    return list(found.values())


def _other_fix(proposal: Proposal, ledger: Ledger, now: datetime) -> Result:
    """Carry out a fix that settles no quantity."""
    match proposal.choice:
        case Choice.LINK:
            return link(proposal, ledger, now)
        case Choice.RESUME:
            return take_up(proposal, ledger, now)
        case choice if choice in MUTED_FOR and proposal.finding is not None:
            ledger.mute(proposal.finding, until=now + MUTED_FOR[choice])
            return Result(done=True)
    return Result(done=False, why=NOTHING_TO_DO)


def _level_of(proposal: Proposal) -> LevelId:
    return LevelId(int(str(proposal.facts["level"])))


def _chosen(each: Approved, pool: Pool, *, again: bool) -> Chosen | str:
    """Return what a person chose, in numbers; or why it is nothing that can be done."""
    proposal = each.proposal
    option = next((one for one in proposal.options if one.choice is proposal.choice), None)
    if option is None:
        return "that was not among the choices"
    target = _target(each, option)
    if target is None and proposal.choice is Choice.USE_NUMBER:
        return "no number was given"
    settled = target if target is not None else option.target
    saw = {LevelId(int(key)): value for key, value in dict(proposal.facts["saw"]).items()}  # type: ignore[call-overload]
    shared = proposal.facts["shared"]
    level = pool.level(_level_of(proposal))
    buffer = None
    if proposal.choice is Choice.KEEP and target is not None:
        buffer = target - shared_by(level, saw.get(level.id) or 0, target) + level.buffer
    return Chosen(
        level=level.id,
        target=target,
        buffer=buffer,
        saw=saw,
        # Two findings of one pool, settled together: the first has moved it to the same target.
        shared=pool.shared if again and pool.shared == settled else shared,  # type: ignore[arg-type]
    )


def _target(each: Approved, option: Option) -> int | None:
    if option.choice is Choice.USE_NUMBER:
        return each.number
    return None if option.choice is Choice.ACCEPT else option.target


def _why_not(did: Obstacle, pool: Pool, chosen: Chosen, found: Found) -> str:
    """Return why nothing was written, in words."""
    stores = {each.id: each.spot.store for each in pool.levels}
    if did is Obstacle.HELD:
        return BRAKED
    if did is Obstacle.UNREADABLE:
        odd = [store for level, store in stores.items() if found.values.get(level, 0) is None]
        return f"{', '.join(odd) or 'a store'} shows no number that can be believed"
    moved = [
        f"{stores[level]} shows {found.values.get(level)} now, not {value}"
        for level, value in chosen.saw.items()
        if level in stores and found.values.get(level) != value
    ]
    return "; ".join(moved) or f"the stock moved: the pool holds {pool.shared} now"


def _writes(pool: Pool, before: Mapping[LevelId, int | None]) -> tuple[Write, ...]:
    """Return what is written to the levels of a pool by a decision."""
    return tuple(
        Write(store=each.spot.store, before=before[each.id], after=each.book + delta)
        for each in pool.levels
        if each.id in before and each.book is not None and (delta := owed(each, pool.shared))
    )


def _keep(
    each: Approved,
    did: tuple[Outcome, Effect],
    before: Mapping[LevelId, int | None],
    ledger: Ledger,
    now: datetime,
) -> Result:
    """Keep what a decision does, if it writes the numbers that were shown."""
    outcome, effect = did
    proposal = each.proposal
    writes = _writes(outcome.pool, before)
    if not _are_as_shown(proposal, writes):  # a buffer was set meanwhile, for one
        return Result(done=False, why=NOT_AS_SHOWN, again=_level_of(proposal))
    ledger.save([outcome], now=now)
    ledger.save_effect(each.receipt, proposal.id, effect, outcome.pool.shared or 0, now=now)
    if proposal.finding is not None:
        ledger.close_findings([proposal.finding], now=now)
    return Result(done=True, moved=effect.moved, writes=writes)


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
