"""A small HTTP server for the probes and metrics of a program without an HTTP API of its own."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from orderpipeline_common.contract import HEALTH_PATH, METRICS_PATH, READY_PATH

MAX_WARNINGS: Final = 20


@dataclass(frozen=True)
class Probes:
    """What the probes ask, from any thread. `ready` and `healthy` return an empty string, or why not; `warnings` what
    is wrong with a part of the work while the rest goes on."""

    ready: Callable[[], str]
    healthy: Callable[[], str]
    warnings: Callable[[], Sequence[str]] = tuple


async def serve_probes(
    port: int,
    probes: Probes,
    registry: CollectorRegistry,
    *,
    routes: Iterable[web.RouteDef] = (),
    host: str = "0.0.0.0",  # noqa: S104  (a pod's probes come from outside the pod)
) -> web.AppRunner:
    """Serve /health, /ready, /metrics and `routes` until the returned runner is cleaned up.

    A probe whose answer is no replies with 503 and the reason. Port 0 picks a free port: see `runner.addresses`.
    """

    def respond(reason: str, warnings: Sequence[str] = ()) -> web.Response:
        body: dict[str, object] = {"status": reason or "ok"}
        if warnings:
            body["warnings"] = list(warnings)[:MAX_WARNINGS]
        return web.json_response(body, status=503 if reason else 200)

    async def on_health(_: web.Request) -> web.Response:
        return respond(probes.healthy(), probes.warnings())

    async def on_ready(_: web.Request) -> web.Response:
        return respond(probes.ready())

    async def on_metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    app = web.Application()
    app.router.add_get(HEALTH_PATH, on_health)
    app.router.add_get(READY_PATH, on_ready)
    app.router.add_get(METRICS_PATH, on_metrics)
    app.router.add_routes(routes)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
