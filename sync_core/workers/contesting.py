"""Find out whether somebody else undoes what we write, and stop the level: domain/contest.py.

Sales cost nothing here: only a change against our last update, or the very same once more, has the
history read. That is a few short ranges of indexes, for a few levels in one step.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sync_core.clock import Ids
from sync_core.domain.acts import ActKind
from sync_core.domain.brake import Move
from sync_core.domain.contest import (
    KIND,
    WITHIN,
    History,
    Pattern,
    explain_gladly,
    judge,
    may_answer,
    pool_of,
    stop,
    subject_of,
)
from sync_core.domain.proposals import Choice, Option, ProposalKind
from sync_core.domain.values import NEVER, Level, LevelId, News, Outcome, Pool
from sync_core.domain.views import Finding
from sync_core.papers import Draft
from sync_core.ports import Ledger
from sync_core.workers.braking import is_told_of_orders
from sync_core.workers.context import Context

log = logging.getLogger(__name__)

AT_ONCE = 50  # levels looked into in one step: who goes on gets its turn
AGAIN = timedelta(seconds=10)  # before a level that sells by our own measure is looked into again
REMEMBERED = 10_000  # levels
FOR_EVER = timedelta(days=365 * 100)  # the level is stopped until somebody says so
QUESTION = Draft(
    kind=ProposalKind.FIX,
    subject=KIND,
    options=(Option(choice=Choice.RESUME, words="Resume: update it again"),),
)


def stop_contested(
    ledger: Ledger,
    outcomes: Sequence[Outcome],
    context: Context,
    *,
    now: datetime,
    turned: Iterable[LevelId] = (),
) -> None:
    """Stop the levels that this step shows to be contested. Before anything is written down.

    Args:
        ledger: The present step.
        outcomes: What has moved in it, kept already.
        context: The world.
        now: Our clock.
        turned: The levels of which we have just settled an update against the one before.
    """
    wanted = dict.fromkeys(turned)
    for outcome in outcomes:
        for each in outcome.movements:
            level = outcome.pool.level(each.level)
            pattern = may_answer(level, each.delta, now=now)
            if pattern is Pattern.UNDONE or (
                pattern is Pattern.REPEATED and _is_due(level, each.delta, ledger, context, now)
            ):
                wanted[level.id] = None
    if not wanted:
        return
    for number in list(wanted)[:AT_ONCE]:
        pool = ledger.pools_of([number]).get(number)
        if pool is not None:
            _look_into(ledger, pool, pool.level(number), context, now=now)


def _is_due(level: Level, delta: int, ledger: Ledger, context: Context, now: datetime) -> bool:
    """Whether to look into what may be a sale as well: of a hot item each may be as large."""
    looked = context.contests.get(level.id, NEVER)
    if timedelta(0) <= now - looked < AGAIN:
        return False
    if len(context.contests) >= REMEMBERED:
        context.contests.clear()
    context.contests[level.id] = now
    return delta > 0 or is_told_of_orders(ledger, context, level.spot.store)


def _look_into(
    ledger: Ledger, pool: Pool, level: Level, context: Context, *, now: datetime
) -> None:
    """Stop a level if its history shows that it is contested."""
    if not (level.active and level.met):
        return
    contest = judge(level.id, _history(ledger, pool, level, context, now=now))
    if contest is None:
        return
    ledger.save([stop(pool, level, contest, now=now)], now=now)
    _ask(ledger, ledger.findings_on([subject_of(pool.id)]), context.ids, now=now)
    log.warning(
        "%s is not updated any more: somebody else keeps changing it",
        pool.title,
        extra={"act": "contested", "store": level.spot.store, "pattern": contest.pattern.value},
    )


def _history(
    ledger: Ledger, pool: Pool, level: Level, context: Context, *, now: datetime
) -> History:
    """Return what became of a level of late; where orders are told, as far as they must be here."""
    stores = {each.spot.store for each in pool.levels}
    known = all(is_told_of_orders(ledger, context, each) for each in sorted(stores))
    until = now - context.pace.brake.patience if known else now
    times = (
        now - WITHIN,
        ledger.contested_at(pool, since=now - WITHIN) or NEVER,
        ledger.decided_at([pool.id]).get(pool.id, NEVER),
    )
    since = max(times)
    moves = ledger.moves_of_pool(pool, since=since, until=until)
    acts = ledger.acts_of([each.id for each in pool.levels], since=since) if moves else {}
    return History(
        writes=ledger.writes_to(level, since=since, until=until),
        moves=explain_gladly(moves, acts, level.id),
        orders_seen=known and _has_told_since(ledger, level, moves),
        brought_back=any(act.kind is not ActKind.SALE for some in acts.values() for act in some),
    )


def _has_told_since(ledger: Ledger, level: Level, moves: Sequence[Move]) -> bool:
    """Whether a level's store has told us of an order since the level moved last."""
    times = [each.seen_at or each.at for each in moves if each.level == level.id]
    told = ledger.orders_told_until(level.spot.store)
    return bool(times) and told is not None and told >= times[-1]


# -- the question
def ask_about_contests(ledger: Ledger, ids: Ids, *, now: datetime) -> None:
    """Ask about every contested level that has no open question; end what is none any more."""
    standing = ledger.findings_by(kinds=[KIND])
    if not standing:
        return
    still = ledger.contested_pools(pool_of(each.subject) for each in standing)
    over = [each for each in standing if pool_of(each.subject) not in still]
    ended: dict[str, str | int | float | bool | None] = {"ended": "started_over"}
    news = [News(kind=KIND, subject=each.subject, facts=ended, over=True) for each in over]
    ledger.tell(news, now=now)
    ledger.outdate(each.id for each in over)
    _ask(ledger, [each for each in standing if each not in over], ids, now=now)


def _ask(ledger: Ledger, findings: Iterable[Finding], ids: Ids, *, now: datetime) -> None:
    """Ask what to do about these findings, where nobody is asked."""
    drafts = [
        replace(
            QUESTION,
            finding=each.id,
            title=str(each.facts.get("title") or ""),
            facts={**each.facts, "subject": each.subject, "since": each.opened_at.isoformat()},
        )
        for each in findings
        if ledger.newer_proposal(each.id) is None
    ]
    if drafts:
        kept = [(each, ids.new()) for each in drafts]
        ledger.propose(kept, report=None, now=now, expires_at=now + FOR_EVER)
