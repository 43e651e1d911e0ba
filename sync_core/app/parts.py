"""The parts that every command needs, put together from the settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from sync_core.clock import Clock, Ids, RandomIds, SteadyClock, WallClock
from sync_core.db.database import SqlDatabase
from sync_core.db.migrate import migrate
from sync_core.domain.values import Alias
from sync_core.ports import Store, Transaction
from sync_core.service import Service
from sync_core.settings import Settings, StoreSettings, needed
from sync_core.shopify.auth import Auth, ClientCredentials, PermanentToken
from sync_core.shopify.client import ShopifyStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts that every command needs."""

    settings: Settings
    database: SqlDatabase
    stores: Mapping[Alias, Store]
    clock: SteadyClock
    ids: Ids
    service: Service

    async def close(self) -> None:
        """Let go of connections and threads."""
        for store in self.stores.values():
            await store.close()
        self.database.close()


def open_store(alias: Alias, settings: StoreSettings, clock: Clock) -> ShopifyStore:
    """Return the client of one store."""
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
    at = None if database.is_sqlite else database.run(lambda tx: tx.time())
    clock = SteadyClock(WallClock(), at)
    database.run(partial(_enlist, settings))
    stores: dict[Alias, Store] = {
        Alias(name): open_store(Alias(name), each, clock) for name, each in settings.stores.items()
    }
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
        tx.register_store(Alias(name), each.domain, each.role)
