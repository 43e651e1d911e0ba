"""How things stand: the worst is what is said, and "in sync" only where everything is."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sync_core.domain.leases import LeaseState, LeaseView
from sync_core.domain.sync_status import SyncState, sync_status
from sync_core.domain.values import Mode, Role
from sync_core.domain.views import CircuitBreakerView, Overview, StoreView

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def store(alias, mode=Mode.TWO_WAY, **given):
    """Return a store at rest; one without a mode is the source."""
    facts = {
        "alias": alias,
        "domain": f"{alias}.myshopify.com",
        "role": Role.SOURCE if mode is None else Role.DESTINATION,
        "mode": mode,
        "last_delivery_at": NOON,
        "blocked_why": None,
        "lease": LeaseView(store=alias, state=LeaseState.OURS, since=NOON),
        "seconds_p50": None,
        "seconds_p95": None,
    }
    counts = dict.fromkeys(("levels", "baselined", "due", "refreshes", "suspended", "open"), 0)
    return StoreView(**{**counts, **facts, **given})


SOURCE = store("eu", None)
FINE = Overview(
    stores=(SOURCE, store("us")), pools=5, agreed=5, differing=0, oversold=0, findings=0,
    unhandled=0, oldest_unhandled_at=None, paused=None, serving_at=NOON,
)  # fmt: skip
STOP = CircuitBreakerView(
    subject="circuit_breaker:eu:1", store="eu", pools=25, units=150, since=NOON
)


def with_us(**given):
    return {"stores": (SOURCE, store("us", **given))}


# The facts that make each state, the worst first; each beats all that come after it.
MAKES = {
    SyncState.NOT_OURS: with_us(lease=LeaseView(store="us", state=LeaseState.FOREIGN)),
    SyncState.CANT_UPDATE: {"stores": (replace(SOURCE, blocked_why="no token"), store("us"))},
    SyncState.SAFETY_STOP: {"breakers": (STOP,)},
    SyncState.OVERSOLD: {"oversold": 1},
    SyncState.PAUSED: {"paused": "ann"},
    SyncState.OFF: with_us(mode=Mode.OFF),
    SyncState.NOTHING_MATCHED: {"pools": 0},
    SyncState.NEVER_COMPARED: {},
    SyncState.PENDING: {"unhandled": 1},
    SyncState.MISMATCHES: {"findings": 1},
}


@pytest.mark.parametrize("wanted", MAKES, ids=str)
def test_the_worst_is_what_is_said(wanted):
    """Everything that is less bad is so as well, and nothing that is worse."""
    order = list(MAKES)
    facts = {}
    for state in reversed(order[order.index(wanted) :]):
        facts |= MAKES[state]
    never = order.index(wanted) <= order.index(SyncState.NEVER_COMPARED)
    found = sync_status(replace(FINE, **facts), serving=True, compared=not never)
    assert found.state is wanted
    alone = replace(FINE, **MAKES[wanted])
    compared = wanted is not SyncState.NEVER_COMPARED
    assert sync_status(alone, serving=True, compared=compared).state is wanted
    assert sync_status(alone, serving=False, compared=compared).state is SyncState.NOT_RUNNING


def test_in_sync_is_where_nothing_else_is_so():
    assert sync_status(FINE, serving=True, compared=True).state is SyncState.IN_SYNC


@pytest.mark.parametrize("what", ["due", "refreshes", "open"])
def test_what_a_connected_store_waits_for_is_pending(what):
    found = sync_status(replace(FINE, **with_us(**{what: 3})), serving=True, compared=True)
    assert (found.state, found.pending) == (SyncState.PENDING, 3)


@pytest.mark.parametrize("mode", [Mode.OFF, None])
def test_a_store_alone_is_never_in_sync(mode):
    """The source alone, or a destination that nobody has turned on."""
    others = () if mode is None else (store("us", mode, due=3),)
    found = sync_status(replace(FINE, stores=(SOURCE, *others)), serving=True, compared=True)
    assert (found.state, found.off) == (SyncState.OFF, others)


def test_one_of_several_stores_that_is_off_hides_nothing():
    """The others' troubles are said, and it is named beside them."""
    off = store("uk", Mode.OFF, due=3)
    stores = (SOURCE, store("us"), off)
    found = sync_status(replace(FINE, stores=stores, findings=2), serving=True, compared=True)
    assert (found.state, found.off, found.pending) == (SyncState.MISMATCHES, (off,), 0)
    assert [each.alias for each in found.connected] == ["eu", "us"]
