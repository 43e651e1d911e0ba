"""Movements that are kept from other stores: they wait, or a circuit breaker holds them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sync_core.domain.circuit_breaker import CountedMovement, WithheldMovement
from sync_core.domain.values import Alias, LevelId, PoolId


class WithheldRepository(Protocol):
    """Movements that are kept from other stores: they wait, or a circuit breaker holds them."""

    def unexplained_since(self, stores: Iterable[Alias]) -> dict[Alias, datetime]:
        """Return since when something of a store waits to be explained."""

    def by(self, breaker: str) -> list[WithheldMovement]:
        """Return what a circuit breaker holds, or what waits, oldest first."""

    def of_variants(
        self, breakers: Sequence[str], store: Alias, variants: Iterable[int]
    ) -> list[WithheldMovement]:
        """Return what these hold of some variants."""

    def parts(self, breaker: str, pools: Iterable[PoolId]) -> dict[PoolId, list[WithheldMovement]]:
        """Return what of pools is part of a circuit breaker, or waits, oldest first."""

    def withhold(
        self,
        breaker: str,
        moves: Iterable[tuple[CountedMovement, Mapping[LevelId, int]]],
        *,
        now: datetime,
    ) -> None:
        """Note what is part of a circuit breaker, or waits, and from whom it is kept."""

    def take_over(self, breaker: str, waits: Iterable[int]) -> None:
        """Let a circuit breaker hold what has waited."""

    def release(self, holds: Sequence[WithheldMovement], *, now: datetime) -> None:
        """Pass on some of what waits or is held, as if nobody had ever stopped it."""

    def reduce(self, hold: WithheldMovement, delta: int, *, now: datetime) -> None:
        """Pass on a part of what waits or is held: `delta` of it is left."""
