"""The producer's counters."""

from prometheus_client import CollectorRegistry, generate_latest

from orderpipeline_common.engine import Engine, announce
from orderpipeline_producer.api.routes import PATHS
from orderpipeline_producer.kafka.in_flight import InFlight, PythonByteCounter
from orderpipeline_producer.metrics import FAMILIES, Metrics, ProducerCollector, make_registry
from tests.support.metric_families import assert_declared


def test_metrics_count_by_bounded_labels() -> None:
    metrics = Metrics(PATHS)
    metrics.request("/order", 202, 0.004)
    metrics.request("/order", 202, 100.0)
    for number in range(50):
        metrics.request(f"/random/{number}", 404, 0.0)
    metrics.reject(422, 3)
    in_flight = InFlight(100, PythonByteCounter())
    assert in_flight.reserve(77)
    registry = CollectorRegistry()

    def add_counts() -> None:
        in_flight.accepted += 5

    registry.register(ProducerCollector(metrics, in_flight, add_counts, lambda: 1.5))
    in_flight.accepted = 0
    text = generate_latest(registry).decode()
    for line in (
        'orderpipeline_http_requests_total{route="/order",status="202"} 2.0',
        'orderpipeline_http_requests_total{route="other",status="404"} 50.0',
        'orderpipeline_http_request_seconds_bucket{le="0.0025",route="/order"} 0.0',
        'orderpipeline_http_request_seconds_bucket{le="0.005",route="/order"} 1.0',
        'orderpipeline_http_request_seconds_bucket{le="30.0",route="/order"} 1.0',
        'orderpipeline_http_request_seconds_bucket{le="+Inf",route="/order"} 2.0',
        'orderpipeline_orders_rejected_total{status="422"} 3.0',
        "orderpipeline_orders_accepted_total 5.0",
        "orderpipeline_in_flight_bytes 77.0",
        "orderpipeline_in_flight_limit_bytes 100.0",
        "orderpipeline_in_flight_age_seconds 1.5",
    ):
        assert line in text
    assert "/random" not in text


def test_what_is_exported_is_what_is_declared() -> None:
    metrics, in_flight = Metrics(PATHS), InFlight(100, PythonByteCounter())
    metrics.request("/order", 202, 0.004)
    metrics.reject(422)
    registry = make_registry(metrics, in_flight, lambda: None, lambda: 0.0)
    announce(Engine("python"), registry)
    assert_declared(registry, FAMILIES)
