"""The operator's process: servers first, then the election; only the leader watches and writes."""

import asyncio
import logging
import os
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial

from kubernetes.aio.client import Configuration
from prometheus_client import CollectorRegistry

from orderpipeline_common.activities import OperatorActivity
from orderpipeline_common.background import Background, beat
from orderpipeline_common.logs import configure_logs
from orderpipeline_common.probes import Probes
from orderpipeline_common.runtime import SettingsError, stop_on_signals
from orderpipeline_common.supervision import Activity
from orderpipeline_operator.adapters import keda_endpoint
from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient
from orderpipeline_operator.adapters.kubernetes.credentials import discover
from orderpipeline_operator.adapters.kubernetes.lease import Election, LeaseTerms
from orderpipeline_operator.adapters.metrics_api import server as metrics_api
from orderpipeline_operator.leader import Leader
from orderpipeline_operator.runtime.health import Gate
from orderpipeline_operator.runtime.side_loop import SideLoop
from orderpipeline_operator.runtime.telemetry import OperatorMetrics
from orderpipeline_operator.sampling.reader import ReaderFactory, kafka_reader
from orderpipeline_operator.settings import Settings, from_environ
from orderpipeline_operator.tasks import end_with, first_to_end

LOG = logging.getLogger("orderpipeline_operator")


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
    # Signals are handled here; kopf warns about that at every start.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
    sys.exit(asyncio.run(serve(settings, cluster, reader_factory)))


async def serve(settings: Settings, cluster: Configuration, reader_factory: ReaderFactory) -> int:
    """Answer probes and the metrics API, and lead whenever elected. Gives the exit code."""
    stop = stop_on_signals(asyncio.get_running_loop())
    registry = CollectorRegistry()
    metrics = OperatorMetrics(registry)
    background = Background()
    async with AsyncExitStack() as stack:
        await _start_servers(stack, settings, cluster, registry, background)
        kube = KubernetesClient(cluster)
        stack.push_async_callback(kube.close)
        election = Election(kube, _terms(settings), monotonic=time.monotonic, now=lambda: datetime.now(UTC))
        LOG.info("waiting for the lead", extra={"identity": settings.identity})
        with background.supervisor.supervised(OperatorActivity.ELECTION) as acquiring:
            turn = partial(acquiring.turn, OperatorActivity.ELECTION.seconds + settings.renew_seconds)
            ended = await first_to_end(election.acquire(turn), stop.wait(), background.wait_failed())
        if ended:
            return _stopped(background.failure)
        LOG.info("leading", extra={"identity": settings.identity})
        metrics.leader.set(1)
        leader = Leader(settings, cluster, kube, registry, metrics, background, reader_factory)
        reason = await leader.run(election, stop)
        metrics.leader.set(0)
        if not reason:
            await election.release()
        return _stopped(reason)


def _stopped(reason: str) -> int:
    """The exit code, after a log line that gives the reason, which is empty if somebody asked for it."""
    if reason:
        LOG.error("stopping: %s", reason)
        return 1
    LOG.info("stopped")
    return 0


async def _start_servers(
    stack: AsyncExitStack,
    settings: Settings,
    cluster: Configuration,
    registry: CollectorRegistry,
    background: Background,
) -> None:
    """Probes, metrics and KEDA's endpoint over HTTP, and the metrics API over TLS, each in a loop of its own."""
    end_with(stack, background.task(OperatorActivity.MAIN_LOOP, beat))
    http = SideLoop(background, OperatorActivity.HTTP_LOOP)
    stack.callback(http.close)
    gate = Gate("the external metrics API does not listen")
    cert, key, port = settings.metrics_tls_cert, settings.metrics_tls_key, settings.metrics_api_port
    if cert and key:
        gate.close()
        tls = SideLoop(background, OperatorActivity.METRICS_API_LOOP)
        stack.callback(tls.close)

        async def serve_metrics(activity: Activity) -> None:
            try:
                await tls.run(metrics_api.serve(cluster, cert, key, gate.open, port=port, turn=activity.turn))
            finally:
                gate.close()

        end_with(stack, background.task(OperatorActivity.METRICS_API, serve_metrics))
    probes = Probes(gate.problem, background.supervisor.problem, background.supervisor.warnings)
    serving = keda_endpoint.serve(cluster, settings.http_port, settings.scaling_secret, probes, registry)
    stop_http = await http.run(serving)
    stack.push_async_callback(lambda: http.run(stop_http()))


def _terms(settings: Settings) -> LeaseTerms:
    return LeaseTerms.of(
        settings.namespace,
        settings.lease_name,
        settings.identity,
        settings.lease_seconds,
        settings.renew_seconds,
        settings.retry_seconds,
    )


if __name__ == "__main__":
    main()
