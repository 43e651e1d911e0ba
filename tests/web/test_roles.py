"""What a process with some of the roles does, and what it leaves to the others."""

import asyncio

import pytest

from sync_core.app import scheduler
from sync_core.app.parts import assemble
from sync_core.app.server import App
from sync_core.domain.process_roles import ALL_ROLES, ProcessRole
from sync_core.domain.values import Event
from sync_core.ports import WorkKind
from sync_core.workers.context import WAKEUP_SETTING
from tests.web.conftest import until

OWN = {"timekeeper", "listener", "heartbeat", "alerts", "roles"}
HOUSEKEEPING = {"auditor", "sealer", "stock_count", "cleanup", "night"}


@pytest.fixture
async def parts(settings):
    made = assemble(settings)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("role", "does", "answers"),
    [
        (ProcessRole.WEB, {"receiver"}, True),
        (ProcessRole.BOT, set(), False),
        (ProcessRole.SCHEDULER, HOUSEKEEPING, False),
    ],
)
async def test_a_process_does_what_its_role_is_and_no_more(parts, monkeypatch, role, does, answers):
    """Whichever it is, it hears what others announce, and says how it is."""
    monkeypatch.setattr(scheduler, "FIRST_RUN_SECONDS", 60)
    app, heard = App(parts, {role}), []
    paths = {route.path for route in app.web().routes}
    assert {"/healthz", "/readyz", "/metrics"} <= paths
    assert ("/webhooks/shopify" in paths) is answers
    with parts.database.subscribe(heard.append):
        working = asyncio.ensure_future(app.work())
        await until(lambda: {each.name for each in app._supervisor.workers} == OWN | does)
        await parts.database.transaction(lambda tx: tx.settings.set(WAKEUP_SETTING, "x"))
        await until(lambda: WorkKind.REQUESTS in heard)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working


@pytest.mark.parametrize(
    ("roles", "still_told"), [(ALL_ROLES, []), ({ProcessRole.WEB}, ["worker:sender us"])]
)
async def test_a_part_that_fails_elsewhere_is_still_told(parts, roles, still_told):
    """A process that has all parts knows that this one works; one that has a few does not."""
    told = Event(kind="dead_worker", subject="worker:sender us", facts={"why": "x"})
    now = parts.clock.now()
    await parts.database.transaction(lambda tx: tx.notifications.notify([told], now=now))
    await App(parts, roles)._supervisor.notify()
    found = await parts.database.transaction(lambda tx: tx.findings.page(kinds=["dead_worker"]))
    assert [each.subject for each in found] == still_told
