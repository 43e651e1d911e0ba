"""What is going on: its facts are on every line of the log, and it is a span of a trace.

    span      one is                                     goes on from
    --------  -----------------------------------------  ------------------------------------
    webhook   a request of a store, until its answer     nothing: what callers say of theirs
                                                         is not trusted
    commit    deliveries that are kept in one commit     the webhooks
    process   a page of deliveries, in one commit        the webhooks, by `delivery.trace`
    plan      a batch that is written down               the webhooks that moved what is in it
    batch     one sending, until the store has answered  the plan, by `batch.trace`
    answer    what the answer does to our books          the batch
    report    a comparison: the nightly, a check         nothing
    post      one call of Slack that posts or updates    nothing

Traces are OpenTelemetry's, an extra (`pip install 'tipo[otel]'`), and are sent where its own
variables say: OTEL_EXPORTER_OTLP_ENDPOINT switches them on. Where they are off nothing of it is
imported, no row holds a trace, and a span costs what its facts in the log do. Several rows that
lead to one span are its parent, the first, and links. A span says which exception ended it and not
what that said: it may be a stranger's words, or a secret.
"""

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from types import MappingProxyType
from typing import Any

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
MAX_LINKS = 32  # that one span has to what led to it
FLUSH_SECONDS = 2.0  # that spans have to leave when the process ends

_tracer: Any = None  # OpenTelemetry's, once tracing is on
_facts: ContextVar[Mapping[str, str | float]] = ContextVar("facts", default=MappingProxyType({}))


def is_on() -> bool:
    """Whether spans are recorded."""
    return _tracer is not None


@contextmanager
def traced() -> Iterator[None]:
    """Record and send spans as long as this is open, if the environment says where to."""
    if not any(map(os.environ.get, ENDPOINTS)):
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        log.warning(
            "no traces are sent: OpenTelemetry is not installed (pip install 'tipo[otel]')",
            extra={"event": "tracing_missing"},
        )
        yield
        return
    with recording(BatchSpanProcessor(OTLPSpanExporter())):
        yield


@contextmanager
def recording(processor: Any) -> Iterator[None]:
    """Hand spans to a processor of OpenTelemetry's as long as this is open."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    global _tracer  # noqa: PLW0603 - one process, one tracer, as OpenTelemetry has it
    name = os.environ.get("OTEL_SERVICE_NAME", "tipo")
    provider = TracerProvider(
        resource=Resource.create({"service.name": name}), shutdown_on_exit=False
    )
    provider.add_span_processor(processor)
    _tracer = provider.get_tracer("tipo")
    try:
        yield
    finally:
        _tracer = None
        # The collector of the spans may be away: that must not keep the process from ending.
        ending = threading.Thread(target=provider.shutdown, daemon=True)
        ending.start()
        ending.join(FLUSH_SECONDS)


@contextmanager
def span(name: str, parents: Sequence[str | None] = (), **facts: str | float) -> Iterator[None]:
    """Name what is going on, as long as this is open.

    Args:
        name: One of the table above.
        parents: Traces that rows hold, as `current` gave them; without one it is part of the span
            that is open.
        facts: What a line of the log and a span should say of it: ids, aliases, counts.
    """
    with bound(**facts):
        if _tracer is None:
            yield
        else:
            with _open(name, [each for each in parents if each], facts):
                yield


@contextmanager
def bound(**facts: str | float) -> Iterator[None]:
    """Have facts on every line of the log, as long as this is open."""
    outer = _facts.set({**_facts.get(), **facts})
    try:
        yield
    finally:
        _facts.reset(outer)


def facts_around() -> Mapping[str, str | float]:
    """Return the facts of all that is going on here, the innermost first to count."""
    return _facts.get()


def current() -> str | None:
    """Return the open span as a row keeps it, a W3C `traceparent`; None where tracing is off."""
    if _tracer is None:
        return None
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    context = get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


@contextmanager
def _open(name: str, parents: Sequence[str], facts: Mapping[str, Any]) -> Iterator[None]:
    """Record a span as long as this is open."""
    from opentelemetry.trace import Link, Status, StatusCode, set_span_in_context  # noqa: PLC0415
    from opentelemetry.trace.propagation import get_current_span  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    read = TraceContextTextMapPropagator().extract
    first = islice(dict.fromkeys(parents), 1 + MAX_LINKS)  # a commit may have thousands
    known = [get_current_span(read({"traceparent": each})) for each in first]
    with _tracer.start_as_current_span(
        name,
        context=set_span_in_context(known[0]) if known else None,
        links=[Link(each.get_span_context()) for each in known[1:]],
        attributes={f"tipo.{key}": value for key, value in facts.items()},
        record_exception=False,
        set_status_on_exception=False,
    ) as opened:
        try:
            yield
        except Exception as exc:  # that it was cancelled is no fault
            opened.set_attribute("error.type", type(exc).__name__)
            opened.set_status(Status(StatusCode.ERROR))
            raise
