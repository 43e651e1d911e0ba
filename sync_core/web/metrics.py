"""What `/metrics` says of the moment of the scrape; counters and histograms are in metrics.py.

    is it keeping up?                  by
    ---------------------------------  ---------------------------------------------------------
    webhooks                           their oldest, how many; tipo_delivery_wait_seconds
    updates of each store              levels due, batches open and their oldest;
                                       tipo_update_seconds
    in doubt                           batches that were sent and not answered
    may it write?                      lease, blocked, safety stop, paused or in shadow, points
    does Slack hear of it?             posts that wait, their oldest
    does the night run?                when the last nightly comparison was done
    does anything fail by itself?      workers that are down, deliveries in quarantine

What is read from the database is the same in every process: take the highest. What a process knows
alone (workers, points of a store's budget, counters) is its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sync_core.domain.leases import LeaseState
from sync_core.domain.values import Alias
from sync_core.domain.views import Backlog, Overview, StoreView
from sync_core.ports import Budget

OURS = LeaseState.OURS
LEVELS = {  # what is counted of each store's levels
    "tipo_store_levels": "in all",
    "tipo_store_baselined": "with a baseline",
    "tipo_store_due": "that wait to be written",
    "tipo_store_refreshes": "that wait to be read",
    "tipo_store_suspended": "that are not synced",
    "tipo_store_open": "that are being written",
}


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Scrape(Collector):
    """One scrape: everything as it is at this moment."""

    now: datetime
    overview: Overview
    backlog: Backlog
    budgets: Mapping[Alias, Budget]
    workers: Mapping[str, bool]  # whether each is down

    def collect(self) -> Iterator[Metric]:
        """Yield each figure, all under names that are fixed."""
        yield from self._whole()
        for name, words in LEVELS.items():
            field = name.removeprefix("tipo_store_")
            yield _by(
                "store",
                name,
                f"Levels {words}",
                ((each.alias, getattr(each, field)) for each in self.overview.stores),
            )
        yield from self._batches()
        yield from self._may_write()
        yield _by("worker", "tipo_worker_down", "1: fails again and again", self.workers.items())

    def _whole(self) -> Iterator[Metric]:
        """Yield what concerns all stores."""
        overview, backlog = self.overview, self.backlog
        yield from (
            _gauge("tipo_pools", "Pools", overview.pools),
            _gauge("tipo_pools_agreed", "Pools with a shared quantity", overview.agreed),
            _gauge("tipo_pools_oversold", "Pools below zero, pre-sales apart", overview.oversold),
            _gauge("tipo_findings", "Open mismatches", overview.findings),
            _gauge(
                "tipo_shadow", "1: shadow mode, nothing is written", overview.shadow is not None
            ),
            _gauge("tipo_paused", "1: somebody has paused writing", overview.paused is not None),
            _gauge(
                "tipo_unprocessed_deliveries",
                "Webhooks that are not accounted for yet",
                overview.unhandled,
            ),
            _gauge(
                "tipo_oldest_unprocessed_delivery_seconds",
                "Age of the oldest webhook that is not accounted for; 0: there is none",
                self._age(overview.oldest_unhandled_at),
            ),
            _gauge(
                "tipo_quarantined_deliveries",
                "Webhooks that could not be processed",
                backlog.quarantined,
            ),
            _gauge("tipo_outbox_posts", "Posts that Slack should have by now", backlog.posts),
            _gauge(
                "tipo_outbox_oldest_post_seconds",
                "How long the oldest of them has been due; 0: there is none",
                self._age(backlog.oldest_post_at),
            ),
            _gauge(
                "tipo_last_nightly_timestamp_seconds",
                "When the last nightly comparison was done; 0: never",
                _unix(backlog.nightly_at),
            ),
        )

    def _batches(self) -> Iterator[Metric]:
        """Yield what stores have not taken yet."""
        stores, batches = self.overview.stores, self.backlog.batches
        found = [(each.alias, batches.get(each.alias)) for each in stores]
        yield _by(
            "store",
            "tipo_store_batches",
            "Batches that the store has not taken yet",
            ((alias, each.count if each else 0) for alias, each in found),
        )
        yield _by(
            "store",
            "tipo_store_batches_in_doubt",
            "Of them, those that were sent and have no answer",
            ((alias, each.unanswered if each else 0) for alias, each in found),
        )
        yield _by(
            "store",
            "tipo_store_oldest_batch_seconds",
            "Age of the oldest of them; 0: there is none",
            ((alias, self._age(each.oldest_at if each else None)) for alias, each in found),
        )

    def _may_write(self) -> Iterator[Metric]:
        """Yield what lets Tipo write to each store, or keeps it from that."""
        stopped = {each.store for each in self.overview.breakers}
        facts: dict[str, tuple[str, Callable[[StoreView], float]]] = {
            "tipo_store_blocked": (
                "1: the store refuses Tipo",
                lambda each: each.blocked_why is not None,
            ),
            "tipo_store_lease": (
                "1: this Tipo writes to it",
                lambda each: each.lease.state is OURS,
            ),
            "tipo_store_safety_stop": (
                "1: a safety stop asks about it",
                lambda each: each.alias in stopped,
            ),
            "tipo_store_lease_since_timestamp_seconds": (
                "Since when the lease is as it is; 0: unknown",
                lambda each: _unix(each.lease.since),
            ),
        }
        for name, (words, value) in facts.items():
            rows = ((each.alias, value(each)) for each in self.overview.stores)
            yield _by("store", name, words, rows)
        yield _by(
            "store",
            "tipo_store_budget_available_points",
            "Points left in the store's budget, as this process knows",
            ((alias, each.available) for alias, each in self.budgets.items()),
        )
        yield _by(
            "store",
            "tipo_store_budget_maximum_points",
            "Points that it holds at most",
            ((alias, each.maximum) for alias, each in self.budgets.items()),
        )

    def _age(self, since: datetime | None) -> float:
        return age(since, self.now)


def age(since: datetime | None, now: datetime) -> float:
    """Return how long ago something was; seconds, 0 where it never was."""
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _by(label: str, name: str, words: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label])
    for key, value in values:
        family.add_metric([key], value)
    return family


def _unix(at: datetime | None) -> float:
    return 0.0 if at is None else at.timestamp()
