"""The consumer's metrics."""

from prometheus_client import CollectorRegistry

from orderpipeline_common.engine import Engine, announce
from orderpipeline_consumer.metrics import FAMILIES, Metrics
from tests.support.metric_families import assert_declared


def test_what_is_exported_is_what_is_declared() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.orders_retried.labels("failed").inc()
    metrics.rebalances.labels("assigned").inc()
    announce(Engine("python"), registry)
    assert_declared(registry, FAMILIES)
