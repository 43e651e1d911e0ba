"""What resolvers know of one request: how far its reads lag, and its warnings."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from graphql import GraphQLResolveInfo

from sandbox.idempotency import KeyState
from sandbox.models import ShopLevel, ShopLevelState
from sandbox.search import check_first, refuse
from sandbox.shop_state import ShopState


@dataclass(slots=True)
class RequestContext:
    """What resolvers need to know."""

    shop: ShopState
    lag: timedelta
    bulk: bool = False  # `first` is ignored
    asked: int = 0
    served: int = 0
    refused: bool = False  # a mutation that ended in user errors
    pretend: KeyState | None = None  # what the shop says it knows of a write's key
    warnings: list[Any] = field(default_factory=list)

    def level_state(self, level: ShopLevel, more: timedelta = timedelta(0)) -> ShopLevelState:
        """Return what this request sees of a level."""
        if not self.lag and not more:
            return level.now
        return level.at(self.shop.now() - self.lag - more)

    def searched(self, level: ShopLevel) -> datetime:
        """Return the `updated_at` that the search index knows."""
        return self.level_state(level, timedelta(seconds=self.shop.faults.search_lag)).updated_at

    def first(self, first: int | None) -> int | None:
        """Return how many are wanted; all of them in an export."""
        return None if self.bulk else check_first(first)

    def fail_if_faulty(self, over: str) -> None:
        """Fail where the shop's faults want it."""
        if over in self.shop.faults.field_errors:
            refuse("Something went wrong.", self.shop.faults.field_errors[over])

    def need(self, scope: str, what: str) -> None:
        """Refuse what the app's scopes do not cover."""
        if scope not in self.shop.access.scopes:
            refuse(
                f"Access denied for {what} field. Required access: `{scope}` access scope.",
                "ACCESS_DENIED",
                documentation="https://shopify.dev/api/usage/access-scopes",
                requiredAccess=f"`{scope}` access scope.",
            )


Info: TypeAlias = GraphQLResolveInfo[RequestContext]
