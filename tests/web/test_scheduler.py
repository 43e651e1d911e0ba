"""By the clock: each job of the table does its work, at its time, once, and ends with all else."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, text

from sync_core.app import scheduler
from sync_core.app.parts import assemble
from sync_core.app.role_watch import RoleWatch
from sync_core.app.scheduler import EveryTrigger, Job, jobs, run_jobs
from sync_core.clock import WallClock
from sync_core.db.tables import DELIVERY
from sync_core.domain.process_roles import ALL_ROLES, KIND, ProcessRole
from sync_core.domain.values import Alias, Event
from sync_core.metrics import ROLE_MISSING
from sync_core.workers.supervisor import Supervisor

DAY = timedelta(days=1)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


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


@pytest.fixture
def supervisor(parts):
    return Supervisor(parts.database, parts.clock)


async def rows(parts, query):
    return await parts.database.transaction(lambda tx: tx.run(text(query)).scalar_one())


def table(parts, supervisor, *, may_delete_old=True, roles=ALL_ROLES):
    watch = RoleWatch(parts, roles)
    made = jobs(parts, supervisor, watch, may_delete_old=lambda: may_delete_old)
    return {each.name: each for each in made}


async def test_what_is_too_old_goes_every_hour(parts, supervisor):
    """A slice at a time until nothing is left that is too old."""
    old = parts.clock.now() - 61 * DAY
    hook = {"store": "eu", "topic": "x", "body": b"x", "received_at": old, "handled_at": old}

    def fill(tx):
        tx.run(insert(DELIVERY), [{"webhook_id": f"{n}", **hook} for n in range(6000)])
        tx.notifications.notify_once([Event(kind="x", subject="x")], now=old)

    await parts.database.transaction(fill)
    await table(parts, supervisor, may_delete_old=False)["cleanup"].work(bool)
    assert await rows(parts, "SELECT count(*) FROM delivery") == 6000
    await table(parts, supervisor)["cleanup"].work(bool)
    assert await rows(parts, "SELECT count(*) FROM delivery") == 0
    assert await rows(parts, "SELECT count(*) FROM notification") == 0


async def test_the_stock_is_counted_in_the_background(parts, supervisor):
    """People who ask at a glance find a count that is minutes old, and do not wait for it."""

    def fill(tx):
        tx.run(text("INSERT INTO location_group (name) VALUES ('Berlin')"))
        tx.run(text("INSERT INTO pool (location_group_id, title, shared) VALUES (1, 'Jacket', 5)"))

    await parts.database.transaction(fill)
    await table(parts, supervisor)["stock_count"].work(bool)
    assert '"pools": 1' in await rows(parts, "SELECT value FROM setting WHERE name = 'counted'")
    assert (await parts.service.overview()).agreed == 1


async def test_a_sign_of_life_is_left_only_while_all_stores_are_served(parts, supervisor):
    """Else people would read that all is well while nothing is processed."""

    async def is_serving():
        await table(parts, supervisor)["heartbeat"].work(bool)
        return await parts.service.is_serving()

    supervisor.is_well = lambda: False
    assert not await is_serving()
    supervisor.is_well = lambda: True
    assert await is_serving()


async def test_a_process_without_the_scheduler_has_its_own_jobs_alone(parts, supervisor):
    """A second one that deletes, audits and seals would do no harm, and no good."""
    own = ["heartbeat", "alerts", "roles"]
    web = table(parts, supervisor, roles={ProcessRole.WEB})
    assert list(web) == own
    assert list(table(parts, supervisor, roles={ProcessRole.SCHEDULER}))[:3] == own
    await web["heartbeat"].work(bool)
    assert list((await parts.service.overview()).roles) == [ProcessRole.WEB]
    assert not await parts.service.is_serving(), "nothing is kept in sync by it"


async def test_a_role_that_nobody_has_is_told_and_its_return_too(parts, supervisor, monkeypatch):
    """In the alerts, in /readyz and in the figures; not before the process has looked a while."""
    watch = RoleWatch(parts, {ProcessRole.WORKER})

    async def alerts():
        await watch.check()
        found = await parts.database.transaction(lambda tx: tx.findings.page(kinds=[KIND]))
        return [each.subject for each in found], watch.health()["missing"]

    await parts.service.heartbeat({ProcessRole.WEB, ProcessRole.WORKER})
    assert await alerts() == ([], [])
    monkeypatch.setattr(watch, "_since", NOON)
    assert await alerts() == (["role:scheduler"], [ProcessRole.SCHEDULER])
    assert ROLE_MISSING.labels("scheduler")._value.get() == 1
    await parts.service.heartbeat({ProcessRole.SCHEDULER})
    assert await alerts() == ([], [])
    assert ROLE_MISSING.labels("scheduler")._value.get() == 0


async def test_the_table_of_jobs_is_the_one_that_is_told(parts, supervisor):
    """How often each runs is read in one place; nothing may run that is not there."""
    told = re.findall(r"^    (\w+) +every", scheduler.__doc__, re.MULTILINE)
    made = table(parts, supervisor)
    assert list(made) == told
    assert {name: each.every for name, each in made.items()} == {
        "heartbeat": 5,
        "alerts": 5,
        "roles": 60,
        "auditor": 60,
        "sealer": 60,
        "stock_count": 300,
        "cleanup": 3600,
        "night": 60,
    }


@pytest.mark.parametrize(
    ("now", "then"),
    [
        pytest.param(NOON, timedelta(seconds=5), id="in time"),
        pytest.param(NOON + timedelta(seconds=2), timedelta(seconds=3), id="a little late"),
        pytest.param(NOON + 20_000 * DAY, timedelta(seconds=5), id="a clock that began in 1970"),
    ],
)
def test_a_job_goes_on_in_step_whatever_it_has_missed(now, then):
    """Three hundred million runs that were missed are one."""
    trigger = EveryTrigger(Job(name="x", every=5, work=bool))
    assert trigger.get_next_fire_time(NOON, now) == now + then


async def test_a_job_that_fails_is_tried_again_within_its_interval(parts):
    """An hour's job does not wait for the next hour; nor does one of five seconds for thirty."""
    slept, failures = [], iter([ZeroDivisionError("a bug")] * 5)

    class NoWait(WallClock):
        async def sleep(self, seconds):
            slept.append(seconds)

    async def work(_):
        for each in failures:
            raise each

    supervisor = Supervisor(parts.database, NoWait())
    await supervisor.job("x", work, every=5)()
    assert slept == [1, 2, 4, 5, 5]
    assert supervisor.down() == {}, "it works again"


async def test_jobs_run_alone_are_tried_again_and_end_with_the_process(
    parts, supervisor, monkeypatch, caplog
):
    """Each by itself: one fails and comes back, one takes long, one goes on meanwhile."""
    monkeypatch.setattr(scheduler, "FIRST_RUN_SECONDS", 0)
    ran = {"steady": 0, "failing": 0, "long": 0}
    enough, ended = asyncio.Event(), []

    async def steady(_):
        ran["steady"] += 1
        if ran["steady"] >= 4 and supervisor_has_seen_the_failure():
            enough.set()

    async def failing(_):
        ran["failing"] += 1
        if ran["failing"] == 1:
            raise ZeroDivisionError("a bug")

    async def long(_):
        ran["long"] += 1
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("long")

    def supervisor_has_seen_the_failure():
        [worker] = [each for each in supervisor.workers if each.name == "failing"]
        return worker.failures == 1 and worker.is_up()

    wanted = [Job(name=each.__name__, every=0.05, work=each) for each in (steady, failing, long)]
    running = asyncio.ensure_future(run_jobs(wanted, supervisor, WallClock().now))
    async with asyncio.timeout(20):
        await enough.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended == ["long"]
    assert ran["long"] == 1, "it never runs twice at a time"
    assert ran["failing"] >= 2
    after = dict(ran)
    await asyncio.sleep(0.15)
    assert ran == after
    errors = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert [each for each in errors if not each.startswith("failing has failed")] == []
