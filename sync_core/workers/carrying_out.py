"""Decisions that need no reading: a mode, an undo, a link, a brake. Each within one commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync_core.clock import Ids
from sync_core.domain.arrange import Arrangement, NewPool
from sync_core.domain.contest import contested, pool_of, resume
from sync_core.domain.decide import BRAKED, Effect, undo
from sync_core.domain.proposals import Choice, Proposal, ReportKind, Write
from sync_core.domain.shown import owed
from sync_core.domain.values import (
    Alias,
    ItemId,
    LevelId,
    Mode,
    News,
    Outcome,
    Pool,
    PoolId,
    Role,
    Spot,
)
from sync_core.papers import Approved, Wish
from sync_core.ports import Ledger
from sync_core.workers.overselling import judged_again

OVER = "the safety stop is over: nothing is left to decide"
SOME = 500  # pools read in one query

SOON = 2.0  # seconds until a level that was busy is read again
LATER = 10.0  # seconds until a store that was silent is asked again
NOT_AS_SHOWN = "other numbers would be written now than were shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one proposal."""

    done: bool
    why: str = ""  # why nothing, or not all, was done
    moved: int = 0
    pools: int = 0  # products that a safety stop was about
    writes: tuple[Write, ...] = ()
    again: LevelId | None = None  # its numbers moved: a fresh proposal is wanted

    def kept(self) -> dict[str, object]:
        """Return it as plain JSON."""
        writes = [{"store": w.store, "before": w.before, "after": w.after} for w in self.writes]
        kept = {"done": self.done, "why": self.why, "moved": self.moved, "writes": writes}
        return {**kept, "pools": self.pools} if self.pools else kept


def change_mode(proposal: Proposal, ledger: Ledger, ids: Ids, now: datetime) -> Result:
    """Change the mode of the connections that were shown, if they still are in those modes."""
    mode = Mode(str(proposal.facts["mode"]))
    before = _texts(proposal.facts["before"])
    modes = {
        each.alias: each.mode.value for each in ledger.stores() if each.role is not Role.SOURCE
    }
    other = [alias for alias, was in before.items() if modes.get(Alias(alias)) != was]
    if other:
        return Result(done=False, why=f"the mode of {', '.join(other)} has changed since")
    by = proposal.by.name if proposal.by is not None else ""
    changed = [Alias(alias) for alias, was in before.items() if was != mode.value]
    call_meetings(ledger, changed, mode, by=by, token=ids.new(), now=now)
    return Result(done=True)


def call_meetings(
    ledger: Ledger, stores: Sequence[Alias], mode: Mode, *, by: str, token: str, now: datetime
) -> None:
    """Change the mode of stores; where it is not off, a report follows when all have met."""
    for alias in stores:
        with judged_again(ledger, alias, now=now):  # without this store, it may be a pre-sale
            ledger.call_meeting(alias, mode, by=by, now=now)
    if not stores:
        return
    facts: dict[str, str | int | float | bool | None] = {
        "mode": mode.value,
        "stores": ", ".join(stores),
        "by": by,
    }
    ledger.announce([News(kind="mode", subject="mode", facts=facts)], now=now)
    if mode is not Mode.OFF:
        kept = {"stores": list(stores), "mode": mode.value}
        ledger.want_report(Wish(kind=ReportKind.MEETING, token=token, by=by, facts=kept), now=now)


def take_back(each: Approved, ledger: Ledger, now: datetime) -> Result:
    """Take back what a receipt did, pool by pool, as deltas."""
    effects = ledger.effects(int(str(each.proposal.facts["receipt"])))
    why: list[str] = []
    writes: list[Write] = []
    moved = 0
    pools = pools_of(ledger, effects)
    for effect in effects:
        again = effect.pool not in pools  # this very commit has changed it
        pool = ledger.pools([effect.pool])[effect.pool] if again else pools.pop(effect.pool)
        did = try_undo(effect, pool, ledger, now=now)
        if isinstance(did, str):
            why.append(did)
            continue
        outcome, inverse = did
        ledger.save([outcome], now=now)
        shared = outcome.pool.shared or 0
        ledger.save_effect(each.receipt, each.proposal.id, inverse, shared, now=now)
        moved += inverse.moved
        writes += owing(outcome.pool)
    return Result(
        done=len(why) < len(effects), why="; ".join(why), moved=moved, writes=tuple(writes)
    )


def try_undo(
    effect: Effect, pool: Pool, ledger: Ledger, *, now: datetime
) -> tuple[Outcome, Effect] | str:
    """Return what taking back one effect comes to, or why it cannot be; nothing is kept."""
    did = BRAKED if ledger.is_braked(pool.id) else undo(pool, effect, now=now)
    return f"{pool.title}: {did}" if isinstance(did, str) else did


def pools_of(ledger: Ledger, effects: Sequence[Effect]) -> dict[PoolId, Pool]:
    """Return the pools that effects are about."""
    found: dict[PoolId, Pool] = {}
    wanted = list(dict.fromkeys(each.pool for each in effects))
    for start in range(0, len(wanted), SOME):
        found |= ledger.pools(wanted[start : start + SOME])
    return found


def owing(pool: Pool) -> list[Write]:
    """Return what is going to be written to the levels of a pool."""
    return [
        Write(store=each.spot.store, before=each.book, after=each.book + delta)
        for each in pool.levels
        if each.book is not None and (delta := owed(each, pool.shared))
    ]


def link(proposal: Proposal, ledger: Ledger, now: datetime) -> Result:
    """Make variants of different stores one product: a new pool at every place they share."""
    items = {
        Alias(store): ItemId(int(item)) for store, item in _texts(proposal.facts["link"]).items()
    }
    taken = ledger.spots({store: [item] for store, item in items.items()})
    if taken:
        return Result(done=False, why="one of them shares its stock with another already")
    new = []
    for place in ledger.places():
        spots = tuple(
            Spot(store=store, item=item, location=place.locations[store])
            for store, item in items.items()
            if store in place.locations
        )
        if len(spots) > 1:
            new.append(NewPool(place=place.id, title=proposal.title, spots=spots))
    if not new:
        return Result(done=False, why="their stores have no place in common: see /tipo places")
    ledger.arrange(Arrangement(new=tuple(new)), now=now)
    if proposal.finding is not None:
        ledger.close_findings([proposal.finding], now=now)
    return Result(done=True)


def take_up(proposal: Proposal, ledger: Ledger, now: datetime) -> Result:
    """Write to a pool's contested levels again: what is pending, once each has been read."""
    number = pool_of(str(proposal.facts["subject"]))
    pool = ledger.pools([number]).get(number)
    stopped = [] if pool is None else contested(pool)
    if pool is None or not stopped:
        return Result(done=False, why="it is not stopped any more")
    ledger.save([resume(pool, now=now)], now=now)
    return Result(done=True, writes=tuple(owing(pool.with_levels(stopped))))


def let_go(each: Approved, ledger: Ledger, now: datetime) -> Result:
    """Pass on what a brake kept back, leave it as it is, or restore what the store had."""
    subject = str(each.proposal.facts["subject"])
    match each.proposal.choice:
        case Choice.RELEASE:
            count = ledger.release_brake(subject, now=now)
            return Result(done=count > 0, why="" if count else OVER, pools=count)
        case Choice.DISCARD:
            effects = ledger.discard_brake(subject, now=now)
            for number, effect in effects:
                shared = ledger.pools([number])[number].shared or 0
                ledger.save_effect(each.receipt, each.proposal.id, effect, shared, now=now)
            moved = sum(effect.moved for _, effect in effects)
            n = len(effects)
            return Result(done=n > 0, why="" if n else OVER, moved=moved, pools=n)
        case _:
            by = each.proposal.by.name if each.proposal.by is not None else ""
            stands = ledger.hold_brake(subject, by, now=now)
            return Result(done=stands, why="" if stands else OVER)


def _texts(given: object) -> Mapping[str, str]:
    """Return a mapping that was kept as JSON."""
    return {str(key): str(value) for key, value in dict(given).items()}  # type: ignore[call-overload]
