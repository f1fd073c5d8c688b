"""The operator's process: servers first, then the election, and only as leader the watching and the writing."""

import asyncio
import logging
import os
import random
import sys
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from kubernetes.aio.client import Configuration
from prometheus_client import CollectorRegistry

from orderpipeline_common.logs import configure_logs
from orderpipeline_common.runtime import SettingsError, stop_on_signals
from orderpipeline_operator.adapters import keda_endpoint
from orderpipeline_operator.adapters.kubernetes import handlers
from orderpipeline_operator.adapters.kubernetes.cached_client import CachedClient
from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient
from orderpipeline_operator.adapters.kubernetes.credentials import discover
from orderpipeline_operator.adapters.kubernetes.lease import Election, LeaseTerms
from orderpipeline_operator.adapters.metrics_api import server
from orderpipeline_operator.domain.kubernetes.kinds import Key
from orderpipeline_operator.reconcile.reconciler import Defaults, Reconciler
from orderpipeline_operator.runtime.health import Gate, Heartbeat
from orderpipeline_operator.runtime.side_loop import SideLoop, serve_for_ever
from orderpipeline_operator.runtime.telemetry import OperatorMetrics, PipelineMetrics
from orderpipeline_operator.runtime.workers import Worker
from orderpipeline_operator.runtime.workqueue import WorkQueue
from orderpipeline_operator.sampling.sampler import Clock, ReaderFactory, Scaler, kafka_reader
from orderpipeline_operator.settings import Settings, from_environ

LOG = logging.getLogger("orderpipeline_operator")
SETTLE = 0.1
"""Seconds that a pipeline's events are gathered before it is looked at."""
SYNC_SECONDS = 10.0
"""Seconds that the first look waits for the watches to stand; without them every look is a dozen requests."""
HUNG_AFTER = 60.0
"""Seconds without a turn of the main loop after which the process calls itself unhealthy."""


def main(reader_factory: ReaderFactory = kafka_reader) -> None:
    """Run until SIGTERM (exit code 0) or until the lead is lost (1). Unusable settings: 2.

    `reader_factory` makes what reads the offsets of one pipeline.
    """
    try:
        settings, cluster = from_environ(os.environ), asyncio.run(discover(os.environ))
    except SettingsError as error:
        print(f"orderpipeline-operator: {error}", file=sys.stderr)
        sys.exit(2)
    configure_logs(settings.log_level, "operator", "")
    logging.getLogger("kopf").setLevel(max(logging.WARNING, logging.getLevelName(settings.log_level)))
    # Signals are ours to handle; kopf warns about that at every start.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
    sys.exit(asyncio.run(serve(settings, cluster, reader_factory)))


async def serve(settings: Settings, cluster: Configuration, reader_factory: ReaderFactory) -> int:
    """Answer probes and the metrics API, and lead whenever elected. Gives the exit code."""
    stop = stop_on_signals(asyncio.get_running_loop())
    metrics = CollectorRegistry()
    meters = OperatorMetrics(metrics)
    async with AsyncExitStack() as stack:
        heartbeat = Heartbeat(HUNG_AFTER)
        _background(stack, heartbeat.beat())
        side = SideLoop("http")
        stack.callback(side.close)
        gate = Gate("the external metrics API does not listen")
        cert, key, port = settings.metrics_tls_cert, settings.metrics_tls_key, settings.metrics_api_port
        if cert and key:
            gate.close()
            beside = SideLoop("metrics-api")
            stack.callback(beside.close)
            _background(
                stack,
                serve_for_ever(beside, lambda: server.serve(cluster, cert, key, gate.open, port=port), gate),
            )
        stop_http = await side.run(
            keda_endpoint.serve(
                cluster, settings.http_port, ready=gate.problem, healthy=heartbeat.problem, registry=metrics
            )
        )
        stack.push_async_callback(lambda: side.run(stop_http()))
        kube = KubernetesClient(cluster)
        stack.push_async_callback(kube.close)
        election = Election(
            kube,
            LeaseTerms.of(
                settings.namespace,
                settings.lease_name,
                settings.identity,
                settings.lease_seconds,
                settings.renew_seconds,
                settings.retry_seconds,
            ),
            monotonic=time.monotonic,
            now=_now,
        )
        LOG.info("waiting for the lead", extra={"identity": settings.identity})
        if await _first(election.acquire(), stop.wait()) == 1:
            return 0
        LOG.info("leading", extra={"identity": settings.identity})
        meters.leader.set(1)
        reason = await lead(settings, cluster, kube, metrics, meters, election, stop, reader_factory)
        meters.leader.set(0)
        if reason:
            LOG.error("stopping: %s", reason)
            return 1
        await election.release()
        LOG.info("stopped")
        return 0


async def lead(
    settings: Settings,
    cluster: Configuration,
    kube: KubernetesClient,
    metrics: CollectorRegistry,
    meters: OperatorMetrics,
    election: Election,
    stop: asyncio.Event,
    reader_factory: ReaderFactory,
) -> str:
    """Watch and reconcile until told to stop (gives an empty string) or unable to go on (gives why)."""
    loop = asyncio.get_running_loop()
    queue: WorkQueue[Key] = WorkQueue(time.monotonic)
    async with AsyncExitStack() as stack:
        scaler = Scaler(queue.add, clock=Clock(jitter=random.random), reader_factory=reader_factory)
        stack.push_async_callback(scaler.close)
        metrics.register(PipelineMetrics(scaler))
        defaults = Defaults(
            producer_image=settings.producer_image,
            consumer_image=settings.consumer_image,
            operator_namespace=settings.namespace,
            identity=settings.identity,
            resync_seconds=settings.resync_seconds,
            teardown_seconds=settings.teardown_seconds,
            image_pull_policy=settings.image_pull_policy,
            image_pull_secrets=settings.image_pull_secrets,
            metrics_service=settings.metrics_service,
            scaling_url=settings.scaling_url,
        )
        cached = CachedClient(kube, settings.watch_namespaces, lambda key: queue.add(key, SETTLE))
        reconciler = Reconciler(cached, cached, scaler, defaults, now=_now)
        watch = handlers.KopfWatch(
            handlers.registry(cluster, lambda key: _enqueue(loop, queue, key)),
            handlers.settings(cluster_wide=not settings.watch_namespaces),
            settings.watch_namespaces,
        )
        watch.start()
        stack.push_async_callback(watch.stop, 10.0)
        # The workers come last, since what comes last is ended first: a process that lost the lead writes no more.
        for _ in range(settings.workers):
            _background(stack, _work(cached, Worker(queue, reconciler, meters, time.monotonic, random.random)))
        ended = await _first(stop.wait(), election.hold(), watch.wait(), cached.run())
        return ("", f"the lead is lost: {election.error or 'somebody else holds the Lease'}", watch.failure)[ended]


async def _work(cached: CachedClient, worker: Worker) -> None:
    await cached.wait_synced(SYNC_SECONDS)
    await worker.run()


def _enqueue(loop: asyncio.AbstractEventLoop, queue: WorkQueue[Key], key: Key) -> None:
    """From kopf's thread."""
    loop.call_soon_threadsafe(queue.add, key, SETTLE)


def _background(stack: AsyncExitStack, coroutine: Coroutine[Any, Any, None]) -> None:
    """Run it until the stack is left, and wait until it has ended."""
    task = asyncio.ensure_future(coroutine)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)


async def _first(*coroutines: Coroutine[Any, Any, Any]) -> int:
    """Which of them ended first; the others are cancelled. Raises what the first one raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    first = next(task for task in tasks if task in done)
    first.result()
    return tasks.index(first)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
