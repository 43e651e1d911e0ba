"""How the service says how it is."""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from sync_core.domain.leases import LeaseState
from sync_core.domain.values import Alias
from sync_core.ports import Delivery
from tests.web.conftest import EU, SECRETS, TOKEN, US

WHY = "ValueError: no"
SICK = {"outbox": {"waiting": 40}, "socket": {"last_heard_seconds": 900}}


class Sick:
    """A frontend that is not well."""

    name = "slack"

    def health(self):
        return SICK


def keep(harness, age):
    late = Delivery(
        store=Alias("eu"),
        webhook_id="late",
        topic="t",
        body=b"{}",
        received_at=harness.clock.now() - timedelta(seconds=age),
    )
    harness.database.run(lambda tx: tx.deliveries.save([late]))


async def figures(harness):
    answer = await harness.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (each.name, *(each.labels[name] for name in sorted(each.labels, reverse=True))): each.value
        for family in text_string_to_metric_families(answer.text)
        for each in family.samples
    }


async def test_it_is_alive_while_its_engine_works(harness):
    answer = await harness.client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_it_is_not_alive_once_its_engine_has_failed_thrice(harness):
    harness.fail("delivery_processor", vital=True, times=2)
    assert (await harness.client.get("/healthz")).status_code == 200
    folder = harness.fail("delivery_processor", vital=True)
    answer = await harness.client.get("/healthz")
    assert answer.status_code == 503
    assert answer.text == "failing again and again: delivery_processor; restart the process\n"
    ready = await harness.client.get("/readyz")
    assert (ready.status_code, ready.json()["workers"]) == (
        200,
        {"failing": {"delivery_processor": WHY}},
    )
    folder.done_at = harness.clock.now()
    assert (await harness.client.get("/healthz")).status_code == 200


async def test_a_worker_of_one_store_is_no_reason_to_restart_the_others(harness):
    """It is named where people look, and webhooks of all stores go on being taken."""
    harness.fail("sender us", times=5)
    assert (await harness.client.get("/healthz")).status_code == 200
    ready = await harness.client.get("/readyz")
    assert (ready.status_code, ready.json()["workers"]) == (200, {"failing": {"sender us": WHY}})
    assert (await figures(harness))["tipo_worker_down", "sender us"] == 1


async def test_it_is_ready_and_says_how_it_is(harness):
    answer = await harness.client.get("/readyz")
    quiet = {"lease": "unknown", "lease_since": None, "blocked": None, "due": 0, "suspended": 0}
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "why": [],
        "oldest_unprocessed_delivery_seconds": 0.0,
        "workers": {"failing": {}},
        "frontends": {},
        "clock": {"was_set_by_seconds": 0},
        "roles": {"here": ["bot", "scheduler", "web", "worker"], "missing": []},
        "instance": "",
        "shadow": None,
        "stores": {"eu": quiet, "us": quiet},
    }


async def test_it_says_who_writes_to_each_store_and_is_ready_all_the_same(harness):
    """Webhooks of a store that another Tipo writes to are kept and counted as before."""
    now = harness.clock.now()

    def work(tx):
        tx.leases.instance("0123456789abcdef")
        for alias, state in (("eu", LeaseState.OURS), ("us", LeaseState.FOREIGN)):
            tx.leases.note(Alias(alias), state, None, weak=False, now=now)

    harness.database.run(work)
    answer = await harness.client.get("/readyz")
    assert (answer.status_code, answer.json()["instance"]) == (200, "89abcdef")
    told = {name: each["lease"] for name, each in answer.json()["stores"].items()}
    assert told == {"eu": "ours", "us": "foreign"}
    assert answer.json()["stores"]["us"]["lease_since"] == now.isoformat()
    seen = await figures(harness)
    assert (seen["tipo_store_lease", "eu"], seen["tipo_store_lease", "us"]) == (1, 0)
    assert seen["tipo_store_lease_since_timestamp_seconds", "eu"] == now.timestamp()


async def test_it_says_how_long_a_delivery_waits_and_goes_on_taking_more(harness):
    keep(harness, age=120)
    answer = await harness.client.get("/readyz")
    facts = answer.json()
    assert (answer.status_code, facts["ready"], facts["why"]) == (200, True, [])
    assert facts["oldest_unprocessed_delivery_seconds"] == pytest.approx(120, abs=5)


async def test_a_delivery_that_has_just_come_is_no_trouble(harness):
    await harness.send()
    assert (await harness.client.get("/readyz")).status_code == 200


async def test_it_takes_webhooks_of_all_stores_while_one_refuses_us(harness):
    """Behind a load balancer, one dead token must not drop the other stores' webhooks."""
    now = harness.clock.now()
    harness.database.run(lambda tx: tx.stores.block(Alias("us"), "access lost", now=now))
    answer = await harness.client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert (await figures(harness))["tipo_store_blocked", "us"] == 1
    assert answer.json()["stores"]["us"]["blocked"] == "access lost"
    harness.database.run(lambda tx: tx.stores.unblock(Alias("us"), now=now))
    assert (await harness.client.get("/readyz")).json()["stores"]["us"]["blocked"] is None
    assert (await figures(harness))["tipo_store_blocked", "us"] == 0


async def test_it_is_not_ready_while_no_more_webhooks_fit(harness, monkeypatch):
    monkeypatch.setattr("sync_core.web.receiver.MAX_REQUESTS", 0)
    answer = await harness.client.get("/readyz")
    why = ["too many webhooks are under way"]
    assert (answer.status_code, answer.json()["why"]) == (503, why)
    assert (await harness.client.get("/healthz")).status_code == 200


async def test_it_is_not_ready_while_its_database_can_only_be_read(harness):
    """A full disk, or a standby: what it answers to questions is no comfort to a webhook."""
    harness.database.read_only = True
    answer = await harness.client.get("/readyz")
    assert answer.json()["why"] == ["the database cannot be written: NoDatabase"]
    assert answer.status_code == 503
    harness.database.read_only = False
    assert (await harness.client.get("/readyz")).status_code == 200


async def test_it_is_ready_though_its_figures_take_too_long(harness, monkeypatch):
    monkeypatch.setattr("sync_core.web.health.DATABASE_TIMEOUT_SECONDS", 0.5)
    harness.database.slow = "overview"
    answer = await harness.client.get("/readyz")
    assert (answer.status_code, answer.json()["stores"]) == (200, None)


async def test_it_is_not_ready_without_its_database(harness):
    harness.database.trouble = OSError(f"secret words: {TOKEN}")
    answer = await harness.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["why"] == ["the database cannot be written: OSError"]
    assert (await harness.client.get("/healthz")).status_code == 200
    harness.database.trouble = None
    assert (await harness.client.get("/readyz")).status_code == 200


async def test_it_is_not_ready_while_its_database_is_silent(harness, monkeypatch):
    monkeypatch.setattr("sync_core.web.health.DATABASE_TIMEOUT_SECONDS", 0.1)
    harness.database.gate.clear()
    answer = await harness.client.get("/readyz")
    assert answer.json()["why"] == ["the database cannot be written: TimeoutError"]
    harness.database.gate.set()


async def test_its_figures_count_what_came(harness):
    before = await figures(harness)
    assert before["tipo_unprocessed_deliveries",] == 0
    await harness.send()
    await harness.send(hmac_sha256="forged")
    await harness.send(shop_domain="urbanwear-fr.myshopify.com")
    after = await figures(harness)

    def rise(*labels):
        name = ("tipo_deliveries_total", *labels)
        return after[name] - before.get(name, 0)

    assert [rise("eu", "200"), rise("eu", "401"), rise("unknown", "404")] == [1, 1, 1]
    assert after["tipo_unprocessed_deliveries",] == 1
    assert after["tipo_oldest_unprocessed_delivery_seconds",] < 5
    assert after["tipo_pools",] == after["tipo_pools_oversold",] == 0
    assert after["tipo_store_due", "us"] == 0


async def test_strangers_cannot_make_up_labels(harness):
    """A label per made-up shop would fill the memory."""
    for number in range(5):
        await harness.send(shop_domain=f"made-up-{number}.myshopify.com")
    stores = {name[1] for name in await figures(harness) if name[0] == "tipo_deliveries_total"}
    assert stores <= {"eu", "us", "unknown"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_no_secret_and_no_shop_is_told(harness, path):
    text = (await harness.client.get(path)).text
    assert not any(each in text for each in (*SECRETS, EU, US))


@pytest.mark.parametrize("path", ["/", "/docs", "/webhooks", "/webhooks/shopify/x", "/.env"])
async def test_nothing_else_is_there(harness, path):
    assert (await harness.client.get(path)).status_code == 404


async def test_how_the_faces_are_is_said_and_makes_nobody_unready(harness):
    """Slack down is worth knowing, and no reason to stop taking webhooks."""
    harness.app._frontends.append(Sick())
    answer = await harness.client.get("/readyz")
    assert (answer.status_code, answer.json()["frontends"]) == (200, {"slack": SICK})


BEARER = "look-0123456789"


@pytest.fixture
def guarded(settings, monkeypatch):
    """Settings with a token for the figures; ask for it before the harness."""
    monkeypatch.setattr(settings, "metrics_token", SecretStr(BEARER))


@pytest.mark.usefixtures("guarded")
@pytest.mark.parametrize("sent", [None, "", BEARER, f"Bearer {BEARER}x", "Bearer", "Bearer é"])
async def test_without_the_token_only_well_or_not_is_told(settings, harness, sent):
    headers = {} if sent is None else {"authorization": sent.encode("latin-1")}
    ready = await harness.client.get("/readyz", headers=headers)
    assert (ready.status_code, ready.json()) == (200, {"ready": True})
    figures = await harness.client.get("/metrics", headers=headers)
    assert figures.status_code == 401
    assert "tipo_" not in figures.text
    assert (await harness.client.get("/healthz", headers=headers)).status_code == 200


@pytest.mark.usefixtures("guarded")
async def test_with_the_token_all_is_told(settings, harness):
    headers = {"authorization": f"Bearer {BEARER}"}
    assert "stores" in (await harness.client.get("/readyz", headers=headers)).json()
    assert (await harness.client.get("/metrics", headers=headers)).status_code == 200


@pytest.mark.usefixtures("guarded")
async def test_a_process_that_is_not_ready_says_so_to_everybody(settings, harness):
    harness.database.trouble = OSError("no disk")
    ready = await harness.client.get("/readyz")
    assert (ready.status_code, ready.json()) == (503, {"ready": False})


async def test_a_database_file_that_is_gone_is_noticed_and_its_return_too(harness, caplog):
    """SQLite would go on writing into a file without a name, and all of it would be lost."""
    file = Path(harness.database.url.database)
    assert (await harness.send()).status_code == 200
    away = file.rename(file.with_name("away.db"))  # noqa: ASYNC240
    assert (await harness.client.get("/readyz")).status_code == 503
    assert (await harness.send()).status_code == 503
    assert f"{file} was deleted or replaced" in caplog.text
    away.rename(file)
    assert (await harness.client.get("/readyz")).status_code == 200
    assert (await harness.send()).status_code == 200
    assert len(harness.stored()) == 2


async def test_a_database_file_that_was_replaced_is_not_written(harness):
    file = Path(harness.database.url.database)
    assert (await harness.send()).status_code == 200
    other = Path(shutil.copy(file, file.with_name("other.db")))
    other.replace(file)  # noqa: ASYNC240
    assert (await harness.send()).status_code == 503
    with closing(sqlite3.connect(file)) as now:
        assert now.execute("SELECT count(*) FROM delivery").fetchone()[0] <= 1
