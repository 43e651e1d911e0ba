"""Who decided what, and what that did."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from sync_core.domain.decisions import Effect
from sync_core.domain.proposals import Proposal, Receipt
from sync_core.domain.values import PoolId


class ReceiptRepository(Protocol):
    """Who decided what, and what that did."""

    def decided_at(self, pools: Iterable[PoolId]) -> dict[PoolId, datetime]:
        """Return when people decided about pools last, where they have."""

    def save_effect(
        self, receipt: int, proposal: int | None, effect: Effect, shared: int, *, now: datetime
    ) -> None:
        """Keep what a decision did to a pool."""

    def effects(self, receipt: int) -> list[Effect]:
        """Return what a decision did."""

    def get(self, number: int) -> Receipt | None:
        """Return who decided what, and what came of it."""

    def newest(self, *, limit: int) -> list[Receipt]:
        """Return the newest receipts."""

    def first_proposal_of(self, receipt: int) -> Proposal | None:
        """Return the first proposal that was decided under a receipt."""

    def unnotified(self) -> list[int]:
        """Return receipts whose proposals are all carried out and nobody has been told of."""

    def mark_notified(self, receipt: int) -> bool:
        """Note that people will be told of a receipt; False if that was noted before."""
