"""Send what is written down, and settle what the store has done.

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
from collections.abc import Mapping
from datetime import datetime, timedelta

from sync_core.domain.plan import SPACING, is_doubtful
from sync_core.domain.settle import expire, refuse, settle, unwritten
from sync_core.domain.values import Adjustment, LevelId, Outcome, Pool, Severity
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
from sync_core.ports import Batch, Ledger, Store
from sync_core.workers.braking import brake
from sync_core.workers.contesting import stop_contested
from sync_core.workers.context import Context
from sync_core.workers.planning import PAUSED, write_down, write_down_all
from sync_core.workers.reach import Reach

log = logging.getLogger(__name__)

FIRST_PROBE = timedelta(minutes=1)  # from a refusal to the next question,
LAST_PROBE = timedelta(minutes=10)  # growing up to this


class Sender:
    """Writes to one store: one batch at a time, each until the store has answered."""

    def __init__(self, context: Context, store: Store) -> None:
        self._context = context
        self._store = store
        self._resting_until: datetime | None = None
        self._refusals = 0  # in a row
        self._updates = Reach(
            context.records,
            context.clock,
            context.luck,
            kind="updates_failing",
            severity=Severity.WARNING,
        )
        self._updates.inherit(store.alias)

    async def round(self) -> float | None:
        """Send one batch if there is one; return the seconds until there may be more.

        0: at once. None: when the bell rings.
        """
        if not self._may_write():
            return None  # whoever finds that it may rings
        now = self._context.clock.now()
        if self._resting_until is not None and now < self._resting_until:
            return (self._resting_until - now).total_seconds()
        batch, wait = await self._context.records.step(self._claim)
        if batch is None:
            return wait
        if is_doubtful(first_sent_at=batch.first_sent_at, now=self._context.clock.now()):
            await self._context.records.step(lambda ledger: self._give_up(ledger, batch))
            return 0.0
        if not self._may_write():  # it may have run out while the database was busy
            await self._context.records.step(
                lambda ledger: ledger.release(batch, until=now, executed=False)
            )
            return None
        await self._send(batch)
        return 0.0

    def _may_write(self) -> bool:
        """Whether a request that writes may leave: the store has said who it is, and is ours."""
        if self._store.alias not in self._context.known:
            return False
        return self._context.permits.may_write(self._store.alias, self._context.clock.monotonic())

    def _claim(self, ledger: Ledger) -> tuple[Batch | None, float | None]:
        """Write down what may leave now, and take the next batch; or say how long to wait."""
        context, alias = self._context, self._store.alias
        now = context.clock.now()
        state = ledger.store(alias)
        if state.held_since is not None and not state.write_refused:
            return None, None
        write_down_all(ledger, [self._store], context.ids, now=now, probing=state.write_refused)
        batch = ledger.claim(alias, now=now, until=now + context.pace.claim)
        return batch, None if batch is not None else self._wait(ledger, now)

    def _wait(self, ledger: Ledger, now: datetime) -> float | None:
        """Return how long there is certainly nothing to send."""
        alias = self._store.alias
        times = [ledger.next_claim(alias)]
        if ledger.setting(PAUSED) is None and ledger.writable(alias, 1):
            times.append((ledger.store(alias).last_left or now) + SPACING)
        waits = [(each - now).total_seconds() for each in times if each is not None]
        return max(0.01, min(waits)) if waits else None

    async def _send(self, batch: Batch) -> None:
        """Send a batch, and do what its answer asks for."""
        records, alias = self._context.records, self._store.alias
        try:
            written_at = await self._store.send(batch.body)
        except RowsRefused as refused:
            reasons = refused.reasons
            await records.step(lambda ledger: self._split(ledger, batch, reasons))
        except KeyMisused:
            log.exception("a key is known otherwise", extra={"act": "key_misused", "store": alias})
            await records.step(lambda ledger: self._give_up(ledger, batch))
        except StoreError as exc:
            await self._not_taken(batch, exc)
            return
        else:
            await records.step(lambda ledger: self._settle(ledger, batch, written_at))
        await self._answered()

    async def _not_taken(self, batch: Batch, exc: StoreError) -> None:
        """Do what an answer asks for that is neither yes nor no to the rows of a batch."""
        match exc:
            case AccessLost() | Refused() | WrongShop():
                pause = self._probe_pause(exc)
            case _:
                pause = await self._pause(exc)
        self._resting_until = until = self._context.clock.now() + pause
        await self._context.records.step(lambda ledger: self._keep(ledger, batch, exc, until))

    def _probe_pause(self, exc: StoreError) -> timedelta:
        """Return how long to leave a store alone that refuses us: a refusal may cost a batch."""
        if not isinstance(exc, Refused):
            return FIRST_PROBE
        self._refusals += 1
        grown: timedelta = FIRST_PROBE * 2 ** min(self._refusals - 1, 10)
        return min(LAST_PROBE, grown)

    async def _pause(self, exc: StoreError) -> timedelta:
        """Return how long to leave a store alone that may take it later: longer each time."""
        context, alias = self._context, self._store.alias
        if isinstance(exc, NotSent | NoAnswer) and not isinstance(exc, Throttled):
            await context.reach.failed(alias, exc)
        wait = await self._updates.failed(alias, exc)
        return timedelta(seconds=exc.wait if isinstance(exc, Throttled) else wait)

    def _keep(self, ledger: Ledger, batch: Batch, exc: StoreError, until: datetime) -> None:
        """Keep a batch to be sent again, or what it was to write if its key is of no use."""
        now = self._context.clock.now()
        was_sent = batch.first_sent_at is not None
        match exc:
            case KeySpent() | BatchRefused():
                self._plan_anew(ledger, batch)
            case Refused() if not was_sent:
                self._plan_anew(ledger, batch)
            case NoAnswer() | StillRunning():
                ledger.release(batch, until=until, executed=True)
            case _:
                ledger.release(batch, until=until, executed=False)
        if isinstance(exc, AccessLost | Refused | WrongShop):
            # Where another shop answers nothing may be written, not even to find out.
            refused = not isinstance(exc, WrongShop)
            why = cut(str(exc))
            ledger.hold(self._store.alias, why, now=now, write_refused=refused)

    async def _answered(self) -> None:
        """Note that the store takes what we write, and wake who has work by what it said."""
        self._resting_until = None
        self._refusals = 0
        await self._context.reach.answered(self._store.alias)
        await self._updates.answered(self._store.alias)
        self._context.work.ring()

    def _close(
        self, ledger: Ledger, batch: Batch, state: str
    ) -> tuple[list[Adjustment], Mapping[LevelId, Pool], datetime]:
        """Close a batch; return its adjustments and the pools of their levels, locked."""
        now = self._context.clock.now()
        open_ones = ledger.close_batch(batch.id, state, now=now)
        return open_ones, ledger.pools_of(each.level for each in open_ones), now

    def _settle(self, ledger: Ledger, batch: Batch, written_at: datetime) -> None:
        """Move the books by what the store has done, and write down what follows."""
        now = self._context.clock.now()
        done = ledger.close_batch(batch.id, "settled", now=now, written_at=written_at)
        pools = ledger.pools_of(each.level for each in done)
        hit = ledger.close_adjustments([each.id for each in done], "settled", now=now)
        # A batch has one level of a pool: no outcome builds on another.
        outcomes = [
            settle(pools[each.level], each, written_at=written_at, now=now)
            for each in done
            if each.id in hit
        ]
        ledger.save(outcomes, now=now)
        ledger.let_go(self._store.alias, now=now, written=True)
        moved = brake(ledger, outcomes, self._context, now=now)
        turned = [
            each.level
            for each in done
            if each.id in hit and pools[each.level].level(each.level).last_delta * each.delta < 0
        ]
        stop_contested(ledger, outcomes, self._context, now=now, turned=turned)
        write_down_all(ledger, self._context.stores.values(), self._context.ids, now=now)
        ledger.count_traffic(moved, now=now)

    def _split(self, ledger: Ledger, batch: Batch, reasons: Mapping[int, str]) -> None:
        """Leave the refused rows alone, and send the rest under a new key."""
        rows, pools, now = self._close(ledger, batch, "refused")
        outcomes: list[Outcome] = []
        for number, each in enumerate(rows):
            pool = pools[each.level]
            if number in reasons:
                why = cut(reasons[number])
                ledger.close_adjustments([each.id], "refused", now=now, why=why)
                outcomes.append(refuse(pool, each, why=why, now=now))
            else:
                outcomes.append(unwritten(pool, each, now=now))
        rest = [each.id for number, each in enumerate(rows) if number not in reasons]
        ledger.close_adjustments(rest, "replaced", now=now)
        ledger.save(outcomes, now=now)
        ledger.let_go(self._store.alias, now=now, written=True)
        moved = brake(ledger, outcomes, self._context, now=now)
        write_down(ledger, self._store, self._context.ids, now=now)
        ledger.count_traffic(moved, now=now)

    def _plan_anew(self, ledger: Ledger, batch: Batch) -> None:
        """Nothing was written under this key: all is owed again."""
        rows, pools, now = self._close(ledger, batch, "refused")
        ledger.close_adjustments([each.id for each in rows], "replaced", now=now)
        outcomes = [unwritten(pools[each.level], each, now=now) for each in rows]
        ledger.save(outcomes, now=now)
        ledger.count_traffic(brake(ledger, outcomes, self._context, now=now), now=now)

    def _give_up(self, ledger: Ledger, batch: Batch) -> None:
        """Nobody can say whether it was written: the levels stop, and people are told both."""
        rows, pools, now = self._close(ledger, batch, "doubtful")
        ledger.close_adjustments([each.id for each in rows], "doubtful", now=now)
        outcomes = [expire(pools[each.level], each, now=now) for each in rows]
        ledger.save(outcomes, now=now)
