"""Other apps beside Tipo that set stock, each in its own way, as some merchants have them."""

import asyncio
from abc import ABC, abstractmethod


class RivalApp(ABC):
    """An app that looks every so often, and sets what is not as it thinks."""

    def __init__(self, harness, *, every=1.0, late=0.0) -> None:
        self.harness = harness
        self.every = every
        self.late = late
        self.sets = 0
        self.known = {sku: harness.shows(next(iter(harness.shops)), sku) for sku in harness.skus}
        self._task = harness.loop.create_task(self._run())

    def stop(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        await asyncio.sleep(0.37)  # never in the very moment in which a test does something
        while True:
            await asyncio.sleep(self.every)
            await self.look()

    @abstractmethod
    async def look(self) -> None:
        """Look at the stores, and set what is not as it thinks."""

    def set(self, alias, sku, to) -> None:
        shop = self.harness.shops[alias]
        if shop.available(sku) != to:
            self.sets += 1
            shop.edit(sku, to=to)
            self.harness._mail_wakeup.notify()


class SetsTotals(RivalApp):
    """An ERP: its own number is the truth, in every store."""

    async def look(self):
        for sku, total in self.known.items():
            for alias in self.harness.shops:
                self.set(alias, sku, self.share(alias, total))

    def share(self, alias, total):
        return total


class SetsNineTenths(SetsTotals):
    """It gives every store but the first nine tenths."""

    def share(self, alias, total):
        return total if alias == next(iter(self.harness.shops)) else total * 9 // 10


class SetsFirstStore(SetsTotals):
    """It sees to the first store alone."""

    async def look(self):
        for sku, total in self.known.items():
            self.set(next(iter(self.harness.shops)), sku, total)


class CopiesLate(RivalApp):
    """It copies each total of the first store to the others, a while later."""

    def __init__(self, harness, **given) -> None:
        super().__init__(harness, **given)
        self._late = []

    async def look(self):
        first = next(iter(self.harness.shops))
        for sku, was in self.known.items():
            total = self.harness.shows(first, sku)
            if total != was:
                self.known[sku] = total
                self._late.append(self.harness.loop.create_task(self._copy(first, sku, total)))

    async def _copy(self, first, sku, total):
        await asyncio.sleep(self.late)
        for alias in self.harness.shops:
            if alias != first:
                self.set(alias, sku, total)

    def stop(self):
        super().stop()
        for each in self._late:
            each.cancel()


class AddsChanges(RivalApp):
    """A second Tipo of somebody else's: what changes in one store, it adds to the others."""

    def __init__(self, harness, **given) -> None:
        super().__init__(harness, **given)
        self.seen = {alias: len(shop.log) for alias, shop in harness.shops.items()}

    async def look(self):
        fresh = {alias: self._fresh(alias) for alias in self.harness.shops}
        for alias, entries in fresh.items():
            for sku, delta in entries:
                for other in self.harness.shops:
                    if other != alias:
                        self.set(other, sku, self.harness.shows(other, sku) + delta)
        self.seen = {alias: len(shop.log) for alias, shop in self.harness.shops.items()}

    def _fresh(self, alias):
        shop = self.harness.shops[alias]
        return [
            (shop.items[each.item].variant.sku, each.delta) for each in shop.log[self.seen[alias] :]
        ]
