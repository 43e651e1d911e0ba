"""Keep the lease of one store: take it, renew it, stop writing when somebody else has it.

    the mark              what we had noted     then
    --------------------  --------------------  --------------------------------------------------
    may be ours           nothing, or OURS      our mark is put there; writing goes on
    may be ours           OLDER or FOREIGN      a person was asked, and still has to answer
    OLDER or FOREIGN      nothing, or OURS      nothing is written any more; people are asked
    any                   TAKING_OVER           our mark is put there; 60 s later, if it is still
                                                our own, a new baseline is taken, and writing begins
    OLDER or FOREIGN      TAKING_OVER, and our  somebody else has taken over since: nothing is
                          mark was there        written; people are asked again

Whatever is heard of the store meanwhile is kept and accounted for. A store that does not answer
loses nothing by it: the lease runs out, and is renewed when it answers again.
"""

import logging
from collections.abc import Sequence
from functools import partial

from sync_core.backoff import Backoff
from sync_core.domain.leases import (
    RENEW_EVERY_SECONDS,
    LeaseClaim,
    LeaseMark,
    LeaseState,
    LeaseView,
    claim_of,
    lease_news,
    waits_until,
)
from sync_core.domain.values import NEVER, Event, Severity
from sync_core.errors import (
    AccessLost,
    MarkChanged,
    NoAnswer,
    NotPermitted,
    Refused,
    StoreError,
    Throttled,
    WrongShop,
)
from sync_core.ports import Store, StoredMark, Subscription, Transaction
from sync_core.workers.context import Context
from sync_core.workers.outcomes import take_new_baseline
from sync_core.workers.supervisor import StoreAvailability

log = logging.getLogger(__name__)

NOT_IDENTIFIED_SECONDS = 0.5  # seconds until asking again whether the store has said who it is
NOT_READY_SECONDS = 1.0  # seconds until asking again whether the other stores are taken over, too
MAX_RETRY_SECONDS = 15.0  # seconds, at the most, after a renewal that got no answer
# A renewal that is refused costs points, and nothing is written until a person has acted.
REFUSED_RENEWAL = Backoff(first=120, longest=120)
# Where the store let us keep none: somebody may grant the app more at any time.
FULL_MARK = Backoff(first=60, longest=60)
NAME_PREFIX = "tipo-"  # of our subscriptions
MAX_NAME_CHARACTERS = 50  # characters of a subscription's name: letters, digits, "_" and "-"
INSTANCE_CHARACTERS = 12  # characters of an instance that a name has room for
MAX_SWAP_TRIES = 3  # at a compare-and-set that somebody else was faster at


class SubscriptionMark:
    """Reads a mark off the names of subscriptions, where a store lets us keep none.

    Whose subscription is the oldest holds the store, and whoever takes over throws the others out.
    It is weaker. There is no compare-and-set, so two that start at the same moment do not see each
    other until their next renewal; it says nothing of how far a database has come, so that an older
    one is not noticed; and where stores are polled there are no subscriptions, hence no mark. So
    the store is asked again each minute whether it lets us keep a full one by now.
    """

    def __init__(self, context: Context, store: Store) -> None:
        self._context = context
        self._store = store

    async def mark(self) -> StoredMark:
        """Return who was there first. There is no digest: the owner's name stands in for it."""
        new = self._context.ids.new()
        ours = _short(await self._context.database.transaction(lambda tx: tx.leases.instance(new)))
        owner = _owner(await self._named())
        mark = LeaseMark(instance=owner, renewal="", at=NEVER) if owner not in {"", ours} else None
        return StoredMark(mark=mark, digest=owner)

    async def write_mark(self, mark: LeaseMark, digest: str | None) -> str:
        """Throw out the subscriptions of another owner; ours are made within the hour.

        Raises:
            MarkChanged: If the owner is another one than `digest` by now.
        """
        named, ours = await self._named(), _short(mark.instance)
        if _owner(named) != digest:
            raise MarkChanged("the subscriptions are somebody else's now")
        if digest in {"", ours}:
            return digest
        for each in named:
            if _owner([each]) != ours:
                await self._store.unsubscribe(each.id)
        return _owner([each for each in named if _owner([each]) == ours])

    async def _named(self) -> list[Subscription]:
        """Return the subscriptions that some Tipo has made, the oldest first."""
        found = await self._store.subscriptions()
        ours = [each for each in found if each.name.startswith(NAME_PREFIX)]
        return sorted(ours, key=lambda each: (len(each.id), each.id))


def _owner(named: Sequence[Subscription]) -> str:
    """Return whose the oldest is; nothing if there is none."""
    return named[0].name.removeprefix(NAME_PREFIX).partition("-")[0] if named else ""


def _short(instance: str) -> str:
    return instance[-INSTANCE_CHARACTERS:]


def subscription_name(instance: str, topic: str) -> str:
    """Return the name of one of our subscriptions, unique in the shop."""
    return f"{NAME_PREFIX}{_short(instance)}-{topic.replace('/', '-')}"[:MAX_NAME_CHARACTERS]


class LeaseKeeper:
    """Holds the lease of one store for this process."""

    def __init__(self, context: Context, store: Store) -> None:
        self._context = context
        self._store = store
        self._subscription_mark = SubscriptionMark(context, store)
        self._is_new = True
        self._is_weak = False
        self._full_at = 0.0  # weak: when to try a full mark again, by the steady clock
        self._held: StoredMark | None = None  # the mark as we wrote it last; None: read it first
        self._writes_from: float | None = None  # taking over: when the wait is over
        self._due_at = 0.0  # by the steady clock
        # Without a lease nothing is written: a store that can be read must not hide that.
        self._updates = StoreAvailability(
            context.database,
            context.clock,
            context.rng,
            kind="updates_failing",
            severity=Severity.WARNING,
        )
        self._updates.may_have_been_reported(
            store.alias
        )  # a renewal is an update that the store takes

    async def round(self) -> float:
        """Do what is due; return the seconds until more is.

        Raises:
            StoreError: If the store does not accept us, or is another one than we know.
        """
        context, alias = self._context, self._store.alias
        if self._is_new:
            context.permits.remember(
                await context.database.transaction(lambda tx: tx.leases.of(alias))
            )
            self._is_new = False
        if alias not in context.identified:
            return NOT_IDENTIFIED_SECONDS
        wait = self._due_at - context.clock.monotonic()
        if wait > 0:
            noted = await context.database.transaction(lambda tx: tx.leases.of(alias))
            if noted.state is not LeaseState.TAKING_OVER or self._writes_from is not None:
                return wait
        wait = await self._try_round()
        self._due_at = context.clock.monotonic() + wait
        return wait

    async def _try_round(self) -> float:
        """Renew or take over; return the seconds until the next time."""
        context, alias = self._context, self._store.alias
        try:
            wait = await self._renew_preferring_full_mark()
        except NotPermitted as exc:
            if self._is_weak:
                raise
            log.info(
                "no mark at %s: %s",
                alias,
                exc,
                extra={"event": "subscription_mark", "store": alias},
            )
            self._is_weak, self._held = True, None
            self._full_at = context.clock.monotonic() + FULL_MARK.first
            return 0.0
        except Throttled as exc:
            return exc.wait
        except (AccessLost, WrongShop):
            self._held = None
            raise
        except StoreError as exc:
            # Perhaps it was written all the same: the mark must be read before the next try.
            self._held = None
            state = await context.database.transaction(lambda tx: tx.stores.get(alias))
            if state.blocked_since is None:  # else people know that nothing is written there
                level = logging.WARNING if isinstance(exc, Refused) else logging.DEBUG
                await self._updates.failed(alias, exc, level=level)
            if isinstance(exc, Refused):
                return REFUSED_RENEWAL.first
            return min(MAX_RETRY_SECONDS, await context.availability.failed(alias, exc))
        await self._updates.succeeded(alias)
        await context.availability.succeeded(alias)
        return wait

    async def _renew_preferring_full_mark(self) -> float:
        """Renew; where the mark is the weaker one, see now and then whether a full one may be kept.

        Only once the weaker one has said that we may write: two that do not look at the same mark
        do not see each other.
        """
        wait = await self._renew()
        if not self._is_weak or self._context.clock.monotonic() < self._full_at:
            return wait
        alias = self._store.alias
        noted = await self._context.database.transaction(lambda tx: tx.leases.of(alias))
        if noted.state is not LeaseState.OURS:
            return wait
        self._is_weak, self._held = False, None
        return await self._renew()

    async def _renew(self) -> float:
        """Put our mark there if we may."""
        context, alias = self._context, self._store.alias
        for _ in range(MAX_SWAP_TRIES):
            held = self._held or await self._marks().mark()
            # Our database is read after the mark: another process of ours may have gone on.
            claim, noted, mark = await context.database.transaction(partial(self._claim, held))
            taking_over = noted.state is LeaseState.TAKING_OVER
            context.permits.note_mark(
                alias,
                older=_is_older(claim, noted, lost=taking_over and mark is None),
                elsewhere=taking_over or mark is None,
            )
            if mark is None:
                return await self._stop_writing(claim, held, noted)
            asked_at = context.clock.monotonic()
            try:
                digest = await self._marks().write_mark(mark, held.digest)
            except MarkChanged:
                self._held = None
                continue
            self._held = StoredMark(mark=mark, digest=digest)
            return await self._renewed(held, mark, asked_at, noted)
        raise NoAnswer(f"the mark in {alias} changes all the time")

    def _claim(
        self, held: StoredMark, tx: Transaction
    ) -> tuple[LeaseClaim, LeaseView, LeaseMark | None]:
        """Say what a mark means; where ours may be put in its place, record that it may be there.

        A person who was asked still has to answer, also where the mark has gone meanwhile.
        """
        alias, ids = self._store.alias, self._context.ids
        instance = tx.leases.instance(ids.new())
        noted = tx.leases.of(alias)
        claim = claim_of(held.mark, tx.leases.recorded(alias))
        if noted.state is LeaseState.TAKING_OVER:
            # Once our mark was there, any other one is that of somebody who came after us.
            may_take = claim.may_write or self._writes_from is None
        else:
            may_take = claim.may_write and not noted.state.asks
        if not may_take:
            return claim, noted, None
        mark = LeaseMark(instance=instance, renewal=ids.new(), at=self._context.clock.now())
        tx.leases.begin_renewal(alias, mark.renewal)
        return claim, noted, mark

    def _marks(self) -> Store | SubscriptionMark:
        """Return what keeps the mark: the store, or our subscriptions where it does not let us."""
        return self._subscription_mark if self._is_weak else self._store

    async def _renewed(
        self, before: StoredMark, mark: LeaseMark, asked_at: float, noted: LeaseView
    ) -> float:
        """Go on writing; or, where we take over, first wait and take a new baseline."""
        context, alias = self._context, self._store.alias
        await context.database.transaction(partial(self._note_taken, mark))
        if noted.state is LeaseState.TAKING_OVER:
            if self._writes_from is None:
                self._writes_from = waits_until(before.mark, asked_at)
            wait = self._writes_from - asked_at
            if wait > 0:
                return min(wait, RENEW_EVERY_SECONDS)
            # The compare-and-set that has just succeeded says: the mark is still our own.
            if not await context.database.transaction(self._finish_takeover):
                return NOT_READY_SECONDS
            context.catalogues.notify()
        self._writes_from = None
        was_writing = context.permits.may_write(alias, asked_at)
        context.permits.renew(alias, asked_at)
        if not was_writing:
            context.store_work.notify()
        return RENEW_EVERY_SECONDS

    def _finish_takeover(self, tx: Transaction) -> bool:
        """Take numbers as they are, once, whichever process comes first; whether that is done."""
        alias, now = self._store.alias, self._context.clock.now()
        ended = tx.leases.end_takeover(alias, now=now)
        if ended is None or ended.reason is None:
            return tx.leases.of(alias).state is LeaseState.OURS
        store = alias if ended.reason is LeaseState.FOREIGN else None
        take_new_baseline(tx, store, now=now)
        tx.baselines.save(store, ended.reason.value, ended.by, now=now)
        taken = Event(
            kind="baseline",
            subject="baseline",
            facts={"store": store, "by": ended.by, "reason": ended.reason.value},
        )
        tx.notifications.notify_once([taken], now=now)
        tx.notifications.notify(lease_news(tx.leases.all().values()), now=now)
        log.warning(
            "a new baseline of %s",
            store or "every store",
            extra={"event": "reset_baselines", "by": ended.by},
        )
        return True

    def _note_taken(self, mark: LeaseMark, tx: Transaction) -> None:
        """Note that the store has taken our mark; people are told where that is news."""
        alias, now = self._store.alias, self._context.clock.now()
        tx.leases.end_renewal(alias, mark.renewal)
        if tx.leases.note(alias, LeaseState.OURS, None, weak=self._is_weak, now=now):
            tx.notifications.notify(lease_news(tx.leases.all().values()), now=now)

    async def _stop_writing(self, claim: LeaseClaim, held: StoredMark, noted: LeaseView) -> float:
        """Write nothing, and ask people, once."""
        context, alias = self._context, self._store.alias
        context.permits.end(alias)
        self._held = self._writes_from = None
        state = LeaseState(claim.value) if not claim.may_write else noted.state

        def work(tx: Transaction) -> bool:
            now = context.clock.now()
            if noted.state is LeaseState.TAKING_OVER:
                tx.leases.lose_takeover(alias)
            changed = tx.leases.note(alias, state, held.mark, weak=self._is_weak, now=now)
            if changed:
                tx.notifications.notify(lease_news(tx.leases.all().values()), now=now)
            return changed

        if await context.database.transaction(work):
            log.error(
                "nothing is written to %s: its mark is not ours",
                alias,
                extra={"event": "lease_lost", "store": alias, "state": state.value},
            )
            context.requests.notify()
        return RENEW_EVERY_SECONDS


def _is_older(claim: LeaseClaim, noted: LeaseView, *, lost: bool) -> bool:
    """Whether this database is older than a mark, and nobody has taken new numbers since.

    While somebody takes over, the mark that was found says nothing: unless that was lost.
    """
    if noted.state is LeaseState.TAKING_OVER and not lost:
        return noted.reason is LeaseState.OLDER
    return claim is LeaseClaim.OLDER or noted.stands(LeaseState.OLDER)
