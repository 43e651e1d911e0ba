"""Plan the batches of one store, send them, and settle what the store has done.

the store says                 then                                       was it executed?
-----------------------------  -----------------------------------------  ----------------
done                           the books move                             it was
these rows, never              they are left alone and said so; the rest
                               goes on, new key                           no
nothing was written, new key   all is pending again, after a pause        no
I know the key otherwise       our own fault: the levels stop, a person
                               decides                                    perhaps
the batch as a whole, never    all is pending again, the store is held    no
the request, never             the same bytes again, the store is held    no; earlier ones
                                                                          perhaps
later                          the same bytes again, later                no
nothing at all; it still runs  the same bytes again, later                perhaps
we do not let you              the same bytes again, the store is held    no
we are another shop            the same bytes again, the store is held    no
                               until it says who it is

A sending that was certainly not executed leaves no trace: the batch is as it was before. One that
may have been is remembered by its time, and 20 hours later nothing is sent blindly.

A store that refuses to be written to is held until a write is taken. From time to time one batch
probes it; that the store can be read, or does not answer, or wants another key, ends nothing.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from sync_core import metrics, tracing
from sync_core.backoff import Backoff
from sync_core.clock import Ids
from sync_core.domain.adjustments import (
    BATCH_SPACING,
    MAX_BATCH_ROWS,
    expire,
    is_doubtful,
    mark_unwritten,
    may_send,
    plan_adjustments,
    refuse,
    settle_adjustment,
)
from sync_core.domain.values import Adjustment, LevelId, Outcome, Pool, PoolId, Severity
from sync_core.errors import (
    AccessLost,
    BatchRefused,
    KeyMisused,
    KeySpent,
    NoAnswer,
    NotSent,
    Refused,
    RowsRefused,
    StillRunning,
    StoreError,
    Throttled,
    WrongShop,
    cut,
)
from sync_core.ports import Batch, QuantityChange, Store, StoreState, StoreWork, Transaction
from sync_core.ports.settings import PAUSED_SETTING, SHADOW_SETTING
from sync_core.workers.context import Context
from sync_core.workers.outcomes import commit_outcomes
from sync_core.workers.supervisor import StoreAvailability

log = logging.getLogger(__name__)

# From a refusal to the next question, which may cost a batch; the first refusal is told.
PROBE = Backoff(first=60, longest=600, notify_after=1)
MAX_FULL_BATCHES = 8  # full batches planned at once


class Sender:
    """Writes to one store: one batch at a time, each until the store has answered."""

    def __init__(self, context: Context, store: Store) -> None:
        self._context = context
        self._store = store
        self._paused_until: datetime | None = None
        self._refusals = 0  # in a row
        self._updates = StoreAvailability(
            context.database,
            context.clock,
            context.rng,
            kind="updates_failing",
            severity=Severity.WARNING,
        )
        self._updates.may_have_been_reported(store.alias)

    async def round(self) -> float | None:
        """Send one batch if there is one; return the seconds until there may be more.

        0: at once. None: when it is woken.
        """
        if not self._context.may_write(self._store.alias):
            return None  # the worker that finds that it may wakes us
        now = self._context.clock.now()
        if self._paused_until is not None and now < self._paused_until:
            return (self._paused_until - now).total_seconds()
        batch, wait = await self._context.database.transaction(self._claim)
        if batch is None:
            return wait
        if is_doubtful(first_sent_at=batch.first_sent_at, now=self._context.clock.now()):
            await self._context.database.transaction(lambda tx: self._mark_doubtful(tx, batch))
            return 0.0
        if not self._context.may_write(batch.store):  # it may have run out meanwhile
            await self._context.database.transaction(
                lambda tx: tx.batches.release(batch, until=now, executed=False)
            )
            return None
        self._context.sending.add(batch.store)
        try:
            traces = [batch.trace]
            with tracing.span("batch", traces, store=batch.store, batch=batch.id, n=batch.rows):
                await self._send(batch)
        finally:
            self._context.sending.discard(batch.store)
        return 0.0

    def _claim(self, tx: Transaction) -> tuple[Batch | None, float | None]:
        """Write down what may leave now, and take the next batch; or say how long to wait."""
        context, alias = self._context, self._store.alias
        now = context.clock.now()
        state = tx.stores.get(alias)
        is_blocked = state.blocked_since is not None and not state.write_refused
        if is_blocked or tx.settings.get(SHADOW_SETTING) is not None:
            return None, None
        is_more_pending = plan_batches(tx, self._store, state, context.ids, now=now)
        batch = tx.batches.lease(alias, now=now, until=now + context.config.batch_lease)
        if batch is not None:
            return batch, None
        times = [tx.batches.next_at(alias)]
        if is_more_pending:
            times.append((state.last_sent_at or now) + BATCH_SPACING)
        waits = [(each - now).total_seconds() for each in times if each is not None]
        return None, max(0.01, min(waits)) if waits else None

    async def _send(self, batch: Batch) -> None:
        """Send a batch, and do what its answer asks for."""
        try:
            written_at = await self._send_counted(batch)
        except RowsRefused as refused:
            reasons = refused.reasons
            await self._record(lambda tx: self._split(tx, batch, reasons))
        except KeyMisused:
            log.exception(
                "a key is known otherwise",
                extra={"event": "key_misused", "store": self._store.alias},
            )
            await self._record(lambda tx: self._mark_doubtful(tx, batch))
        except StoreError as exc:
            await self._handle_refusal(batch, exc)
            return
        else:
            await self._record(lambda tx: self._settle(tx, batch, written_at))
            took = self._context.clock.now() - batch.planned_at
            metrics.UPDATE.labels(self._store.alias).observe(max(0.0, took.total_seconds()))
        await self._note_success()

    async def _send_counted(self, batch: Batch) -> datetime:
        """Send a batch, and count what the store answers."""
        alias = self._store.alias
        try:
            written_at = await self._store.send(batch.body)
        except StoreError as exc:
            metrics.BATCH_ANSWERS.labels(alias, type(exc).__name__).inc()
            raise
        metrics.BATCH_ANSWERS.labels(alias, "taken").inc()
        return written_at

    async def _record(self, work: Callable[[Transaction], None]) -> None:
        """Commit what an answer means for our books; wake those who have work by it."""

        def record(tx: Transaction) -> frozenset[StoreWork]:
            work(tx)
            return frozenset(tx.stock.store_work)

        with tracing.span("answer"):
            store_work = await self._context.database.transaction(record)
        self._context.store_work.notify(store_work)

    async def _handle_refusal(self, batch: Batch, exc: StoreError) -> None:
        """Do what an answer asks for that is neither yes nor no to the rows of a batch."""
        match exc:
            case AccessLost() | Refused() | WrongShop():
                pause = self._probe_pause(exc)
            case _:
                pause = await self._pause(exc)
        self._paused_until = until = self._context.clock.now() + pause
        await self._record(lambda tx: self._release_or_replan(tx, batch, exc, until))

    def _probe_pause(self, exc: StoreError) -> timedelta:
        """Return how long to leave a store alone that refuses us: a refusal may cost a batch."""
        if not isinstance(exc, Refused):
            return timedelta(seconds=PROBE.first)
        self._refusals += 1
        return timedelta(seconds=PROBE.delay(self._refusals))

    async def _pause(self, exc: StoreError) -> timedelta:
        """Return how long to leave a store alone that may take it later: longer each time."""
        context, alias = self._context, self._store.alias
        level = logging.WARNING
        if isinstance(exc, NotSent | NoAnswer) and not isinstance(exc, Throttled):
            await context.availability.failed(alias, exc)
            level = logging.DEBUG  # that it does not answer says enough
        wait = await self._updates.failed(alias, exc, level=level)
        return timedelta(seconds=exc.wait if isinstance(exc, Throttled) else wait)

    def _release_or_replan(
        self, tx: Transaction, batch: Batch, exc: StoreError, until: datetime
    ) -> None:
        """Keep a batch to be sent again, or what it was to write if its key is of no use."""
        now = self._context.clock.now()
        was_sent = batch.first_sent_at is not None
        match exc:
            case KeySpent() | BatchRefused():
                self._replan(tx, batch)
            case Refused() if not was_sent:
                self._replan(tx, batch)
            case NoAnswer() | StillRunning():
                tx.batches.release(batch, until=until, executed=True)
            case _:
                tx.batches.release(batch, until=until, executed=False)
        if isinstance(exc, AccessLost | Refused | WrongShop):
            # Where another shop answers nothing may be written, not even to find out.
            refused = not isinstance(exc, WrongShop)
            why = cut(str(exc))
            tx.stores.block(self._store.alias, why, now=now, write_refused=refused)

    async def _note_success(self) -> None:
        """Note that the store takes what we write."""
        self._paused_until = None
        self._refusals = 0
        await self._context.availability.succeeded(self._store.alias)
        await self._updates.succeeded(self._store.alias)

    def _close(
        self, tx: Transaction, batch: Batch, state: str
    ) -> tuple[list[Adjustment], Mapping[LevelId, Pool], datetime]:
        """Close a batch; return its adjustments and the pools of their levels, locked."""
        now = self._context.clock.now()
        open_ones = tx.batches.close(batch.id, state, now=now)
        return open_ones, tx.stock.pools_of(each.level for each in open_ones), now

    def _settle(self, tx: Transaction, batch: Batch, written_at: datetime) -> None:
        """Move the books by what the store has done."""
        now = self._context.clock.now()
        done = tx.batches.close(batch.id, "settled", now=now, written_at=written_at)
        pools = tx.stock.pools_of(each.level for each in done)
        hit = tx.batches.close_adjustments([each.id for each in done], "settled", now=now)
        # A batch has one level of a pool: no outcome builds on another.
        outcomes = [
            settle_adjustment(pools[each.level], each, written_at=written_at, now=now)
            for each in done
            if each.id in hit
        ]
        reversed_levels = [
            each.level
            for each in done
            if each.id in hit and pools[each.level].level(each.level).last_delta * each.delta < 0
        ]
        tx.stores.unblock(self._store.alias, now=now, written=True)
        commit_outcomes(tx, outcomes, self._context, now=now, reversed_levels=reversed_levels)

    def _split(self, tx: Transaction, batch: Batch, reasons: Mapping[int, str]) -> None:
        """Leave the refused rows alone; the rest is pending again, under a new key."""
        rows, pools, now = self._close(tx, batch, "refused")
        outcomes: list[Outcome] = []
        for number, each in enumerate(rows):
            pool = pools[each.level]
            if number in reasons:
                why = cut(reasons[number])
                tx.batches.close_adjustments([each.id], "refused", now=now, why=why)
                outcomes.append(refuse(pool, each, why=why, now=now))
            else:
                outcomes.append(mark_unwritten(pool, each, now=now))
        rest = [each.id for number, each in enumerate(rows) if number not in reasons]
        tx.batches.close_adjustments(rest, "replaced", now=now)
        tx.stores.unblock(self._store.alias, now=now, written=True)
        commit_outcomes(tx, outcomes, self._context, now=now)

    def _replan(self, tx: Transaction, batch: Batch) -> None:
        """Nothing was written under this key: all is pending again."""
        rows, pools, now = self._close(tx, batch, "refused")
        tx.batches.close_adjustments([each.id for each in rows], "replaced", now=now)
        outcomes = [mark_unwritten(pools[each.level], each, now=now) for each in rows]
        commit_outcomes(tx, outcomes, self._context, now=now)

    def _mark_doubtful(self, tx: Transaction, batch: Batch) -> None:
        """Nobody can say whether it was written: the levels stop, and people are told both."""
        rows, pools, now = self._close(tx, batch, "doubtful")
        tx.batches.close_adjustments([each.id for each in rows], "doubtful", now=now)
        outcomes = [expire(pools[each.level], each, now=now) for each in rows]
        commit_outcomes(tx, outcomes, self._context, now=now)


def plan_batches(
    tx: Transaction, store: Store, state: StoreState, ids: Ids, *, now: datetime
) -> bool:
    """Plan the batches that may leave for a store now; return whether more is pending.

    While all writing is paused, or one waits unsent, what is pending stays pending: differences net
    out. A probe of a store that refuses updates is one batch.
    """
    if tx.settings.get(PAUSED_SETTING) is not None:
        return False
    most = MAX_BATCH_ROWS if state.write_refused else MAX_BATCH_ROWS * MAX_FULL_BATCHES
    found = pools = tx.stock.writable_pools(store.alias, most)
    if not pools or tx.batches.has_unsent(store.alias):
        return bool(pools)
    last_sent_at = state.last_sent_at
    while pools and may_send(rows=len(pools), last_sent_at=last_sent_at, now=now):
        rows, pools = pools[:MAX_BATCH_ROWS], pools[MAX_BATCH_ROWS:]
        _plan_batch(tx, store, ids, rows, now=now)
        last_sent_at = now
    if last_sent_at != state.last_sent_at:
        tx.stores.record_sent(store.alias, now=now)
    return bool(pools) or len(found) == most


def _plan_batch(
    tx: Transaction, store: Store, ids: Ids, rows: Sequence[PoolId], *, now: datetime
) -> None:
    """Plan one batch with what is pending in these pools, if anything is."""
    outcomes: list[Outcome] = []
    deltas: dict[LevelId, int] = {}
    for pool in tx.stock.pools(rows).values():
        outcome, outstanding = plan_adjustments(pool, store.alias, now=now)
        outcomes.append(outcome)
        deltas.update(outstanding)
    tx.stock.save_outcomes(outcomes, now=now)
    if not deltas:
        return
    levels = {each.id: each for out in outcomes for each in out.pool.levels}
    changes = [
        QuantityChange(item=levels[level].key.item, location=levels[level].key.location, delta=by)
        for level, by in deltas.items()
    ]
    key = ids.new()
    body = store.encode_batch(key=key, reference=f"gid://tipo/Batch/{key}", changes=changes)
    planned = [(level, by, levels[level].level_baseline) for level, by in deltas.items()]
    traces = tx.deliveries.traces_of(rows) if tracing.is_on() else ()
    with tracing.span("plan", traces, store=store.alias, n=len(planned)):
        tx.batches.insert_batch(store.alias, key, body, planned, now=now)
