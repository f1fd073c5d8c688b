"""What the leader runs: it watches the pipelines, samples their lag, and reconciles them until it has to stop."""

import asyncio
import random
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

from kubernetes.aio.client import Configuration
from prometheus_client import CollectorRegistry

from orderpipeline_common.activities import OperatorActivity
from orderpipeline_common.background import Background
from orderpipeline_common.supervision import Activity
from orderpipeline_operator import ticks
from orderpipeline_operator.adapters.kubernetes.cached_client import CachedClient
from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient
from orderpipeline_operator.adapters.kubernetes.lease import Election
from orderpipeline_operator.adapters.kubernetes.pipeline_watch import PipelineWatch
from orderpipeline_operator.domain.kubernetes.kinds import Key
from orderpipeline_operator.reconcile.reconciler import Defaults, Reconciler
from orderpipeline_operator.runtime.telemetry import OperatorMetrics, PipelineMetrics
from orderpipeline_operator.runtime.workers import Worker
from orderpipeline_operator.runtime.workqueue import WorkQueue
from orderpipeline_operator.sampling.reader import ReaderFactory, naming_closed_ports
from orderpipeline_operator.sampling.sampler import Clock, Sampler
from orderpipeline_operator.settings import Settings
from orderpipeline_operator.tasks import end_with, first_to_end

DEBOUNCE_SECONDS: Final = 0.1
"""How long a pipeline's events are collected before a pass."""
SYNC_SECONDS: Final = 10.0
"""How long the first pass waits for the watches; without them every pass takes a dozen requests."""


@dataclass(frozen=True)
class Leader:
    """The leader's part of the process. `reader_factory` makes what reads the offsets of one pipeline."""

    settings: Settings
    cluster: Configuration
    kube: KubernetesClient
    registry: CollectorRegistry
    metrics: OperatorMetrics
    background: Background
    reader_factory: ReaderFactory

    async def run(self, election: Election, stop: asyncio.Event) -> str:
        """Lead until told to stop (returns an empty string) or unable to continue (returns why)."""
        background = self.background
        queue: WorkQueue[Key] = WorkQueue(time.monotonic)
        namespaces = self.settings.watch_namespaces
        async with AsyncExitStack() as stack:
            readers = naming_closed_ports(self.reader_factory, self.settings.kafka_ports)
            sampler = Sampler(
                queue.add, background, clock=Clock(sleep=ticks.sleep, jitter=random.random), reader_factory=readers
            )
            stack.push_async_callback(sampler.close)
            cached = CachedClient(self.kube, namespaces, lambda key: queue.add(key, DEBOUNCE_SECONDS))
            reconciler = Reconciler(
                cached,
                cached,
                sampler,
                self._defaults(),
                now=lambda: datetime.now(UTC),
                revision=cached.revision,
            )
            self.registry.register(PipelineMetrics(sampler, reconciler.memories))
            self.metrics.queue_age.set_function(queue.overdue)
            watch = self._watch(queue)
            watch.start()
            stack.push_async_callback(watch.stop, 10.0)
            for task in cached.start(background):
                end_with(stack, task)
            # Workers come last, since the last are stopped first: a process that has lost the lead writes nothing more.
            worker = Worker(queue, reconciler, self.metrics, time.monotonic, random.random)
            for number in range(self.settings.workers):
                end_with(
                    stack, background.task(OperatorActivity.WORKER, lambda one: _work(cached, worker, one), str(number))
                )
            with background.supervisor.supervised(OperatorActivity.ELECTION) as holding:
                turn = partial(holding.turn, OperatorActivity.ELECTION.seconds + self.settings.renew_seconds)
                ended = await first_to_end(stop.wait(), election.hold(turn), background.wait_failed())
            lost = f"the lead is lost: {election.error or 'somebody else holds the Lease'}"
            return ("", lost, background.failure)[ended]

    def _watch(self, queue: WorkQueue[Key]) -> PipelineWatch:
        loop = asyncio.get_running_loop()

        def enqueue(key: Key) -> None:  # called in kopf's thread
            loop.call_soon_threadsafe(queue.add, key, DEBOUNCE_SECONDS)

        def report(place: str, watched: bool) -> None:  # called in kopf's threads
            self.metrics.watched.labels(place).set(watched)

        return PipelineWatch(self.cluster, self.settings.watch_namespaces, enqueue, report, self.background)

    def _defaults(self) -> Defaults:
        settings = self.settings
        return Defaults(
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
            scaling_secret=settings.scaling_secret,
        )


async def _work(cached: CachedClient, worker: Worker, activity: Activity) -> None:
    await cached.wait_synced(SYNC_SECONDS)
    await worker.run(activity)
