"""What the workers are given: by the process that serves, or by one that compares on its own."""

import random
import tempfile
from datetime import timedelta
from pathlib import Path

from sync_core.app.parts import Parts
from sync_core.compare.duckdb_comparer import DuckdbComparer
from sync_core.domain.circuit_breaker import BreakerLimits
from sync_core.settings import SafetyStopSettings
from sync_core.shopify.webhooks import parse_webhook, topics
from sync_core.workers.context import AutoApproval, Context, EngineConfig
from sync_core.workers.drift_report import Reporter
from sync_core.workers.proposer import Proposer
from sync_core.workers.supervisor import StoreAvailability

POLL_SECONDS = 5.0  # seconds between questions to a store that cannot reach us


def build_context(parts: Parts) -> Context:
    """Return the world as the workers see it."""
    settings = parts.settings
    rng = random.Random()  # noqa: S311 - spreads retries, guards nothing
    return Context(
        database=parts.database,
        stores=dict(parts.stores),  # all of them now: a token that is no token is said at once
        source=settings.source,
        clock=parts.clock,
        ids=parts.ids,
        rng=rng,
        availability=StoreAvailability(parts.database, parts.clock, rng),
        parse_webhook=parse_webhook,
        match_by=settings.match_by,
        public_url=settings.public_url,
        topics=topics,
        config=EngineConfig(
            catch_up_every=settings.catch_up.every,
            poll_every=None if settings.public_url else POLL_SECONDS,
            breaker=breaker_limits(settings.safety_stop),
        ),
        comparer=DuckdbComparer(export_folder()),
        auto=AutoApproval(
            kinds=frozenset(settings.nightly.auto_approve), units=settings.nightly.auto_units
        ),
    )


def breaker_limits(settings: SafetyStopSettings) -> BreakerLimits:
    """Return when the safety stop trips."""
    return BreakerLimits(
        within=timedelta(minutes=settings.within_minutes),
        pools=settings.pools,
        fall=settings.fall,
        share=settings.share,
        units=settings.units,
    )


def build_reporter(parts: Parts) -> Reporter:
    """Return who makes reports, for a process that does nothing else."""
    context = build_context(parts)
    proposer = Proposer(context.database, context.stores, context.clock, context.ids)
    return Reporter(context, proposer)


def export_folder() -> Path:
    """Return where exports lie while they are compared."""
    return Path(tempfile.gettempdir())
