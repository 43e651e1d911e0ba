"""What the page shows at one moment: the world, and what Tipo's own database says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.playground.player import Player
from sandbox.playground.tally import Tally, count
from sandbox.playground.world import World
from sandbox.shop import Shop
from sync_core.domain.audit import PoolBooks
from sync_core.domain.leases import LeaseView
from sync_core.domain.views import HistoryEntry, Overview, PoolView

MAX_HISTORY_ENTRIES = 200
QUIET_SECONDS = 0.8  # without a change in any store: then all that was on its way has arrived
NAIVE_SECONDS = 2.0  # after which a naive sync has had its time


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Two stores, and what their sync has made of what people did."""

    shops: Mapping[str, Shop]
    off: Tally  # by how much stores are off now
    on_the_way: bool  # and whether that may still arrive

    @property
    def tally(self) -> Tally:
        """Return what is lost and invented: what may still arrive is neither."""
        return Tally() if self.on_the_way else self.off


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaygroundSnapshot:
    """One moment."""

    world: World
    player: Player
    tipo: Lane
    naive: Lane
    overview: Overview
    pool: PoolView | None
    books: PoolBooks | None
    history: list[HistoryEntry] = field(default_factory=list)
    second: list[LeaseView] | None = None
    at_home: bool = False  # whether the person looks at the app's Home


async def take(world: World, player: Player, *, at_home: bool) -> PlaygroundSnapshot:
    """Return what there is now."""
    overview = await world.service.overview()
    found = await world.service.stock(world.focus, live=False, limit=1)
    pool = found[0] if found else None
    books, history = None, []
    if pool is not None:
        wanted = pool.id
        found_books = await world.database.transaction(lambda tx: tx.audit.books([wanted]))
        books = next(iter(found_books), None)
        history = await world.service.history(wanted, limit=MAX_HISTORY_ENTRIES)
    pending = any(each.due or each.open or each.refreshes for each in overview.stores)
    tipo, naive = world.lanes
    return PlaygroundSnapshot(
        world=world,
        player=player,
        tipo=Lane(
            shops=tipo,
            off=count(tipo, world.started),
            on_the_way=pending or not _is_quiet(world, tipo),
        ),
        naive=Lane(
            shops=naive,
            off=count(naive, world.naive_started),
            on_the_way=_is_recent(world),
        ),
        overview=overview,
        pool=pool,
        books=books,
        history=history,
        second=await world.second.known() if world.second else None,
        at_home=at_home,
    )


def _is_recent(world: World) -> bool:
    at = world.acted_at
    return at is not None and (world.clock.now() - at).total_seconds() < NAIVE_SECONDS


def _is_quiet(world: World, shops: Mapping[str, Shop]) -> bool:
    now = world.clock.now()
    last = [shop.log[-1].at for shop in shops.values() if shop.log]
    return all((now - each).total_seconds() > QUIET_SECONDS for each in last)
