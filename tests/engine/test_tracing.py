"""One sale is one trace, through every queue; what is off costs nothing."""

import logging
import subprocess
import sys
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from prometheus_client import REGISTRY

from sync_core import tracing

SECRET = "shpat_0123456789abcdef"  # noqa: S105 - opens nothing


@pytest.fixture
def spans():
    """Record what ends while this is open; by name."""
    exporter = InMemorySpanExporter()

    def found():
        by_name = defaultdict(list)
        for each in exporter.get_finished_spans():
            by_name[each.name].append(each)
        return by_name

    with tracing.recording(SimpleSpanProcessor(exporter)):
        yield found


def is_within(child, parent):
    ids = child.context.trace_id, child.parent and child.parent.span_id
    return ids == (parent.context.trace_id, parent.context.span_id)


def test_a_sale_is_one_trace_from_its_webhook_to_the_other_store(build_harness, spans):
    """Webhook, sender and answer may each be of another process: rows hand the trace on."""
    harness = build_harness(opened=True)
    harness.change_stock("eu", "SKU-0", -3)
    harness.advance(30)
    found = spans()
    [plan], [batch], [answer] = found["plan"], found["batch"], found["answer"]
    [webhook] = [each for each in found["webhook"] if is_within(plan, each)]
    assert (webhook.parent, webhook.attributes["tipo.store"]) == (None, "eu")
    for name in ("commit", "process"):
        assert any(is_within(each, webhook) for each in found[name]), name
    assert is_within(batch, plan)
    assert is_within(answer, batch)
    assert dict(batch.attributes) == {"tipo.store": "us", "tipo.batch": 1, "tipo.n": 1}
    echoes = [each for each in found["webhook"] if each.attributes["tipo.store"] == "us"]
    assert webhook.context.trace_id not in {each.context.trace_id for each in echoes}


def test_what_comes_of_many_webhooks_is_linked_with_each(build_harness, spans):
    harness = build_harness(opened=True, items=3)
    for sku in harness.skus:
        harness.change_stock("eu", sku, -1)
    harness.advance(30)
    [batch] = spans()["batch"]
    [plan] = spans()["plan"]
    assert is_within(batch, plan)
    assert plan.attributes["tipo.n"] == 3
    sources = {plan.parent.span_id, *(each.context.span_id for each in plan.links)}
    assert sources <= {each.context.span_id for each in spans()["webhook"]}
    assert len(sources) == 3


def test_a_commit_of_many_webhooks_is_linked_with_so_many_of_them(spans):
    """The first is its parent; one that counts twice is one link."""
    webhooks = [f"00-{'a' * 32}-{number:016x}-01" for number in range(1, 100)]
    with tracing.span("commit", [None, webhooks[0], *webhooks]):
        pass
    [commit] = spans()["commit"]
    assert commit.parent.span_id == 1
    linked = [each.context.span_id for each in commit.links]
    assert linked == list(range(2, 2 + tracing.MAX_LINKS))


def test_a_comparison_is_a_trace_of_its_own(build_harness, spans):
    harness = build_harness(opened=True)
    harness.do(harness.process.service.check("ann"))
    harness.process.context.requests.notify()
    harness.advance(10)
    found = spans()["report"]
    [report] = [each for each in found if each.attributes["tipo.kind"] == "check"]
    assert (report.parent, report.status.is_ok) == (None, True)


def test_a_span_says_what_ended_it_and_no_word_of_it(spans):
    """What an exception says may be a stranger's, or a secret."""
    with pytest.raises(ValueError, match="shpat_"), tracing.span("batch"):
        raise ValueError(f"refused: {SECRET}")
    [failed] = spans()["batch"]
    assert failed.status.status_code is StatusCode.ERROR
    assert SECRET not in failed.to_json()
    assert failed.attributes["error.type"] == "ValueError"


def test_what_is_off_is_not_imported_and_leaves_no_trace(build_harness):
    code = (
        "import sys; from sync_core import tracing\n"
        "with tracing.traced(), tracing.span('batch', ['00-0-0-0']): print(tracing.current())\n"
        "print('opentelemetry' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["None", "False"]
    harness = build_harness(opened=True)
    harness.change_stock("eu", "SKU-0", -3)
    harness.advance(10)
    [found] = harness.rows("SELECT trace FROM delivery UNION SELECT trace FROM batch")
    assert found["trace"] is None


def test_it_is_said_where_traces_are_asked_for_and_cannot_be_sent(monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with caplog.at_level(logging.WARNING), tracing.traced():
        assert not tracing.is_on()
    assert "pip install 'tipo[otel]'" in caplog.text


def test_what_is_counted_on_the_way_is_counted_once(build_harness):
    """How long the webhook waited, how long the update took, and what the store answered."""

    def counts():
        of = REGISTRY.get_sample_value
        taken = {"store": "us", "answer": "taken"}
        return (
            of("tipo_delivery_wait_seconds_count", {"store": "eu"}) or 0,
            of("tipo_update_seconds_count", {"store": "us"}) or 0,
            of("tipo_batch_answers_total", taken) or 0,
        )

    harness = build_harness(opened=True)
    before = counts()
    harness.change_stock("eu", "SKU-0", -3)
    harness.advance(10)
    [webhooks] = harness.rows("SELECT count(*) AS n FROM delivery WHERE store = 'eu'")
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [webhooks["n"], 1, 1]


class Collector(BaseHTTPRequestHandler):
    """Takes traces as OpenTelemetry sends them, or never answers."""

    bodies: ClassVar = []
    silent = threading.Event()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/silent/v1/traces":
            self.silent.wait(20)
        else:
            self.bodies.append((self.path, body))
            self.send_response(200)
            self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def collector():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    Collector.silent.set()
    server.shutdown()
    server.server_close()


def test_spans_are_sent_where_the_environment_says(collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
    with tracing.traced(), tracing.span("batch", store="us", batch=7):
        assert tracing.current().startswith("00-")
    [(path, body)] = Collector.bodies
    assert path == "/v1/traces"
    assert all(each in body for each in (b"batch", b"tipo.store", b"service.name", b"tipo"))


def test_whoever_takes_no_spans_keeps_no_process_from_its_end(collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{collector}/silent")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setattr(tracing, "FLUSH_SECONDS", 0.2)
    began = time.monotonic()
    with tracing.traced(), tracing.span("batch"):
        pass
    assert time.monotonic() - began < 5
