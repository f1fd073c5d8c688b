"""The consumer's metrics, on a registry of its own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from orderpipeline_common.contract import Metric


class Metrics:
    """Counters and gauges; made once per process (or test) and passed around."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.handled = Counter(Metric.ORDERS_HANDLED, "Orders handled.", registry=registry)
        self.retried = Counter(Metric.ORDERS_RETRIED, "Orders that will be tried again.", ["cause"], registry=registry)
        self.dead = Counter(Metric.DEAD_LETTERS, "Orders written to the dead-letter topic.", registry=registry)
        self.dead_failed = Counter(
            Metric.DEAD_LETTERS_FAILED,
            "Failed writes to the dead-letter topic; commits wait for them.",
            registry=registry,
        )
        self.commits = Counter(Metric.COMMITS, "Offset commits.", ["outcome"], registry=registry)
        self.seconds = Histogram(
            Metric.HANDLE_SECONDS,
            "Time of one handler or sink call, in seconds.",
            registry=registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
        )
        self.assigned = Gauge(Metric.PARTITIONS_ASSIGNED, "Partitions this consumer owns.", registry=registry)
        self.rebalances = Counter(Metric.REBALANCES, "Rebalance events.", ["event"], registry=registry)
        self.open = Gauge(Metric.ORDERS_OPEN, "Orders received and not yet finished.", registry=registry)
        self.troubled = Gauge(Metric.TROUBLED, "1 while this holds up orders.", ["what"], registry=registry)
        for what in ("sink", "dead-letter", "commit"):
            self.troubled.labels(what).set(0)
        for outcome in ("ok", "failed"):
            self.commits.labels(outcome)
