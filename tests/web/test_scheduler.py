"""By the clock: nights are asked for more than once, old rows go, the stock is counted."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, text

from sync_core.app.parts import assemble
from sync_core.app.scheduler import Scheduler
from sync_core.db.tables import DELIVERY
from sync_core.domain.values import Alias, Event

DAY = timedelta(days=1)


@pytest.fixture
async def parts(settings):
    made = assemble(settings)
    await made.database.transaction(
        lambda tx: [
            tx.stores.register(Alias(name), each.domain, each.role)
            for name, each in settings.stores.items()
        ]
    )
    yield made
    await made.close()


async def rows(parts, query):
    return await parts.database.transaction(lambda tx: tx.run(text(query)).scalar_one())


async def test_what_is_too_old_goes_every_hour(parts):
    """A slice at a time until nothing is left that is too old."""
    old = parts.clock.now() - 61 * DAY
    hook = {"store": "eu", "topic": "x", "body": b"x", "received_at": old, "handled_at": old}

    def fill(tx):
        tx.run(insert(DELIVERY), [{"webhook_id": f"{n}", **hook} for n in range(6000)])
        tx.notifications.notify_once([Event(kind="x", subject="x")], now=old)

    await parts.database.transaction(fill)
    await Scheduler(parts, is_working=lambda: True, may_delete_old=lambda: False)._delete_old()
    assert await rows(parts, "SELECT count(*) FROM delivery") == 6000
    scheduler = Scheduler(parts, is_working=lambda: True)
    await scheduler._delete_old()
    assert await rows(parts, "SELECT count(*) FROM delivery") == 0
    assert await rows(parts, "SELECT count(*) FROM notification") == 0


async def test_a_night_is_asked_for_at_its_time_and_again_in_between(parts):
    """A machine that slept through half past two has not missed the night."""
    scheduler = Scheduler(parts, is_working=lambda: True)
    await scheduler.start()
    try:
        jobs = [(each.func.__name__, f"{each.trigger}") for each in scheduler._scheduler.get_jobs()]
    finally:
        scheduler.stop()
    nights = [trigger for name, trigger in jobs if name == "_request_nightly_report"]
    assert nights == ["cron[second='0']"]
    assert ("_delete_old", "interval[1:00:00]") in jobs
    assert ("_count", "interval[0:05:00]") in jobs


async def test_the_stock_is_counted_in_the_background(parts):
    """Whoever asks at a glance finds a count that is minutes old, and does not wait for it."""

    def fill(tx):
        tx.run(text("INSERT INTO location_group (name) VALUES ('Berlin')"))
        tx.run(text("INSERT INTO pool (location_group_id, title, shared) VALUES (1, 'Jacket', 5)"))

    await parts.database.transaction(fill)
    await Scheduler(parts, is_working=lambda: True)._count()
    assert '"pools": 1' in await rows(parts, "SELECT value FROM setting WHERE name = 'counted'")
    assert (await parts.service.overview()).agreed == 1
