"""The consumer's metrics."""

from typing import Final

from prometheus_client import CollectorRegistry

from orderpipeline_common.contract import Metric
from orderpipeline_common.metric_family import ENGINE_INFO, Family

ORDERS_HANDLED: Final = Family(Metric.ORDERS_HANDLED, "counter", "Orders handled.", "orders")
ORDERS_RETRIED: Final = Family(
    Metric.ORDERS_RETRIED,
    "counter",
    "Orders that will be retried, by cause: failed, or unavailable if the sink as a whole does not work.",
    "orders",
    ("cause",),
)
ORDERS_OPEN: Final = Family(Metric.ORDERS_OPEN, "gauge", "Orders received and not yet completed.", "orders")
ORDERS_OPEN_BYTES: Final = Family(Metric.ORDERS_OPEN_BYTES, "gauge", "Their approximate size in memory.", "bytes")
ORDERS_OPEN_AGE: Final = Family(
    Metric.ORDERS_OPEN_AGE_SECONDS,
    "gauge",
    "How long ago the oldest of them was received; 0 while there are none.",
    "seconds",
)
HANDLE_SECONDS: Final = Family(
    Metric.HANDLE_SECONDS, "histogram", "Duration of one call of the handler or sink.", "seconds"
)
DEAD_LETTERS: Final = Family(Metric.DEAD_LETTERS, "counter", "Orders written to the dead-letter topic.", "orders")
DEAD_LETTERS_FAILED: Final = Family(
    Metric.DEAD_LETTERS_FAILED, "counter", "Failed writes to the dead-letter topic; commits wait for them.", "writes"
)
COMMITS: Final = Family(Metric.COMMITS, "counter", "Offset commits, by outcome: ok or failed.", "commits", ("outcome",))
REBALANCES: Final = Family(
    Metric.REBALANCES, "counter", "Rebalance events: assigned, revoked or lost.", "events", ("event",)
)
PARTITION_RESTARTS: Final = Family(
    Metric.PARTITION_RESTARTS,
    "counter",
    "Partitions that did not go on where the group left off, by cause: the log was truncated or the topic recreated,"
    " orders expired unhandled, or the database went back.",
    "partitions",
    ("cause",),
)
PARTITIONS_ASSIGNED: Final = Family(
    Metric.PARTITIONS_ASSIGNED, "gauge", "Partitions assigned to this consumer.", "partitions"
)
TROUBLED: Final = Family(
    Metric.TROUBLED,
    "gauge",
    "1 while this part (sink, dead-letter, commit or position) fails and holds up orders, else 0.",
    "",
    ("what",),
)
FAMILIES: Final = (
    ENGINE_INFO, ORDERS_HANDLED, ORDERS_RETRIED, ORDERS_OPEN, ORDERS_OPEN_BYTES, ORDERS_OPEN_AGE, HANDLE_SECONDS,
    DEAD_LETTERS, DEAD_LETTERS_FAILED, COMMITS, REBALANCES, PARTITION_RESTARTS, PARTITIONS_ASSIGNED, TROUBLED,
)  # fmt: skip
"""All that a consumer exports, besides what the Prometheus client tells of the process."""
HANDLE_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Upper bounds of the durations of calls, in seconds."""


class Metrics:
    """All metrics of one consumer, on the given registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.orders_handled = ORDERS_HANDLED.counter(registry)
        self.orders_retried = ORDERS_RETRIED.counter(registry)
        self.orders_open = ORDERS_OPEN.gauge(registry)
        self.orders_open_bytes = ORDERS_OPEN_BYTES.gauge(registry)
        self.orders_open_age = ORDERS_OPEN_AGE.gauge(registry)
        self.handle_seconds = HANDLE_SECONDS.histogram(registry, HANDLE_BUCKETS)
        self.dead_letters = DEAD_LETTERS.counter(registry)
        self.dead_letters_failed = DEAD_LETTERS_FAILED.counter(registry)
        self.commits = COMMITS.counter(registry)
        self.rebalances = REBALANCES.counter(registry)
        self.restarts = PARTITION_RESTARTS.counter(registry)
        for cause in ("recreated", "truncated", "expired", "database"):
            self.restarts.labels(cause)
        self.partitions_assigned = PARTITIONS_ASSIGNED.gauge(registry)
        self.degraded = TROUBLED.gauge(registry)
        for component in ("sink", "dead-letter", "commit", "position"):
            self.degraded.labels(component).set(0)
        for outcome in ("ok", "failed"):
            self.commits.labels(outcome)
