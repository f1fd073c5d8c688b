"""The run on a cluster, against a fake API: what it sends and records, and how it handles errors."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from bench.sim import cluster

ROOT = Path(__file__).parents[3]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def api(monkeypatch: pytest.MonkeyPatch, accept: Handler, count: Handler) -> AsyncIterator[None]:
    app = web.Application()
    app.add_routes([web.post("/orders/batch", accept), web.get("/count", count)])
    async with TestServer(app) as server:
        monkeypatch.setattr(cluster, "ORDERS_URL", f"http://sim.localhost:{server.port}/orders/batch")
        monkeypatch.setattr(cluster, "COUNT_URL", f"http://pace.localhost:{server.port}/count")
        monkeypatch.setattr(cluster, "SECOND", 0.1)
        monkeypatch.setattr(cluster, "SECONDS_AFTER", 1.0)
        yield


def play_trace(
    monkeypatch: pytest.MonkeyPatch, accept: Handler, count: Handler, phases: tuple[tuple[float, int], ...]
) -> tuple[list[int], list[int], list[int]]:
    async def run() -> tuple[list[int], list[int], list[int]]:
        async with api(monkeypatch, accept, count):
            return await cluster.play_trace(SimpleNamespace(now=3), phases)  # type: ignore[arg-type]

    return asyncio.run(run())


def test_a_batch_that_was_not_accepted_is_sent_again_and_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    customers: set[str] = set()
    replies = iter([503, 202, 202])

    async def accept(request: web.Request) -> web.StreamResponse:
        status = next(replies)
        if status == 503:
            return web.Response(status=503, text="Kafka is away: none of this was accepted")
        customers.update(order["customer_id"] for order in await request.json())
        return web.Response(status=202)

    async def count(request: web.Request) -> web.StreamResponse:
        return web.json_response({"done": 100 + len(customers) // 2})

    sent, waiting, course = play_trace(monkeypatch, accept, count, ((2.0, 30),))
    assert sum(sent) == len(customers) == 60
    assert waiting[-1] == 60 - 30
    assert course == [3] * len(sent)


def test_a_refusal_that_may_have_accepted_some_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async def accept(request: web.Request) -> web.StreamResponse:
        return web.Response(status=503, text="some of this was accepted")

    async def count(request: web.Request) -> web.StreamResponse:
        return web.json_response({"done": 0})

    with pytest.raises(ExceptionGroup) as caught:
        play_trace(monkeypatch, accept, count, ((1.0, 30),))
    assert "some of this was accepted" in str(caught.value.exceptions[0])


def test_a_counter_that_restarts_makes_the_run_void(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([web.json_response({"done": n}) for n in (500, 510)] + [web.Response(status=502)])

    async def accept(request: web.Request) -> web.StreamResponse:
        return web.Response(status=202)

    async def count(request: web.Request) -> web.StreamResponse:
        return next(counts, None) or web.json_response({"done": 4})

    with pytest.raises(ExceptionGroup) as caught:
        play_trace(monkeypatch, accept, count, ((3.0, 30),))
    assert "4 orders after 510" in str(caught.value.exceptions[0])


def test_the_simulated_hpa_syncs_as_often_as_the_cluster_s() -> None:
    flag = f"--horizontal-pod-autoscaler-sync-period={cluster.HPA_SYNC:g}s"
    assert flag in (ROOT / "hack/native/up.py").read_text()


def test_the_pipeline_matches_the_trace() -> None:
    pipeline, config, *_ = yaml.safe_load_all(cluster.PIPELINE.read_text())
    assert pipeline["spec"]["topic"]["partitions"] == pipeline["spec"]["autoscaling"]["max"] == cluster.PARTITIONS
    assert f"len(customers) * {1 / cluster.CAPACITY:g})" in config["data"]["pace.py"]


def test_an_unreadable_number_of_consumers_is_an_error() -> None:
    replicas = cluster.ReplicaWatch(SimpleNamespace())  # type: ignore[arg-type]
    assert not replicas.known
    with pytest.raises(RuntimeError, match="could not be read"):
        _ = replicas.now
