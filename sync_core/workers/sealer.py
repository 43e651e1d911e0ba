"""Seal each day, and verify the seals.

    the newest seal                     then
    ----------------------------------  ----------------------------------------------------------
    is open, its line drawn just now    wait: what has a number below it may not be committed yet
    is open, its line an hour old       read what is below it, and close it
    is closed, yesterday has a seal     nothing
    is closed, yesterday has none       draw the line: what was recorded by now is yesterday's

A process that dies in between leaves an open seal, and whoever comes next closes it. With the
first seal everything that a database holds is sealed. Days on which nobody was there have no seal
of their own; what was recorded is in the next one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sync_core.clock import Clock
from sync_core.domain.seals import (
    NO_DIGEST,
    AlteredSeal,
    Digester,
    Seal,
    SealedContent,
    SealedKind,
    Value,
    check_chain,
    check_contents,
    digest_of,
)
from sync_core.domain.views import SealView
from sync_core.ports import Database, Transaction

CLOSE_AFTER = timedelta(hours=1)  # by then every transaction is over that began before the line
ROWS_PER_STEP = 5000  # rows read in one step
SEALS_PER_STEP = 100  # seals read in one step
STATE_COLUMN, CLOSED_AT_COLUMN = 5, 8  # where a sealed adjustment has them
ADJUSTMENTS_KEPT_FOR = timedelta(
    days=398
)  # adjustments that were closed since then are certainly still there
DAY = timedelta(days=1)


class Sealer:
    """Draws and closes seals."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self) -> None:
        """Draw or close a seal if it is time."""
        now = self._clock.now()
        last, before = await self._database.transaction(_newest)
        if last is not None and last.digest is None:
            wait = last.drawn_at + CLOSE_AFTER - now
            if timedelta() < wait <= CLOSE_AFTER:  # longer: the clock was set back since
                return
            last = await self._close(last, before)
        yesterday = (now - DAY).date().isoformat()
        if last is None or last.day != yesterday:
            await self._database.transaction(lambda tx: tx.seals.open(yesterday, last, now=now))

    async def _close(self, seal: Seal, before: Seal | None) -> Seal:
        """Read what a seal is about, and close it; return it as it is then."""
        contents = await _contents(self._database, seal, before)
        found = await _adjustments(self._database, seal, before, left_out=None)
        closed = replace(
            seal,
            contents={**contents, SealedKind.ADJUSTMENTS: found.content},
            open=found.open,
            oldest=found.oldest,
        )
        known = NO_DIGEST if before is None else before.digest or NO_DIGEST
        closed = replace(closed, digest=digest_of(closed, known))
        now = self._clock.now()
        await self._database.transaction(lambda tx: tx.seals.close(closed, now=now))
        return closed


def _newest(tx: Transaction) -> tuple[Seal | None, Seal | None]:
    """Return the newest seal, and the one that it follows."""
    last = tx.seals.last()
    if last is None or not last.previous:
        return last, None
    before = tx.seals.page(after=last.previous - 1, limit=1)
    return last, before[0] if before and before[0].id == last.previous else None


async def verify_seals(database: Database, clock: Clock) -> SealView:
    """Compare every closed seal with what there is now, and stop at the first that differs.

    Adjustments are kept for 400 days. Of older seals theirs are no longer compared; movements,
    receipts and what they did are.
    """
    now = clock.now()
    view = SealView()
    before: Seal | None = None
    while True:
        after = 0 if before is None else before.id
        some = await database.transaction(partial(_next_seals, after))
        closed = [each for each in some if each.digest is not None]
        for seal in closed:
            altered = await _altered(database, seal, before, now)
            if altered is not None:
                return replace(view, altered=altered)
            view = SealView(
                days=view.days + 1,
                first=view.first or seal.day,
                last=seal.day,
                digest=seal.digest,
                rows=view.rows + sum(each.rows for each in seal.contents.values()),
            )
            before = seal
        if not closed:
            return view


def _next_seals(after: int, tx: Transaction) -> list[Seal]:
    return tx.seals.page(after=after, limit=SEALS_PER_STEP)


async def _altered(
    database: Database, seal: Seal, before: Seal | None, now: datetime
) -> AlteredSeal | None:
    """Return what is not as it was sealed, if anything is."""
    broken = check_chain(seal, before)
    if broken is not None:
        return broken
    found = await _contents(database, seal, before)
    if seal.oldest is None or seal.oldest >= now - ADJUSTMENTS_KEPT_FOR:
        theirs = await _adjustments(database, seal, before, left_out=frozenset(seal.open))
        found[SealedKind.ADJUSTMENTS] = theirs.content
    return check_contents(seal, found)


def _start_of(kind: SealedKind, before: Seal | None) -> int:
    return 0 if before is None else before.lines[kind]


async def _contents(
    database: Database, seal: Seal, before: Seal | None
) -> dict[SealedKind, SealedContent]:
    """Return what there is between two lines, of what is kept for ever."""
    kinds: list[SealedKind] = [kind for kind in SealedKind if kind is not SealedKind.ADJUSTMENTS]
    return {kind: await _content(database, kind, seal, before) for kind in kinds}


async def _content(
    database: Database, kind: SealedKind, seal: Seal, before: Seal | None
) -> SealedContent:
    """Return what there is of a kind between two lines."""
    digester = Digester()
    after = _start_of(kind, before)
    while rows := await _page(database, kind, after, seal.lines):
        digester.add(rows)
        after = int(str(rows[-1][0]))
    return digester.content()


async def _page(
    database: Database, kind: SealedKind, after: int, lines: Mapping[SealedKind, int]
) -> list[tuple[Value, ...]]:
    def read(tx: Transaction) -> list[tuple[Value, ...]]:
        return list(tx.seals.sealed_rows(kind, after=after, upto=lines[kind], limit=ROWS_PER_STEP))

    return await database.transaction(read)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedAdjustments:
    """The adjustments of one seal."""

    content: SealedContent
    open: tuple[int, ...]
    oldest: datetime | None


async def _adjustments(
    database: Database, seal: Seal, before: Seal | None, *, left_out: frozenset[int] | None
) -> SealedAdjustments:
    """Return the adjustments between two lines, and those that were open at the line before.

    `left_out`: those that belong to the next seal; None: those that are open now.
    """
    digester = Digester()
    still_open: list[int] = []
    oldest: datetime | None = None

    def take(rows: Iterable[tuple[Value, ...]]) -> None:
        nonlocal oldest
        for row in rows:
            number = int(str(row[0]))
            if row[STATE_COLUMN] == "open" if left_out is None else number in left_out:
                still_open.append(number)
                continue
            digester.add([row])
            closed_at = row[CLOSED_AT_COLUMN]
            if isinstance(closed_at, datetime):
                oldest = closed_at if oldest is None else min(oldest, closed_at)

    carried = () if before is None else before.open
    take(await database.transaction(lambda tx: tx.seals.sealed_adjustments(carried)))
    after = _start_of(SealedKind.ADJUSTMENTS, before)
    while rows := await _page(database, SealedKind.ADJUSTMENTS, after, seal.lines):
        take(rows)
        after = int(str(rows[-1][0]))
    return SealedAdjustments(content=digester.content(), open=tuple(still_open), oldest=oldest)
