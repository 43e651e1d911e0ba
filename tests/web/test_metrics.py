"""Figures for Prometheus: what they say, and that the dashboard and the alert rules know them.

And the trace that a webhook begins.
"""

import asyncio
import json
import re
import shutil
import subprocess
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from sync_core import tracing
from sync_core.db.tables import BATCH, DELIVERY, POST, REPORT
from sync_core.domain.proposals import ReportFacts
from sync_core.domain.values import Alias
from sync_core.metrics import BATCH_ANSWERS, DELIVERY_WAIT, ROLE_MISSING, UPDATE
from tests.web.conftest import BODY, HOOK, TOPIC, headers, until
from tests.web.test_health import figures, keep

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs/prometheus-alerts.yaml"
BOARD = ROOT / "docs/grafana/tipo.json"


async def scraped(harness):
    """A scrape with every figure that there may be."""
    for each in (DELIVERY_WAIT, UPDATE):
        each.labels("us").observe(1)
    BATCH_ANSWERS.labels("us", "taken").inc()
    ROLE_MISSING.labels("bot").set(0)
    harness.fail("sender us")
    await harness.send()
    return (await harness.client.get("/metrics")).text


def named(text):
    return set(re.findall(r"\btipo_[a-z_]+\b", text))


async def test_the_dashboard_and_the_rules_ask_for_figures_that_there_are(harness):
    """A panel without data, or an alert that can't fire, looks like all is well."""
    text = await scraped(harness)
    told = {each.name for family in text_string_to_metric_families(text) for each in family.samples}
    board = json.loads(BOARD.read_text("utf-8"))
    asked = "".join(
        target["expr"] for panel in board["panels"] for target in panel.get("targets", ())
    )
    assert named(asked) - told == set()
    assert named("".join(re.findall(r"expr: (.+)", RULES.read_text("utf-8")))) - told == set()
    shown = named(asked) | {f"{each}_count" for each in named(asked)}
    own = {each for each in told if each.startswith("tipo_") and not each.endswith("_created")}
    hidden = {each for each in own if not each.endswith(("_sum", "_count"))} - shown
    assert hidden == {"tipo_store_lease_since_timestamp_seconds"}


async def test_prometheus_takes_figures_and_rules(harness):
    """By its own linter: names, units and types as Prometheus has them."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not here; Debian has it in the package prometheus")
    for words, text in ((("metrics",), await scraped(harness)), (("rules", RULES), "")):
        check = partial(subprocess.run, ("promtool", "check", *words), input=text, check=False)
        done = await asyncio.to_thread(check, capture_output=True, text=True)
        wrong = [line for line in done.stderr.splitlines() if line.startswith("tipo_")]
        assert (wrong, done.returncode in {0, 3}) == ([], True), done.stderr


async def test_they_say_what_waits_and_for_how_long(harness):
    """Each is what an alert rests on."""
    quiet = await figures(harness)
    ages = ("tipo_outbox_oldest_post_seconds", "tipo_last_nightly_timestamp_seconds")
    assert [quiet[each,] for each in ages] == [0, 0]
    assert quiet["tipo_store_budget_available_points", "us"] > 0
    now = harness.clock.now()
    batch = {"store": "us", "body": b"", "planned_at": now - timedelta(seconds=700)}
    post = {"channel": "C1", "body": {}, "due_at": now - timedelta(seconds=950)}
    night = {"kind": "night", "facts": ReportFacts(), "progress": {}, "summary": {}}
    night |= {"wanted_at": now, "finished_at": now}

    def work(tx):
        tx.run(BATCH.insert(), [{**batch, "key": "a"}, {**batch, "key": "b"}])
        tx.run(BATCH.update().where(BATCH.c.key == "b").values(first_sent_at=now))
        tx.run(POST.insert(), [{**post, "key": "a", "number": 1, "sent": 0}])
        tx.run(POST.insert(), [{**post, "key": "b", "number": 2, "sent": 1}])
        tx.run(
            REPORT.insert(),
            [
                {**night, "token": "a", "night": "2026-11-23", "state": "done"},
                {**night, "token": "b", "night": "2026-11-24", "state": "failed"},
            ],
        )
        tx.settings.set("paused", "ann")

    harness.database.run(work)
    keep(harness, age=130)
    harness.database.run(lambda tx: tx.run(DELIVERY.update().values(quarantined_at=now)))
    seen = await figures(harness)
    assert (seen["tipo_store_batches", "us"], seen["tipo_store_batches", "eu"]) == (2, 0)
    assert seen["tipo_store_batches_in_doubt", "us"] == 1
    assert seen["tipo_store_oldest_batch_seconds", "us"] == pytest.approx(700, abs=5)
    assert seen["tipo_oldest_unprocessed_delivery_seconds",] == pytest.approx(130, abs=5)
    assert seen["tipo_outbox_posts",] == 1
    assert seen["tipo_outbox_oldest_post_seconds",] == pytest.approx(950, abs=5)
    assert seen["tipo_last_nightly_timestamp_seconds",] == now.timestamp()
    assert (seen["tipo_paused",], seen["tipo_quarantined_deliveries",]) == (1, 1)
    assert seen["tipo_store_safety_stop", Alias("us")] == 0


async def test_a_webhook_begins_a_trace_that_its_row_keeps(harness):
    """Callers are not trusted: what one says of a trace of its own is not taken."""
    exporter = InMemorySpanExporter()
    theirs = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    with tracing.recording(SimpleSpanProcessor(exporter)):
        sent = await harness.client.post(HOOK, content=BODY, headers=headers() | theirs)
        assert sent.status_code == 200
        await until(lambda: len(exporter.get_finished_spans()) == 2)
    spans = {each.name: each for each in exporter.get_finished_spans()}
    webhook, commit = spans["webhook"], spans["commit"]
    assert (webhook.parent, commit.parent.span_id) == (None, webhook.context.span_id)
    assert (webhook.attributes["tipo.store"], webhook.attributes["tipo.topic"]) == ("eu", TOPIC)
    [row] = harness.stored()
    ids = f"{webhook.context.trace_id:032x}-{webhook.context.span_id:016x}"
    assert row.trace.startswith(f"00-{ids}-")
