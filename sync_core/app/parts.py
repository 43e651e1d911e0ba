"""The parts that every command needs, put together from the settings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from sync_core.clock import Clock, Ids, RandomIds, SteadyClock, WallClock
from sync_core.db.database import SqlDatabase
from sync_core.db.migrate import migrate
from sync_core.domain.values import Alias
from sync_core.ports import Store, Transaction
from sync_core.service.service import Service
from sync_core.settings import Settings, StoreSettings, needed


class Stores(Mapping[Alias, Store]):
    """The stores of the settings; the client of one is made when it is first needed."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = {Alias(name): each for name, each in settings.stores.items()}
        self._clock = clock
        self._opened: dict[Alias, Store] = {}

    def __getitem__(self, alias: Alias) -> Store:
        """Return the client of one store."""
        if alias not in self._opened:
            self._opened[alias] = open_store(alias, self._settings[alias], self._clock)
        return self._opened[alias]

    def __iter__(self) -> Iterator[Alias]:
        """Yield the aliases."""
        return iter(self._settings)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._settings)

    async def close(self) -> None:
        """Let go of the connections that were made."""
        for store in self._opened.values():
            await store.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts that every command needs."""

    settings: Settings
    database: SqlDatabase
    stores: Stores
    clock: SteadyClock
    ids: Ids
    service: Service

    async def close(self) -> None:
        """Let go of connections and threads."""
        await self.stores.close()
        self.database.close()


def open_store(alias: Alias, settings: StoreSettings, clock: Clock) -> Store:
    """Return the client of one store."""
    # Only now: what the database can answer need not wait for an HTTP client to be imported.
    from sync_core.shopify.auth import (  # noqa: PLC0415
        Auth,
        ClientCredentials,
        PermanentToken,
    )
    from sync_core.shopify.client import ShopifyStore  # noqa: PLC0415

    auth: Auth
    if settings.access_token is not None:
        auth = PermanentToken(settings.access_token.get_secret_value())
    else:
        secret = settings.client_secret.get_secret_value() if settings.client_secret else ""
        auth = ClientCredentials(
            alias=alias,
            api_url=settings.base_url,
            client=(settings.client_id or "", secret),
            clock=clock,
        )
    return ShopifyStore(
        alias=alias, domain=settings.domain, api_url=settings.base_url, auth=auth, clock=clock
    )


def assemble(settings: Settings) -> Parts:
    """Return the parts, with the database migrated and the stores enlisted.

    Raises:
        BadSettings: If fewer than two stores are named, or the database's URL is wrong.
        DatabaseTooNew: If a newer Tipo has written the database.
    """
    needed(settings)
    ids = RandomIds()
    database = SqlDatabase(settings.database_url.get_secret_value())
    migrate(database.engine)
    # Processes on several machines may share a PostgreSQL: they go by its clock, not by their own.
    at = None if database.is_sqlite else database.run(lambda tx: tx.stored_times.time())
    clock = SteadyClock(WallClock(), at)
    database.run(partial(_enlist, settings))
    stores = Stores(settings, clock)
    service = Service(database, stores, clock, ids)
    return Parts(
        settings=settings,
        database=database,
        stores=stores,
        clock=clock,
        ids=ids,
        service=service,
    )


def _enlist(settings: Settings, tx: Transaction) -> None:
    for name, each in settings.stores.items():
        tx.stores.register(Alias(name), each.domain, each.role)
