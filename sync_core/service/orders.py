"""What people may order. Everything it changes is a row that the engine acts on."""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta, tzinfo
from functools import partial

from sync_core.domain.arrange import Place, Places
from sync_core.domain.decide import Effect
from sync_core.domain.lease import (
    Takeover,
    TakeoverAnswer,
    lease_news,
    takeover_questions,
    too_late,
)
from sync_core.domain.nights import begins, due_night
from sync_core.domain.proposals import (
    Choice,
    Option,
    Person,
    Proposal,
    ProposalKind,
    Receipt,
    Report,
    ReportKind,
    Write,
)
from sync_core.domain.values import Alias, LocationId, Mode, News, PoolId, Severity
from sync_core.errors import NotAllowed
from sync_core.papers import Draft, Wish
from sync_core.ports import LONG_STEP_SECONDS, Ledger
from sync_core.service.questions import PREFERENCE, Questions
from sync_core.workers.carrying_out import call_meetings, owing, pools_of, try_undo
from sync_core.workers.engine import BELL
from sync_core.workers.planning import PAUSED
from sync_core.workers.proposing import Proposer
from sync_core.workers.reporting import what_stands

log = logging.getLogger(__name__)

NIGHTS = "nights_since"  # the setting that says since when there are nights
ASKED_FOR = timedelta(minutes=15)  # how long a question that somebody asked stays open
MOST_WRITES = 100  # that the question before an undo keeps; it names fewer
GREATEST_BUFFER = 1_000_000


class Orders(Questions):
    """The part of the service that takes orders."""

    # -- modes
    async def set_mode(self, mode: Mode, *, by: str, alias: Alias | None = None) -> list[Alias]:
        """Change the mode of every connection, or of one: a new first meeting each.

        Returns the destinations whose mode it is now; one that had it already is left in peace.
        Nothing is written by this: levels that agree are adopted, levels that differ are left
        alone and listed.

        Raises:
            NotAllowed: If there is no such destination.
        """
        wanted = await self._destinations(alias)
        now = self._clock.now()
        call = partial(self._call, wanted=wanted, mode=mode, by=by, now=now)
        await self._records.step(call, limit=LONG_STEP_SECONDS)
        log.info("mode %s for %s", mode, ", ".join(wanted), extra={"act": "mode", "by": by})
        return wanted

    def _call(
        self, ledger: Ledger, wanted: Sequence[Alias], mode: Mode, by: str, now: datetime
    ) -> None:
        others = [each for each in wanted if ledger.store(each).mode is not mode]
        call_meetings(ledger, others, mode, by=by, token=self._ids.new(), now=now)
        self._ring(ledger)

    async def ask_mode(self, mode: Mode, alias: Alias | None, by: Person, reply: str) -> Report:
        """Begin a preflight: compare the stores, then ask for a confirmation.

        Raises:
            NotAllowed: If there is no such destination, or all are in that mode already.
        """
        wanted = await self._destinations(alias)
        modes = {each.alias: each.mode.value for each in await self.stores()}
        before = {each: modes[each] for each in wanted}
        if not wanted or all(was == mode.value for was in before.values()):
            raise NotAllowed(f"the mode is {mode} already, for {', '.join(wanted) or 'nobody'}")
        source = [each for each in modes if each not in await self._destinations(None)]
        facts = {
            "mode": mode.value,
            "source": source[0],
            "alias": alias,
            "before": before,
            "reply": reply,
            "person": {"team": by.team, "id": by.id, "name": by.name},
        }
        wish = Wish(kind=ReportKind.PREFLIGHT, token=self._ids.new(), by=by.name, facts=facts)
        report, is_new = await self._want(wish)
        if not is_new:
            raise NotAllowed(
                f"the stores are being compared right now ({report.kind}); ask again in a moment"
            )
        return report

    # -- who may write
    async def take_over(self, tokens: Sequence[str], by: Person) -> Takeover:
        """Fence another Tipo out, where the questions are still open that somebody has answered.

        Whoever serves does it, in a minute or two. The stores' numbers are then taken as they are:
        levels that agree are adopted, the others wait for a person. Where this database is older
        than what Tipo has done, that is so for every store.
        """
        now = self._clock.now()

        def work(ledger: Ledger) -> Takeover:
            asked = takeover_questions(ledger.leases().values())
            stores = [each for one in asked if one.token in tokens for each in one.stores]
            started = [ledger.start_takeover(each, by.name, now=now) for each in stores]
            leases = ledger.leases().values()
            if not any(started):
                return too_late(tokens, leases)
            ledger.tell(lease_news(leases), now=now)
            self._ring(ledger)
            return Takeover(answer=TakeoverAnswer.STARTED, stores=tuple(stores), by=by.name)

        found = await self._records.step(work)
        if found.answer is TakeoverAnswer.STARTED:
            log.warning(
                "take over %s", ", ".join(found.stores), extra={"act": "take_over", "by": by.id}
            )
        return found

    # -- comparisons
    async def check(self, by: str, reply: str | None = None) -> Report:
        """Compare the stores now; if they are being compared already, return that report.

        Args:
            by: Who asks.
            reply: Where a face tells them what came of it, whoever else has asked; empty: they
                are told in person. None: they wait for the report themselves.
        """
        asker = None if reply is None else {"by": by, "reply": reply}
        while True:
            facts = {} if asker is None else {"askers": [asker]}
            wish = Wish(kind=ReportKind.CHECK, token=self._ids.new(), by=by, facts=facts)
            report, is_new = await self._want(wish)
            if is_new or asker is None or await self._join(report.id, asker):
                return report
            # That comparison has ended at this very moment: ask for one of our own.

    async def _join(self, report: int, asker: Mapping[str, str]) -> bool:
        return await self._records.step(lambda ledger: ledger.join_report(report, asker))

    async def begin_nights(self) -> None:
        """Note since when this Tipo exists: nights before that were not missed."""
        now = self._clock.now().isoformat()
        await self._records.step(lambda ledger: ledger.swap(NIGHTS, None, now))

    async def night(self, at: time, zone: tzinfo) -> Report | None:
        """Ask for the report of the night that has begun, if there is one and nobody has."""
        now = self._clock.now()
        night = due_night(now, at, zone)
        since = await self._records.step(lambda ledger: ledger.setting(NIGHTS))
        if night is None or since is None or begins(night, at, zone) < _time(since):
            return None
        wish = Wish(kind=ReportKind.NIGHT, token=self._ids.new(), night=night.isoformat())
        report, is_new = await self._want(wish)
        return report if is_new else None

    async def drift(self, by: str) -> Report:
        """Return what stands, with fresh proposals; reads levels, compares nothing else."""
        wish = Wish(kind=ReportKind.DRIFT, token=self._ids.new(), by=by)
        now = self._clock.now()
        number, _ = await self._records.step(partial(_want_held, wish, now))
        proposer = Proposer(self._records, self._stores, self._clock, self._ids)
        await what_stands(number, proposer, self._records, self._clock)
        found = await self.report(number)
        if found is None:
            raise NotAllowed("the report is gone; ask again")
        return found

    async def _want(self, wish: Wish) -> tuple[Report, bool]:
        now = self._clock.now()

        def work(ledger: Ledger) -> tuple[Report | None, bool]:
            number, is_new = ledger.want_report(wish, now=now)
            self._ring(ledger)
            return ledger.report(number), is_new

        report, is_new = await self._records.step(work)
        if report is None:  # the transaction has just made it
            raise NotAllowed("the report is gone; ask again")
        return report, is_new

    # -- undo
    async def ask_undo(self, receipt_id: int, by: Person) -> Proposal:
        """Return the question whether to take back what a receipt did.

        Raises:
            NotAllowed: If it cannot be taken back; the message says why.
        """
        now = self._clock.now()
        token = self._ids.new()
        return await self._records.step(partial(self._ask_undo, receipt_id, by, token, now))

    def _ask_undo(
        self, receipt: int, by: Person, token: str, now: datetime, ledger: Ledger
    ) -> Proposal:
        found = ledger.receipt(receipt)
        effects = ledger.effects(receipt)
        _refuse_undo(receipt, found, effects)
        writes, reasons = _would_undo(ledger, effects, now)
        if len(reasons) == len(effects):
            raise NotAllowed("; ".join(reasons))
        draft = Draft(
            kind=ProposalKind.UNDO,
            subject=str(receipt),
            title=f"receipt {receipt}",
            facts={
                "receipt": receipt,
                "pools": len(effects),
                "cannot": reasons[:MOST_WRITES],
                "writes": len(writes),
                "by": by.name,
            },
            options=(
                Option(
                    choice=Choice.CONFIRM,
                    words=f"Take back receipt {receipt}",
                    writes=tuple(writes[:MOST_WRITES]),
                ),
            ),
            recommended=Choice.CONFIRM,
        )
        ledger.propose([(draft, token)], report=None, now=now, expires_at=now + ASKED_FOR)
        made = ledger.proposal(token)
        if made is None:  # the line above has just made it
            raise NotAllowed("the question is gone; ask again")
        return made

    # -- writing
    async def pause(self, *, by: str) -> None:
        """Stop writing; go on counting."""
        word = f"{by}, {self._clock.now():%Y-%m-%d %H:%M} UTC"
        await self._records.step(lambda ledger: self._set_paused(ledger, word))

    async def resume(self) -> None:
        """Write the sum of what is owed."""
        await self._records.step(lambda ledger: self._set_paused(ledger, None))

    def _set_paused(self, ledger: Ledger, word: str | None) -> None:
        # Two people at once: only the one whose statement has changed the row tells of it.
        said = ledger.add_setting(PAUSED, word) if word else ledger.take_setting(PAUSED)
        if said is not None:
            facts: dict[str, str | int | float | bool | None] = {"by": said}
            news = News(
                kind="paused",
                subject="writing",
                severity=Severity.WARNING,
                facts=facts,
                over=word is None,
            )
            ledger.tell([news], now=self._clock.now())
        self._ring(ledger)

    def _ring(self, ledger: Ledger) -> None:
        """Wake the serving process, whichever it is."""
        ledger.set(BELL, self._ids.new())

    # -- places and buffers
    async def set_places(self, places: Places, by: Person) -> None:
        """Keep another location map; new places get their pools at once.

        Raises:
            NotAllowed: If a location is used twice or unknown, or a level would change its pool.
        """
        now = self._clock.now()
        await self._records.step(partial(self._set_places, places, by, now))
        log.info("places changed", extra={"act": "places", "by": by.id})

    def _set_places(self, places: Places, by: Person, now: datetime, ledger: Ledger) -> None:
        del by, now
        ledger.lock_places()
        known = {
            (store, location): name
            for store, some in ledger.locations().items()
            for location, name in some
        }
        _refuse_odd(places, known)
        kept = ledger.places()
        given = {place.id: place.locations for place in places}
        if not given.keys() <= {0, *(place.id for place in kept)}:
            raise NotAllowed("a place of this map is gone; look at the map again")
        for before in kept:
            wanted = given.get(before.id, {})
            changed = {
                store
                for store, location in before.locations.items()
                if wanted.get(store) != location
            }
            if changed and ledger.has_levels(before.id, changed):
                raise NotAllowed(
                    f"{before.name} has stock in {', '.join(sorted(changed))} that others share; "
                    "a location that is in use cannot be moved to another place"
                )
        ledger.save_places(places)
        self._ring(ledger)

    async def set_buffer(
        self, pool_ids: Sequence[PoolId] | None, units: int, alias: Alias | None, by: Person
    ) -> int:
        """Keep units back from destinations, or from one; return how many levels that changed.

        Args:
            pool_ids: Which pools; None: all, and those to come.
            units: How many units of the shared quantity are kept back.
            alias: From which store; None: from every destination.
            by: Who says so.

        Raises:
            NotAllowed: If the number makes no sense, or there is no such destination.
        """
        if not 0 <= units <= GREATEST_BUFFER:
            raise NotAllowed(f"a buffer is a number from 0 to {GREATEST_BUFFER:,}")
        wanted = await self._destinations(alias)

        def work(ledger: Ledger) -> int:
            count = ledger.set_buffer(pool_ids, units, wanted)
            self._ring(ledger)
            return count

        count = await self._records.step(work, limit=LONG_STEP_SECONDS)
        log.info("buffer %d", units, extra={"act": "buffer", "by": by.id, "n": count})
        return count

    # -- deliveries
    async def retry_deliveries(self, numbers: Sequence[int] | None, *, by: str) -> list[int]:
        """Have deliveries that were set aside processed again, some or all; return which.

        Raises:
            NotAllowed: If one of them is not set aside; then none is processed again.
        """
        again = await self._records.step(partial(self._retry, numbers))
        facts = {"act": "deliveries_retried", "by": by, "n": len(again)}
        log.info("%d deliveries are tried again", len(again), extra=facts)
        return again

    def _retry(self, numbers: Sequence[int] | None, ledger: Ledger) -> list[int]:
        again = ledger.retry_deliveries(numbers)
        unknown = sorted(set(numbers or ()) - set(again))
        if unknown:
            listed = ", ".join(map(str, unknown))
            raise NotAllowed(f"not set aside: {listed}; `tipo deliveries` lists what is")
        self._ring(ledger)
        return again

    # -- a face's own settings
    async def set_preference(self, name: str, value: str | None, by: Person) -> None:
        """Keep a setting of a face; None takes it away."""
        kept = None if value is None else json.dumps({"value": value, "by": by.name, "id": by.id})
        await self._records.step(lambda ledger: ledger.set(PREFERENCE + name, kept))
        log.info("%s set", name, extra={"act": "preference", "by": by.id})


def _time(kept: str) -> datetime:
    return datetime.fromisoformat(kept)


def _want_held(wish: Wish, now: datetime, ledger: Ledger) -> tuple[int, bool]:
    """Make a report that its maker works on itself."""
    number, is_new = ledger.want_report(wish, now=now)
    ledger.put_off_report(number, until=now + ASKED_FOR, why="")
    return number, is_new


def _refuse_odd(places: Sequence[Place], known: Mapping[tuple[Alias, LocationId], str]) -> None:
    """Raise NotAllowed if a location map cannot be."""
    names = [place.name.strip() for place in places]
    if not all(names) or len({each.lower() for each in names}) < len(names):
        raise NotAllowed("every place needs a name of its own")
    used: dict[tuple[Alias, LocationId], str] = {}
    for place in places:
        for spot in place.locations.items():
            if spot not in known:
                raise NotAllowed(f"{spot[0]} has no open location {spot[1]}; see `tipo places`")
            if spot in used:
                raise NotAllowed(f"{known[spot]} of {spot[0]} is in {used[spot]} and {place.name}")
            used[spot] = place.name


def _refuse_undo(number: int, receipt: Receipt | None, effects: Sequence[Effect]) -> None:
    """Raise NotAllowed if there is nothing that a receipt could take back."""
    if receipt is None:
        raise NotAllowed(f"there is no receipt {number}")
    if receipt.running:
        raise NotAllowed(f"receipt {number} is still being carried out; ask again in a moment")
    if receipt.undone_by is not None:
        raise NotAllowed(f"receipt {number} was taken back already, by {receipt.undone_by}")
    if not effects:
        raise NotAllowed(f"receipt {number} moved no stock, so there is nothing to take back")


def _would_undo(
    ledger: Ledger, effects: Sequence[Effect], now: datetime
) -> tuple[list[Write], list[str]]:
    """Return what taking effects back would write, and why some cannot be taken back."""
    writes: list[Write] = []
    reasons: list[str] = []
    pools = pools_of(ledger, effects)
    for effect in effects:
        did = try_undo(effect, pools[effect.pool], ledger, now=now)
        if isinstance(did, str):
            reasons.append(did)
        else:
            writes += owing(did[0].pool)
    return writes, reasons
