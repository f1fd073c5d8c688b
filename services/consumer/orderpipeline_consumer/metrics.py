"""The consumer's metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from orderpipeline_common.contract import Metric


class Metrics:
    """All metrics of one consumer, on the given registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.orders_handled = Counter(Metric.ORDERS_HANDLED, "Orders handled.", registry=registry)
        self.orders_retried = Counter(
            Metric.ORDERS_RETRIED, "Orders that will be retried, by cause.", ["cause"], registry=registry
        )
        self.orders_open = Gauge(Metric.ORDERS_OPEN, "Orders received and not yet completed.", registry=registry)
        self.handle_seconds = Histogram(
            Metric.HANDLE_SECONDS,
            "Duration of one call of the handler or sink, in seconds.",
            registry=registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
        )
        self.dead_letters = Counter(Metric.DEAD_LETTERS, "Orders written to the dead-letter topic.", registry=registry)
        self.dead_letters_failed = Counter(
            Metric.DEAD_LETTERS_FAILED,
            "Failed writes to the dead-letter topic; commits wait for them.",
            registry=registry,
        )
        self.commits = Counter(Metric.COMMITS, "Offset commits, by outcome.", ["outcome"], registry=registry)
        self.rebalances = Counter(Metric.REBALANCES, "Rebalance events.", ["event"], registry=registry)
        self.restarts = Counter(
            Metric.PARTITION_RESTARTS,
            "Partitions that did not go on where the group left off, by cause: the log was truncated or the topic"
            " recreated, orders expired unhandled, or the database went back.",
            ["cause"],
            registry=registry,
        )
        for cause in ("recreated", "truncated", "expired", "database"):
            self.restarts.labels(cause)
        self.partitions_assigned = Gauge(
            Metric.PARTITIONS_ASSIGNED, "Partitions assigned to this consumer.", registry=registry
        )
        self.degraded = Gauge(
            Metric.TROUBLED, "1 while this component fails and holds up orders.", ["what"], registry=registry
        )
        for component in ("sink", "dead-letter", "commit", "position"):
            self.degraded.labels(component).set(0)
        for outcome in ("ok", "failed"):
            self.commits.labels(outcome)
