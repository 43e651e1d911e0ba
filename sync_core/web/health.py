"""`GET /healthz`, `/readyz` and `/metrics`."""

import asyncio
from collections.abc import Callable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sync_core.clock import Clock
from sync_core.ports import Database
from sync_core.service.service import Service
from sync_core.web.metrics import Scrape, age
from sync_core.web.receiver import Receiver
from sync_core.workers.supervisor import Supervisor

DATABASE_TIMEOUT_SECONDS = 3.0  # that the database has to answer
PROBE_SETTING = "probe"  # the setting that is written to see whether the database can be


class Health:
    """Says how the service is.

        path      200 when                                         else 503, and the caller should
        --------  -----------------------------------------------  -------------------------------
        /healthz  what all stores need is at work                  restart this process
        /readyz   this process can take webhooks and keep them     send them to another one
        /metrics  the database answers                             ask again

    A store that another Tipo writes to, one that refuses our token, or a worker of one store that
    fails, is a fact in the body of `/readyz` and a figure: it must not cost the other stores their
    webhooks.

    With a token set, `/metrics` and the facts of `/readyz` are for those who send it (as
    `Authorization: Bearer …`); a load balancer still learns whether this process is ready.
    """

    def __init__(
        self,
        service: Service,
        database: Database,
        clock: Clock,
        *,
        supervisor: Supervisor,
        receiver: Receiver,
        facts: Callable[[], Mapping[str, object]],
    ) -> None:
        self._service = service
        self._database = database
        self._clock = clock
        self._supervisor = supervisor
        self._receiver = receiver
        self._facts = facts

    async def healthz(self, _request: Request) -> Response:
        """Alive: the process answers, and what all stores need is at work."""
        if self._supervisor.is_well():
            return PlainTextResponse("ok\n")
        down = ", ".join(self._supervisor.down())
        return PlainTextResponse(
            f"failing again and again: {down}; restart the process\n", status_code=503
        )

    async def readyz(self, _request: Request) -> Response:
        """Ready: webhooks can be taken, and kept."""
        why_not = await self._why_not_ready()
        facts: dict[str, object] = {
            "ready": not why_not,
            "why": why_not,
            "workers": {"failing": self._supervisor.down()},
            **self._facts(),
        }
        if not why_not:
            facts |= await self._stores()
        return JSONResponse(facts, status_code=503 if why_not else 200)

    async def is_ready(self, _request: Request) -> Response:
        """Ready or not, without a fact."""
        why_not = await self._why_not_ready()
        return JSONResponse({"ready": not why_not}, status_code=503 if why_not else 200)

    async def _why_not_ready(self) -> list[str]:
        """Return why a webhook could not be kept now, if so."""
        if self._receiver.is_full:
            return ["too many webhooks are under way"]
        now = self._clock.now().isoformat()
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_SECONDS):
                await self._database.transaction(lambda tx: tx.settings.set(PROBE_SETTING, now))
        except Exception as exc:  # noqa: BLE001 - whatever it is, we are not ready
            return [f"the database cannot be written: {type(exc).__name__}"]
        return []

    async def _stores(self) -> dict[str, object]:
        """Return how the stores are, as far as the database says so in time."""
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_SECONDS):
                overview = await self._service.overview()
        except Exception as exc:  # noqa: BLE001 - it can be written, so we are ready
            return {"stores": None, "stores_why": type(exc).__name__}
        oldest = overview.oldest_unhandled_at
        return {
            "oldest_unprocessed_delivery_seconds": round(age(oldest, self._clock.now()), 1),
            "instance": overview.instance,
            "shadow": overview.shadow and overview.shadow.since.isoformat(),
            "stores": {
                each.alias: {
                    "lease": each.lease.state,
                    "lease_since": each.lease.since and each.lease.since.isoformat(),
                    "blocked": each.blocked_why,
                    "due": each.due,
                    "suspended": each.suspended,
                }
                for each in overview.stores
            },
        }

    async def metrics(self, _request: Request) -> Response:
        """Return figures for Prometheus; what is counted in the database is counted again."""
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_SECONDS):
                overview = await self._service.overview()
                backlog = await self._service.backlog()
        except Exception as exc:  # noqa: BLE001 - a scrape that fails is an answer of its own
            why = f"the database does not answer: {type(exc).__name__}\n"
            return PlainTextResponse(why, status_code=503)
        registry = CollectorRegistry()
        registry.register(
            Scrape(
                now=self._clock.now(),
                overview=overview,
                backlog=backlog,
                budgets=self._service.budgets(),
                workers={each.name: each.is_down() for each in self._supervisor.workers},
            )
        )
        body = generate_latest(registry) + generate_latest(REGISTRY)
        return Response(body, media_type=CONTENT_TYPE_LATEST)
