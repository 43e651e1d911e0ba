"""Products that have to be read again: a row each, so that no two processes overwrite a list."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Table, bindparam, delete, func, select, update

from sync_core.db.repository import SqlRepository
from sync_core.db.tables import ProductToReadRow
from sync_core.domain.values import Alias
from sync_core.ports import ProductToRead

TO_READ: Table = ProductToReadRow.__table__  # type: ignore[attr-defined]

# What every round asks is built once: putting a statement together costs more than running it.
OF_STORE = TO_READ.c.store == bindparam("alias")
DUE_PRODUCTS = (
    select(TO_READ.c.product_id, TO_READ.c.mark, TO_READ.c.attempts)
    .where(OF_STORE, TO_READ.c.try_at <= bindparam("now"))
    .order_by(TO_READ.c.attempts, TO_READ.c.wanted_at, TO_READ.c.product_id)
    .limit(bindparam("most"))
)


class SqlProductsToRead(SqlRepository):
    """The part of the ledger that knows which products have to be read again."""

    def enqueue_product(self, store: Alias, product: int, *, now: datetime) -> None:
        """Note that a product has changed, whether or not somebody is reading it right now."""
        new = self.insert(TO_READ).values(
            store=store, product_id=product, mark=1, attempts=0, wanted_at=now, try_at=now
        )
        keys = [TO_READ.c.store, TO_READ.c.product_id]
        self.run(new.on_conflict_do_update(index_elements=keys, set_={"mark": TO_READ.c.mark + 1}))

    def products_to_read(
        self, store: Alias, *, now: datetime, limit: int
    ) -> Sequence[ProductToRead]:
        """Return the products that may be read now, first those that were never tried in vain."""
        rows = self.run(DUE_PRODUCTS, {"alias": store, "now": now, "most": limit})
        return [
            ProductToRead(product=row.product_id, mark=row.mark, attempts=row.attempts)
            for row in rows
        ]

    def next_product(self, store: Alias) -> datetime | None:
        """Return when the next product may be read; None when there is none."""
        query = select(func.min(TO_READ.c.try_at)).where(OF_STORE)
        found: datetime | None = self.run(query, {"alias": store}).scalar()
        return found

    def product_done(self, store: Alias, read: ProductToRead, *, now: datetime) -> None:
        """Note that a product was read; if it changed meanwhile, it has to be read once more."""
        mine = (TO_READ.c.store == store) & (TO_READ.c.product_id == read.product)
        gone = delete(TO_READ).where(mine, TO_READ.c.mark == read.mark)
        if not self.run(gone).rowcount:
            self.run(update(TO_READ).where(mine).values(attempts=0, try_at=now))

    def retry_product(self, store: Alias, read: ProductToRead, *, until: datetime) -> None:
        """Note that a product could not be read, and when to try again."""
        mine = (TO_READ.c.store == store) & (TO_READ.c.product_id == read.product)
        self.run(update(TO_READ).where(mine).values(attempts=read.attempts + 1, try_at=until))
