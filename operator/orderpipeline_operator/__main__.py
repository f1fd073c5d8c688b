"""The operator's process: servers first, then the election; only the leader watches and writes."""

import asyncio
import logging
import os
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Final

from kubernetes.aio.client import Configuration
from prometheus_client import CollectorRegistry

from orderpipeline_common.logs import configure_logs
from orderpipeline_common.runtime import SettingsError, stop_on_signals
from orderpipeline_operator.adapters import keda_endpoint
from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient
from orderpipeline_operator.adapters.kubernetes.credentials import discover
from orderpipeline_operator.adapters.kubernetes.lease import Election, LeaseTerms
from orderpipeline_operator.adapters.metrics_api import server as metrics_api
from orderpipeline_operator.leader import Leader
from orderpipeline_operator.runtime.health import Gate, Heartbeat
from orderpipeline_operator.runtime.side_loop import SideLoop, serve_for_ever
from orderpipeline_operator.runtime.telemetry import OperatorMetrics
from orderpipeline_operator.sampling.reader import ReaderFactory, kafka_reader
from orderpipeline_operator.settings import Settings, from_environ
from orderpipeline_operator.tasks import first_to_end, run_in_background

LOG = logging.getLogger("orderpipeline_operator")
HUNG_AFTER: Final = 60.0
"""Seconds without a turn of the main loop after which the process reports itself unhealthy."""


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
    async with AsyncExitStack() as stack:
        await _start_servers(stack, settings, cluster, registry)
        kube = KubernetesClient(cluster)
        stack.push_async_callback(kube.close)
        election = Election(kube, _terms(settings), monotonic=time.monotonic, now=lambda: datetime.now(UTC))
        LOG.info("waiting for the lead", extra={"identity": settings.identity})
        if await first_to_end(election.acquire(), stop.wait()) == 1:
            return 0
        LOG.info("leading", extra={"identity": settings.identity})
        metrics.leader.set(1)
        reason = await Leader(settings, cluster, kube, registry, metrics, reader_factory).run(election, stop)
        metrics.leader.set(0)
        if reason:
            LOG.error("stopping: %s", reason)
            return 1
        await election.release()
        LOG.info("stopped")
        return 0


async def _start_servers(
    stack: AsyncExitStack, settings: Settings, cluster: Configuration, registry: CollectorRegistry
) -> None:
    """Probes, metrics and KEDA's endpoint over HTTP, and the metrics API over TLS, each in a loop of its own."""
    heartbeat = Heartbeat(HUNG_AFTER)
    run_in_background(stack, heartbeat.beat())
    http = SideLoop("http")
    stack.callback(http.close)
    gate = Gate("the external metrics API does not listen")
    cert, key, port = settings.metrics_tls_cert, settings.metrics_tls_key, settings.metrics_api_port
    if cert and key:
        gate.close()
        tls = SideLoop("metrics-api")
        stack.callback(tls.close)
        run_in_background(
            stack, serve_for_ever(tls, lambda: metrics_api.serve(cluster, cert, key, gate.open, port=port), gate)
        )
    stop_http = await http.run(
        keda_endpoint.serve(
            cluster, settings.http_port, ready=gate.problem, healthy=heartbeat.problem, registry=registry
        )
    )
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
