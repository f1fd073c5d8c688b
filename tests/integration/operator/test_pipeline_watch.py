"""kopf itself before a real API server, with a proxy between them that breaks watches in ways kopf does not outlive."""

import asyncio
import gc
import json
import ssl
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import kopf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration

from orderpipeline_common.background import Background
from orderpipeline_operator.adapters.kubernetes import handlers
from orderpipeline_operator.adapters.kubernetes.pipeline_watch import PipelineWatch
from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Key
from tests.support.apiserver import ApiServer
from tests.support.pipeline_namespace import PipelineNamespace, new_space
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

SERVER_ERROR = {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": 500, "message": "etcd"}


@pytest.fixture(autouse=True)
def _unclosed_sessions() -> Iterator[None]:
    """A kopf that is cancelled leaves its HTTP session open; found by a later test, it would fail that one."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


class Proxy:
    """Passes requests on as a cluster administrator. `status` refuses those whose path has the key; `broken` has the
    namespaces whose next watch has an ERROR event."""

    def __init__(self, upstream: str, session: aiohttp.ClientSession) -> None:
        self._upstream, self._session = upstream, session
        self.status: dict[str, int] = {}
        self.broken: set[str] = set()
        self.refused: list[str] = []
        self.watches: dict[str, int] = {}

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        for part, status in self.status.items():
            if part in request.path:
                self.refused.append(part)
                return web.json_response({**SERVER_ERROR, "code": status}, status=status)
        assert request.method == "GET", "kopf writes nothing"
        headers = {"Accept": request.headers.get("Accept", "*/*")}
        async with self._session.get(f"{self._upstream}{request.path_qs}", headers=headers) as answer:
            reply = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
            await reply.prepare(request)
            if "watch" in request.query:
                await self._watch(request, answer, reply)
            else:
                await reply.write(await answer.read())
            return reply

    async def _watch(self, request: web.Request, answer: aiohttp.ClientResponse, reply: web.StreamResponse) -> None:
        """Until the API server ends it, or an error is to be reported, or all is to be refused."""
        place = request.path.split("/")[-2]
        self.watches[place] = self.watches.get(place, 0) + 1
        line = asyncio.ensure_future(answer.content.readline())
        try:
            while not any(part in request.path for part in self.status):
                done, _ = await asyncio.wait({line}, timeout=0.05)
                if done:
                    if not line.result():
                        return
                    await reply.write(line.result())
                    line = asyncio.ensure_future(answer.content.readline())
                if place in self.broken:
                    self.broken.discard(place)
                    await reply.write(json.dumps({"type": "ERROR", "object": SERVER_ERROR}).encode() + b"\n")
        finally:  # also when kopf closes the connection
            line.cancel()
            await asyncio.gather(line, return_exceptions=True)


@asynccontextmanager
async def proxied(server: ApiServer) -> AsyncIterator[tuple[Proxy, Configuration]]:
    tls = ssl.create_default_context(cafile=str(server.ca))
    tls.load_cert_chain(server.cert, server.key)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls, limit=0)) as session:
        proxy = Proxy(server.url, session)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", proxy.__call__)
        between = TestServer(app)
        await between.start_server()
        cluster = Configuration()
        cluster.host = str(between.make_url("")).rstrip("/")
        try:
            yield proxy, cluster
        finally:
            await between.close()


class Watched:
    """A watch of namespaces: the pipelines that it told of, and the places that are being watched."""

    def __init__(self, cluster: Configuration, spaces: tuple[PipelineNamespace, ...]) -> None:
        self.now = time.monotonic
        self.ahead = 0.0
        self.background = Background(lambda: self.now() + self.ahead)
        self.told: list[Key] = []
        self.places: dict[str, bool] = {}
        self._paused: dict[str, bool] = {}
        namespaces = tuple(space.namespace for space in spaces)
        self.watch = PipelineWatch(cluster, namespaces, self.told.append, self.places.__setitem__, self.background)

    async def told_of(self, space: PipelineNamespace) -> None:
        """Wait until the watch has told of the space's pipeline anew."""
        self.told.clear()
        key = (space.namespace, "shop")
        self._paused[space.namespace] = paused = not self._paused.get(space.namespace)
        await space.kube.patch(space.ref(kinds.PIPELINE), {"spec": {"paused": paused}}, manager="test")

        async def told() -> bool:
            return key in self.told

        await eventually("the pipeline is told of", told)

    async def is_well(self) -> None:
        async def well() -> bool:
            return self.background.supervisor.problem() == ""

        await eventually("no activity is late", well, detail=self.background.supervisor.problem)

    async def sees(self, place: str, watched: bool = True) -> None:
        async def seen() -> bool:
            return self.places.get(place) is watched

        await eventually(f"{place} is {'' if watched else 'not '}watched", seen)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """kopf's own retries take a quarter of a second instead of twelve."""
    made: Callable[..., kopf.OperatorSettings] = handlers.settings

    def settings(**arguments: Any) -> kopf.OperatorSettings:
        found = made(**arguments)
        found.networking.error_backoffs = (0.1, 0.15)
        return found

    monkeypatch.setattr(handlers, "settings", settings)


@asynccontextmanager
async def watching(
    server: ApiServer, count: int
) -> AsyncIterator[tuple[Proxy, Watched, tuple[PipelineNamespace, ...]]]:
    async with AsyncExitStack() as stack:
        spaces = tuple([await stack.enter_async_context(new_space(server)) for _ in range(count)])
        for space in spaces:
            await space.create_pipeline()
        proxy, cluster = await stack.enter_async_context(proxied(server))
        watched = Watched(cluster, spaces)
        watched.watch.start()
        stack.push_async_callback(watched.watch.stop, 60.0)
        yield proxy, watched, spaces


@pytest.mark.usefixtures("quick")
async def test_an_error_within_a_watch_starts_it_again(crds: ApiServer) -> None:
    async with watching(crds, 1) as (proxy, watched, (space,)):
        await watched.sees(space.namespace)
        await watched.told_of(space)
        before = proxy.watches[space.namespace]
        proxy.broken.add(space.namespace)

        async def again() -> bool:
            return proxy.watches[space.namespace] > before

        await eventually("it is watched again", again)
        await watched.told_of(space)
        assert watched.background.supervisor.problem() == ""
    assert watched.background.supervisor.names() == []
    assert watched.background.failure == ""


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", [404, 500], ids=["a kind that is gone for a moment", "an API server that fails"])
async def test_a_place_that_cannot_be_watched_for_a_time_is_watched_again(crds: ApiServer, status: int) -> None:
    async with watching(crds, 1) as (proxy, watched, (space,)):
        await watched.sees(space.namespace)
        proxy.status[f"/{kinds.PIPELINE.group}"] = status
        await watched.sees(space.namespace, False)
        assert space.namespace in watched.background.supervisor.warnings()[0]
        proxy.status.clear()
        await watched.sees(space.namespace)
        await watched.told_of(space)
        assert watched.background.supervisor.warnings() == []


@pytest.mark.usefixtures("quick")
async def test_a_namespace_that_refuses_is_a_warning_and_the_others_go_on(crds: ApiServer) -> None:
    async with watching(crds, 2) as (proxy, watched, (shut, other)):
        await watched.sees(shut.namespace)
        await watched.sees(other.namespace)
        proxy.status[f"/namespaces/{shut.namespace}/"] = 403
        await watched.sees(shut.namespace, False)
        assert f"in {shut.namespace}: " in watched.background.supervisor.warnings()[0]
        await watched.told_of(other)
        watched.ahead += 3600  # however long it lasts, it is no reason for a restart
        await watched.is_well()

        proxy.status[f"/namespaces/{other.namespace}/"] = 403
        await watched.sees(other.namespace, False)
        watched.ahead += 121
        assert "sight of the pipelines has made no turn" in watched.background.supervisor.problem()
        proxy.status.clear()
        await watched.sees(shut.namespace)
        await watched.is_well()


@pytest.mark.usefixtures("quick")
async def test_the_whole_cluster_is_one_place(crds: ApiServer) -> None:
    async with AsyncExitStack() as stack:
        space = await stack.enter_async_context(new_space(crds))
        await space.create_pipeline()
        proxy, cluster = await stack.enter_async_context(proxied(crds))
        watched = Watched(cluster, ())
        watched.watch.start()
        stack.push_async_callback(watched.watch.stop, 60.0)
        await watched.sees("")
        await watched.told_of(space)
        proxy.status[f"/{kinds.PIPELINE.group}"] = 500
        await watched.sees("", False)
        proxy.status.clear()
        await watched.sees("")
        await watched.told_of(space)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fault", ["raises", "hangs"])
async def test_a_thread_that_fails_is_named(crds: ApiServer, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    hangs, goes_on = threading.Event(), threading.Event()
    async with watching(crds, 1) as (_, watched, (space,)):
        await watched.sees(space.namespace)

        def watches() -> bool:
            if fault == "raises":
                raise KeyError("a bug")
            hangs.set()
            return goes_on.wait(60)

        monkeypatch.setattr("orderpipeline_operator.adapters.kubernetes.pipeline_watch._watches", watches)
        name = f"watch of the pipelines in {space.namespace}"
        if fault == "raises":  # the process is to end
            await asyncio.wait_for(watched.background.wait_failed(), 60)
            assert watched.background.failure == f"{name} has ended: KeyError('a bug')"
            assert watched.background.supervisor.problem() == watched.background.failure
        else:
            await asyncio.to_thread(hangs.wait, 60)
            watched.ahead += 3600
            assert f"{name} has made no turn for" in watched.background.supervisor.problem()
            goes_on.set()
