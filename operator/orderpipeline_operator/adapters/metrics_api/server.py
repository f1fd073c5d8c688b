"""The external metrics API server (external.metrics.k8s.io/v1beta1), called by the API server's aggregation layer."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from kubernetes.aio.client import Configuration

from orderpipeline_common.supervision import Turn, no_turn
from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient
from orderpipeline_operator.adapters.metrics_api import discovery as docs
from orderpipeline_operator.adapters.metrics_api.audit import ServerLog
from orderpipeline_operator.adapters.metrics_api.authentication import (
    FrontProxy,
    FrontProxyConfigMap,
    FrontProxySource,
    Unauthenticated,
    User,
    authenticate,
)
from orderpipeline_operator.adapters.metrics_api.authorization import Action, Authorizer
from orderpipeline_operator.adapters.metrics_api.tls import AUDIT, Tls
from orderpipeline_operator.adapters.metrics_api.values import StatusValues, Values
from orderpipeline_operator.domain.kubernetes.apiservice import METRICS_GROUP, METRICS_VERSION
from orderpipeline_operator.domain.kubernetes.selector import parse
from orderpipeline_operator.domain.units.quantities import milli
from orderpipeline_operator.errors import ApiError

LOG = logging.getLogger(__name__)
REFRESH_SECONDS = 15.0
"""Seconds between two looks at the certificate files and the front proxy's ConfigMap."""
RETRY_SECONDS = 1.0
"""The same until the certificate and the ConfigMap could be read for the first time."""
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/livez"})
_AGGREGATED = "g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class CurrentFrontProxy:
    """The front proxy as last read: written by the refresher, read by requests."""

    def __init__(self) -> None:
        self.current: FrontProxy | None = None


def build_app(front_proxy: CurrentFrontProxy, authorizer: Authorizer, values: Values) -> web.Application:
    """The application: the documents, the values, and the guard before all but the health paths."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in OPEN_PATHS:
            return await handler(request)
        return await _guarded(front_proxy, authorizer, request, handler)

    async def value(request: web.Request) -> web.Response:
        return await _values(values, request)

    app = web.Application(middlewares=[guard])
    for path in OPEN_PATHS:
        app.router.add_get(path, _ok)
    app.router.add_get("/apis", _groups)
    for path, document in {
        f"/apis/{METRICS_GROUP}": docs.group(),
        docs.ROOT: docs.resources(),
        "/openapi/v2": docs.openapi_v2(),
        "/openapi/v3": docs.openapi_v3_index(),
        f"/openapi/v3/apis/{METRICS_GROUP}/{METRICS_VERSION}": docs.openapi_v3(),
    }.items():
        app.router.add_get(path, _document(document))
    app.router.add_get(docs.ROOT + "/namespaces/{namespace}/{metric}", value)
    return app


async def serve(
    cluster: Configuration, cert: Path, key: Path, listening: Callable[[], None], *, turn: Turn,
    host: str = "0.0.0.0", port: int = 6443,  # noqa: S104
) -> None:  # fmt: skip
    """Serve until cancelled, in the running loop. Listens once the certificate and the ConfigMap could be read, and
    then calls `listening`."""
    kube = KubernetesClient(cluster)
    try:
        values = StatusValues(kube, time.time, time.monotonic)
        authorizer = Authorizer(kube, time.monotonic)
        proxies, tls = FrontProxyConfigMap(kube), Tls(cert, key)
        await serve_with(proxies, authorizer, values, tls, (host, port), listening, turn)
    finally:
        await kube.close()


async def serve_with(
    proxies: FrontProxySource, authorizer: Authorizer, values: Values, tls: Tls, address: tuple[str, int],
    listening: Callable[[], None] = lambda: None, turn: Turn = no_turn,
) -> None:  # fmt: skip
    """Like `serve`, with parts that are passed in. `listening` is called once the port is open."""
    front_proxy = CurrentFrontProxy()
    while not await _refresh(front_proxy, proxies, tls):
        turn()
        await asyncio.sleep(RETRY_SECONDS)
    runner = web.AppRunner(build_app(front_proxy, authorizer, values), access_log=None, logger=ServerLog(LOG))
    await runner.setup()
    try:
        await web.TCPSite(runner, *address, ssl_context=tls.context).start()
        LOG.info("external metrics are served on port %d", address[1])
        listening()
        while True:
            turn()
            await asyncio.sleep(REFRESH_SECONDS)
            await _refresh(front_proxy, proxies, tls)
    finally:
        if (server := runner.server) is not None:
            # asyncio finishes handshakes in progress, and aiohttp would keep those connections forever.
            server.connection_made = lambda handler, transport: transport.abort()  # type: ignore[method-assign]
        await runner.cleanup()


async def _refresh(front_proxy: CurrentFrontProxy, proxies: FrontProxySource, tls: Tls) -> bool:
    """Whether requests can be served: a certificate is loaded and the front proxy is known."""
    front_proxy.current = await proxies.current()
    try:
        if tls.refresh(front_proxy.current.ca_pem if front_proxy.current else None):
            LOG.info("certificates of the external metrics API were loaded")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        LOG.warning("certificates of the external metrics API cannot be used: %s", error)
        return False
    return front_proxy.current is not None


async def _guarded(
    front_proxy: CurrentFrontProxy, authorizer: Authorizer, request: web.Request, handler: Handler
) -> web.StreamResponse:
    certificate = request.get_extra_info("peercert")
    try:
        user = authenticate(front_proxy.current, certificate, request.headers)
    except Unauthenticated as error:
        return _refuse(request, 401, "Unauthorized", "Unauthorized", str(error))
    action = _action(request)
    try:
        allowed, reason = await authorizer.allowed(user, action)
    except ApiError as error:
        return _refuse(request, 500, "InternalError", f"authorization could not be checked: {error}", user.name)
    if not allowed:
        return _refuse(request, 403, "Forbidden", _forbidden(user, action, reason), user.name)
    try:
        return await handler(request)
    except web.HTTPBadRequest as error:
        return _refuse(request, 400, "BadRequest", error.text or "", user.name)
    except web.HTTPNotFound:
        return _refuse(request, 404, "NotFound", "the server could not find the requested resource", user.name)
    except web.HTTPMethodNotAllowed:
        return _refuse(request, 405, "MethodNotAllowed", "only GET is supported", user.name)
    except ApiError as error:
        return _refuse(request, 503, "ServiceUnavailable", f"the pipelines could not be read: {error}", user.name)


def _action(request: web.Request) -> Action:
    """In the API server's terms: reading values, which name no single object, is a list."""
    info = request.match_info
    verb = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
    known = verb.get(request.method, request.method.lower())
    if "metric" in info:
        return Action("list" if known == "get" else known, request.path, info["namespace"], info["metric"])
    return Action(known, request.path)


def _forbidden(user: User, action: Action, reason: str) -> str:
    what = f'resource "{action.metric}" in API group "{METRICS_GROUP}" in the namespace "{action.namespace}"'
    target = what if action.metric else f'path "{action.path}"'
    return f'User "{user.name}" cannot {action.verb} {target}' + (f": {reason}" if reason else "")


def _refuse(request: web.Request, code: int, reason: str, message: str, who: str) -> web.Response:
    AUDIT.warning("refused %d %s %s from %s: %s: %s", code, request.method, request.path, request.remote, who, message)
    return web.json_response(docs.status(code, reason, message), status=code)


async def _values(values: Values, request: web.Request) -> web.Response:
    metric = request.match_info["metric"]
    if metric not in docs.METRICS:
        raise web.HTTPNotFound
    try:
        selector = parse(request.query.get("labelSelector", ""))
    except ValueError as error:
        raise web.HTTPBadRequest(text=str(error)) from error
    found = await values.lookup(request.match_info["namespace"], metric, selector)
    rows = [(labels, milli(value), _rfc3339(at)) for labels, value, at in found]
    return web.json_response(docs.values(metric, rows))


def _rfc3339(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _document(document: docs.Json) -> Handler:
    async def reply(_request: web.Request) -> web.Response:
        return web.json_response(document)

    return reply


async def _groups(request: web.Request) -> web.Response:
    for accepted in request.headers.get("Accept", "").replace(" ", "").split(","):
        with suppress(ValueError):
            kind, _, parameters = accepted.partition(";")
            if kind == "application/json" and parameters.startswith(_AGGREGATED):
                body = web.json_response(docs.aggregated())
                body.headers["Content-Type"] = f"application/json;{_AGGREGATED}"
                return body
    return web.json_response(docs.groups())


async def _ok(_request: web.Request) -> web.Response:
    return web.Response(text="ok")
