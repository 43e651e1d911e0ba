"""One store on a mocked wire, and a clock that moves only when somebody sleeps."""

from datetime import UTC, datetime, timedelta

import pytest

from sync_core.domain.values import Alias
from sync_core.shopify.auth import ClientCredentials, PermanentToken
from sync_core.shopify.client import ShopifyStore

DOMAIN = "urbanwear-us.myshopify.com"
GRAPHQL = f"https://{DOMAIN}/admin/api/2026-10/graphql.json"
GRANT = f"https://{DOMAIN}/admin/oauth/access_token"
TOKEN = "shpat_permanent"  # noqa: S105 - nobody's
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class HandClock:
    """A clock that stands still, and jumps over every sleep."""

    def __init__(self):
        self.time = NOON
        self.slept = []

    def now(self):
        return self.time

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def wire(respx_mock):
    """The route of every GraphQL request."""
    return respx_mock.post(GRAPHQL)


@pytest.fixture
def store(clock):
    return ShopifyStore(alias=Alias("us"), domain=DOMAIN, auth=PermanentToken(TOKEN), clock=clock)


@pytest.fixture
def daily(clock):
    """A store whose token lives a day."""
    return ShopifyStore(
        alias=Alias("us"),
        domain=DOMAIN,
        auth=ClientCredentials(
            alias=Alias("us"), api_url=f"https://{DOMAIN}", client=("id", "s&cret"), clock=clock
        ),
        clock=clock,
    )
