"""The console's HTTP server. It only reads: there are no routes but GET."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from aiohttp import web

from orderpipeline_operator.console.facts import KafkaAccess
from orderpipeline_operator.console.kafka.message_reader import Found, MessagesUnreadableError, Wanted
from orderpipeline_operator.console.live import TAIL, Live
from orderpipeline_operator.console.source import DeniedError, Gate, Source, Viewer
from orderpipeline_operator.console.views.messages import shown
from orderpipeline_operator.console.views.overview import Query, QueryError
from orderpipeline_operator.console.web.assets import Asset
from orderpipeline_operator.console.web.events import MAX_PAGES, stream
from orderpipeline_operator.console.web.headers import HEADERS
from orderpipeline_operator.sampling.target import Key

LOG = logging.getLogger(__name__)
READERS: Final = 4
"""Requests for messages that are answered at the same time; others wait."""
TOPICS: Final = ("orders", "deadLetters")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ReadMessages = Callable[[KafkaAccess, str, Wanted], Found]
_VIEWER: Final = web.RequestKey("viewer", Viewer)


class Console:
    """Answers requests. `read_messages` blocks, in a thread."""

    def __init__(
        self, source: Source, live: Live, gate: Gate, assets: Mapping[str, Asset], read_messages: ReadMessages
    ) -> None:
        self._source, self._live, self._gate, self._assets = source, live, gate, assets
        self._read_messages, self._readers = read_messages, asyncio.Semaphore(READERS)

    def app(self) -> web.Application:
        """The application."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/", self._asset)
        app.router.add_get("/assets/{path:.+}", self._asset)
        app.router.add_get("/api/pipelines", self._overview)
        app.router.add_get("/api/events", self._overview_events)
        app.router.add_get("/api/pipelines/{namespace}/{name}", self._pipeline)
        app.router.add_get("/api/pipelines/{namespace}/{name}/events", self._pipeline_events)
        app.router.add_get("/api/pipelines/{namespace}/{name}/messages", self._messages)
        app.on_response_prepare.append(_add_headers)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            request[_VIEWER] = await self._gate.viewer(request.headers, request.headers.get("Host", ""))
            return await handler(request)
        except DeniedError as error:
            return _problem(error.status, str(error))
        except QueryError as error:
            return _problem(400, str(error))
        except MessagesUnreadableError as error:
            return _problem(503, str(error))
        except web.HTTPException as error:
            return _problem(error.status, error.reason)

    async def _asset(self, request: web.Request) -> web.Response:
        asset = self._assets.get(request.match_info.get("path") or "index.html")
        if asset is None:
            raise web.HTTPNotFound
        # Asked for anew each time: the page and its files are of one version, also after an update.
        headers = {"Cache-Control": "no-cache", "ETag": asset.etag}
        if request.headers.get("If-None-Match") == asset.etag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=asset.body, content_type=asset.content_type, charset="utf-8", headers=headers)

    async def _overview(self, request: web.Request) -> web.Response:
        query, namespaces = Query.of(request.query), await self._namespaces(request)
        return _json(self._live.overview_json(query, namespaces))

    async def _overview_events(self, request: web.Request) -> web.StreamResponse:
        query, namespaces = Query.of(request.query), await self._namespaces(request)
        self._room()
        with self._live.watch(lambda: self._live.overview_json(query, namespaces)) as subscription:
            return await stream(request, subscription, self._live.overview_json(query, namespaces))

    async def _pipeline(self, request: web.Request) -> web.Response:
        return _json(self._found(await self._key(request)))

    async def _pipeline_events(self, request: web.Request) -> web.StreamResponse:
        key = await self._key(request)
        first = self._found(key)
        self._room()
        tail = lambda: self._live.pipeline_json(key, TAIL)  # noqa: E731
        with self._live.watch(tail, key) as subscription:
            return await stream(request, subscription, first)

    async def _messages(self, request: web.Request) -> web.Response:
        key = await self._key(request)
        wanted, which = Wanted.of(request.query), request.query.get("topic", TOPICS[0])
        if which not in TOPICS:
            raise QueryError(f"topic: {' or '.join(TOPICS)}")
        if not await request[_VIEWER].may_read_messages(key[0]):
            raise DeniedError(403, f"you may not read the orders of namespace {key[0]}")
        facts, access = self._source.facts(key), self._source.kafka(key)
        topic = None if facts is None else facts.topics.orders if which == TOPICS[0] else facts.topics.dead_letters
        if topic is None:
            return _problem(404, "this pipeline has no topic for dead letters: its failing orders are retried forever")
        if access is None:
            return _problem(
                503, "this console has no access to the pipeline's Kafka; for dead letters: orderpipeline dlq"
            )
        async with self._readers:
            found = await asyncio.to_thread(self._read_messages, access, topic, wanted)
        answer = {
            "topic": topic,
            "messages": [shown(one, access.hidden) for one in found.messages],
            "scanned": found.scanned,
            "more": found.more,
            "hidden": access.hidden,
        }
        return _json(msgspec.json.encode(answer))

    async def _namespaces(self, request: web.Request) -> frozenset[str]:
        return await request[_VIEWER].may_see({namespace for namespace, _ in self._source.pipelines()})

    async def _key(self, request: web.Request) -> Key:
        """The pipeline of the URL. One that may not be seen looks like one that isn't there."""
        key = request.match_info["namespace"], request.match_info["name"]
        if key[0] not in await request[_VIEWER].may_see((key[0],)):
            raise DeniedError(403, f"you may not get the pipelines of namespace {key[0]}")
        return key

    def _found(self, key: Key) -> bytes:
        found = self._live.pipeline_json(key)
        if found is None:
            raise DeniedError(404, f"there is no pipeline {key[0]}/{key[1]}")
        return found

    def _room(self) -> None:
        if self._live.pages >= MAX_PAGES:
            raise DeniedError(503, f"{MAX_PAGES} pages are open already; close some, or wait")


async def serve(console: Console, host: str, port: int) -> web.AppRunner:
    """Serve until the returned runner is cleaned up. Port 0 picks a free one. OSError if it cannot listen there."""
    runner = web.AppRunner(console.app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


def _problem(status: int, detail: str) -> web.Response:
    body = msgspec.json.encode({"status": status, "detail": detail})
    return web.Response(status=status, body=body, content_type="application/problem+json")
