"""The routes of the order API."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from orderpipeline_common.contract import HEALTH_PATH, METRICS_PATH, READY_PATH
from orderpipeline_producer.api.docs_page import docs_page
from orderpipeline_producer.api.openapi import openapi
from orderpipeline_producer.api.orders import Orders
from orderpipeline_producer.metrics import Metrics
from orderpipeline_producer.web import problems
from orderpipeline_producer.web.problems import Problem
from orderpipeline_producer.web.reply import Reply, json_reply
from orderpipeline_producer.web.request import Request

ORDER_PATH: Final = "/order"
BATCH_PATH: Final = "/orders/batch"
PATHS: Final = frozenset({ORDER_PATH, BATCH_PATH, HEALTH_PATH, READY_PATH, METRICS_PATH, "/openapi.json", "/docs"})
NO_STORE: Final = (("Cache-Control", "no-store"),)
DOCS_HEADERS: Final = (("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),)

Handler = Callable[[Request], Awaitable[Reply]]


@dataclass(frozen=True)
class Api:
    """All routes. `clock` is the event loop's, in seconds."""

    routes: Mapping[str, Mapping[str, Handler]]
    metrics: Metrics
    clock: Callable[[], float]

    async def handle(self, request: Request) -> Reply:
        """Answer one request, errors included. Raises ClientGone only."""
        started = self.clock()
        try:
            reply = await self._find(request)(request)
        except Problem as problem:
            reply = problem.reply()
        self.metrics.request(request.path, reply.status, self.clock() - started)
        return reply

    def count_malformed(self) -> None:
        """Count a request that could not be parsed."""
        self.metrics.request("", 400, 0.0)

    def _find(self, request: Request) -> Handler:
        methods = self.routes.get(request.path)
        if methods is None:
            raise problems.not_found(request.path)
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            allowed = [*methods, *(["HEAD"] if "GET" in methods else [])]
            raise problems.method_not_allowed(request.method, request.path, allowed)
        return handler


def make_api(
    orders: Orders,
    registry: CollectorRegistry,
    ready: Callable[[], str],
    healthy: Callable[[], str],
    clock: Callable[[], float],
) -> Api:
    """The API with all its routes. `ready` and `healthy` return an empty string if so, else the reason why not."""
    document = openapi(orders.limits)
    described = json_reply(200, document)
    page = Reply(200, docs_page(document).encode(), "text/html; charset=utf-8", DOCS_HEADERS)

    def verdict(check: Callable[[], str]) -> Handler:
        async def answer(_: Request) -> Reply:
            if reason := check():
                raise problems.not_ready(reason, NO_STORE)
            return Reply(200, b'{"status":"ok"}', headers=NO_STORE)

        return answer

    def constant(reply: Reply) -> Handler:
        async def answer(_: Request) -> Reply:
            return reply

        return answer

    async def on_metrics(_: Request) -> Reply:
        return Reply(200, generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4)

    routes: dict[str, dict[str, Handler]] = {
        ORDER_PATH: {"POST": orders.one},
        BATCH_PATH: {"POST": orders.batch},
        HEALTH_PATH: {"GET": verdict(healthy)},
        READY_PATH: {"GET": verdict(ready)},
        METRICS_PATH: {"GET": on_metrics},
        "/openapi.json": {"GET": constant(described)},
        "/docs": {"GET": constant(page)},
    }
    return Api(routes, orders.metrics, clock)
