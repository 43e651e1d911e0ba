"""`GET /healthz`, `/readyz` and `/metrics`."""

import asyncio
from collections.abc import Callable, Mapping

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Gauge,
    generate_latest,
)
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sync_core.clock import Clock
from sync_core.domain.views import Overview
from sync_core.service import Service

OLD = 60.0  # seconds a delivery may wait before we are not ready
PATIENT = 3.0  # seconds that the database has to answer


class Health:
    """Says how the service is."""

    def __init__(
        self,
        service: Service,
        clock: Clock,
        *,
        alive: Callable[[], bool],
        faces: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        self._service = service
        self._clock = clock
        self._alive = alive
        self._faces = faces  # Slack being down is said, and does not make us unready

    async def healthz(self, _request: Request) -> Response:
        """Alive: the process answers and its workers work."""
        if self._alive():
            return PlainTextResponse("ok\n")
        return PlainTextResponse("the engine has stopped; restart the process\n", status_code=503)

    async def readyz(self, _request: Request) -> Response:
        """Ready: the database answers, the stores accept us, deliveries are handled."""
        try:
            async with asyncio.timeout(PATIENT):
                overview = await self._service.overview()
        except Exception as exc:  # noqa: BLE001 - whatever it is, we are not ready
            why = f"the database does not answer: {type(exc).__name__}"
            return JSONResponse({"ready": False, "why": [why]}, status_code=503)
        age = self._age(overview)
        why_not = [] if self._alive() else ["the engine has stopped"]
        why_not += [f"{each.alias}: {each.held_why}" for each in overview.stores if each.held_why]
        if age > OLD:
            why_not.append(f"a delivery has waited for {age:.0f} s")
        facts = {
            "ready": not why_not,
            "why": why_not,
            "oldest_unhandled_seconds": round(age, 1),
            "stores": {
                each.alias: {"held": each.held_why, "due": each.due, "suspended": each.suspended}
                for each in overview.stores
            },
            "faces": dict(self._faces()),
        }
        return JSONResponse(facts, status_code=503 if why_not else 200)

    def _age(self, overview: Overview) -> float:
        """Return the age of the oldest delivery that nobody has handled, in seconds."""
        oldest = overview.oldest_unhandled_at
        return 0.0 if oldest is None else (self._clock.now() - oldest).total_seconds()

    async def metrics(self, _request: Request) -> Response:
        """Return figures for Prometheus; what is counted in the database is counted anew."""
        try:
            async with asyncio.timeout(PATIENT):
                overview = await self._service.overview()
        except Exception as exc:  # noqa: BLE001 - a scrape that fails is an answer of its own
            why = f"the database does not answer: {type(exc).__name__}\n"
            return PlainTextResponse(why, status_code=503)
        now = CollectorRegistry()
        age = Gauge("tipo_oldest_unhandled_seconds", "Age of the oldest delivery", registry=now)
        age.set(self._age(overview))
        for name, words, value in (
            ("tipo_unhandled", "Deliveries nobody has handled", overview.unhandled),
            ("tipo_pools", "Pools", overview.pools),
            ("tipo_pools_agreed", "Pools with a shared quantity", overview.agreed),
            ("tipo_pools_oversold", "Pools below zero", overview.oversold),
            ("tipo_findings", "Findings that stand", overview.findings),
        ):
            Gauge(name, words, registry=now).set(value)
        for name in ("levels", "met", "due", "looks", "suspended", "open"):
            gauge = Gauge(f"tipo_store_{name}", f"Levels: {name}", ["store"], registry=now)
            for each in overview.stores:
                gauge.labels(store=each.alias).set(getattr(each, name))
        body = generate_latest(now) + generate_latest(REGISTRY)
        return Response(body, media_type=CONTENT_TYPE_LATEST)
