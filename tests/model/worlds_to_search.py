"""The small worlds that are searched through, each about a part of the rules."""

from sync_core.domain.values import Mode
from tests.model.world import World, at, level, pool, world


def _new(store: int):
    """Return a level without a baseline: it is read first."""
    return level(
        store, book=None, first_book=None, baselined=False, refresh_at=at(0), refresh_since=at(0)
    )


NEW = pool(_new(0), _new(1), shared=None)
ONE_WAY = pool(level(0), level(1, mode=Mode.ONE_WAY))

WORLDS: dict[str, World] = {
    "three changes": world(changes=(-1, -2, 4)),
    "everything goes wrong": world(changes=(-1, -2), early=1, lost=1, crashes=1, stale=1),
    "a second apart": world(changes=(-1, -2), stale=1, lost=1, ticks=1),
    "slow reads": world(changes=(-1, -2), slow=1, ticks=2),
    "two processes": world(changes=(-2, -2), crashes=1, again=1),
    "webhooks lost": world(changes=(-1, -2), webhooks=2, crashes=1, catches_up=True),
    "a key too old": world(changes=(-1, -2), lost=1, days=1),
    "refused, or no quantity": world(changes=(-1, -2), refusals=1, odd=1, early=1),
    "one-way": world(start=ONE_WAY, changes=(-1, -2), lost=1, crashes=1),
    "equal at first": world(start=NEW, changes=(-1, -2), crashes=1),
    "different at first": world(start=NEW, shown=(10, 8), changes=(-1, -2)),
    "two engines": world(engines=2, leased=True, changes=(-1,), renewals=1),
    "a restored copy": world(
        leased=True, changes=(-1,), renewals=2, takeovers=1, copies=1, restores=1
    ),
}
# Too large for each time: `python -m tests.model --long`.
LARGE: dict[str, World] = {
    "three changes, and everything goes wrong": world(
        changes=(-1, -2, 4), early=1, lost=1, crashes=1, stale=1
    ),
    "two engines, and a takeover": world(
        engines=2, leased=True, changes=(-1,), renewals=1, takeovers=1
    ),
    "slow reads, and more": world(changes=(-1, -2), early=1, slow=1, ticks=2),
}
