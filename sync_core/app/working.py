"""What the workers are given: by the process that serves, or by one that compares on its own."""

import random
import tempfile
from datetime import timedelta
from pathlib import Path

from sync_core.app.parts import Parts
from sync_core.compare.duck import DuckComparer
from sync_core.domain.brake import Limits
from sync_core.settings import BrakeSettings
from sync_core.shopify.webhooks import heard, topics
from sync_core.workers.context import Auto, Context, Pace
from sync_core.workers.proposing import Proposer
from sync_core.workers.reach import Reach
from sync_core.workers.reporting import Reporter

POLL = 5.0  # seconds between questions to a store that cannot reach us


def context_of(parts: Parts) -> Context:
    """Return the world as the workers see it."""
    settings = parts.settings
    luck = random.Random()  # noqa: S311 - spreads retries, guards nothing
    return Context(
        records=parts.database,
        stores=parts.stores,
        source=settings.source,
        clock=parts.clock,
        ids=parts.ids,
        luck=luck,
        reach=Reach(parts.database, parts.clock, luck),
        read=heard,
        match_by=settings.match_by,
        public_url=settings.public_url,
        topics=topics,
        pace=Pace(
            catch_up=settings.catch_up.every,
            poll=None if settings.public_url else POLL,
            brake=limits_of(settings.brake),
        ),
        comparer=DuckComparer(folder()),
        auto=Auto(
            kinds=frozenset(settings.nightly.auto_approve), units=settings.nightly.auto_units
        ),
    )


def limits_of(settings: BrakeSettings) -> Limits:
    """Return when the brake trips."""
    return Limits(
        within=timedelta(minutes=settings.within_minutes),
        pools=settings.pools,
        fall=settings.fall,
        share=settings.share,
        units=settings.units,
    )


def reporter_of(parts: Parts) -> Reporter:
    """Return who makes reports, for a process that does nothing else."""
    context = context_of(parts)
    proposer = Proposer(context.records, context.stores, context.clock, context.ids)
    return Reporter(context, proposer)


def folder() -> Path:
    """Return where exports lie while they are compared."""
    return Path(tempfile.gettempdir())
