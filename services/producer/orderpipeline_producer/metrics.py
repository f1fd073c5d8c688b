"""The producer's metrics: numbers that are counted while it works, and made into Prometheus families on request."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from orderpipeline_common.contract import Metric as Name
from orderpipeline_common.metric_family import ENGINE_INFO, Family

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of request durations, in seconds."""
OTHER: Final = "other"

REQUESTS: Final = Family(Name.REQUESTS, "counter", "HTTP requests answered.", "requests", ("route", "status"))
REQUEST_SECONDS: Final = Family(
    Name.REQUEST_SECONDS, "histogram", "Time from the end of a request's head to the reply.", "seconds", ("route",)
)
ORDERS_ACCEPTED: Final = Family(Name.ORDERS_ACCEPTED, "counter", "Orders handed to the Kafka client.", "orders")
ORDERS_REJECTED: Final = Family(
    Name.ORDERS_REJECTED, "counter", "Orders that were not accepted, by the status they got.", "orders", ("status",)
)
ORDERS_ACKED: Final = Family(Name.ORDERS_ACKED, "counter", "Orders that Kafka acknowledged.", "orders")
ORDERS_FAILED: Final = Family(Name.ORDERS_FAILED, "counter", "Orders that Kafka did not acknowledge.", "orders")
IN_FLIGHT_BYTES: Final = Family(
    Name.IN_FLIGHT_BYTES, "gauge", "Orders accepted and neither acknowledged nor failed.", "bytes"
)
IN_FLIGHT_LIMIT_BYTES: Final = Family(
    Name.IN_FLIGHT_LIMIT_BYTES, "gauge", "The most that may be in flight; beyond it the reply is 503.", "bytes"
)
IN_FLIGHT_AGE: Final = Family(
    Name.IN_FLIGHT_AGE_SECONDS,
    "gauge",
    "How long the oldest order in flight has been waiting for Kafka, if orders complete in sequence; 0 while there are"
    " none.",
    "seconds",
)
FAMILIES: Final = (
    ENGINE_INFO, REQUESTS, REQUEST_SECONDS, ORDERS_ACCEPTED, ORDERS_REJECTED, ORDERS_ACKED, ORDERS_FAILED,
    IN_FLIGHT_BYTES, IN_FLIGHT_LIMIT_BYTES, IN_FLIGHT_AGE,
)  # fmt: skip
"""All that the order API exports, besides what the Prometheus client tells of the process."""


class Metrics:
    """Counts requests and rejected orders. Labels are bounded: known routes and `other`, and the statuses we send."""

    def __init__(self, routes: frozenset[str]) -> None:
        self._routes = routes
        self.requests: dict[tuple[str, int], int] = {}
        """Requests by route and status."""
        self.seconds: dict[str, list[int]] = {}
        """Requests by route, and by BUCKETS of their durations."""
        self.sums: dict[str, float] = {}
        """Total duration of all requests by route, in seconds."""
        self.rejected: dict[int, int] = {}
        """Orders that were not accepted, by status."""

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count one request that was answered."""
        route = path if path in self._routes else OTHER
        key = (route, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        counts = self.seconds.get(route)
        if counts is None:
            counts = self.seconds[route] = [0] * (len(BUCKETS) + 1)
            self.sums[route] = 0.0
        counts[bisect_left(BUCKETS, seconds)] += 1
        self.sums[route] += seconds

    def add(self, path: str, status: int, counts: Sequence[int], seconds: float) -> None:
        """Count answered requests of a known route, by BUCKETS of their durations; `seconds` is their total."""
        self.timer(path, status)  # creates the entries
        self.requests[path, status] += sum(counts)
        self.sums[path] += seconds
        for at, count in enumerate(counts):
            self.seconds[path][at] += count

    def timer(self, path: str, status: int) -> Callable[[float], None]:
        """A function that counts like `request`, for one route and status: quicker for a common combination."""
        self.request(path, status, 0.0)
        counts, sums, requests, key = self.seconds[path], self.sums, self.requests, (path, status)
        # That request only created the entries.
        counts[0] -= 1
        requests[key] -= 1

        def count(seconds: float) -> None:
            counts[bisect_left(BUCKETS, seconds)] += 1
            sums[path] += seconds
            requests[key] += 1

        return count

    def reject(self, status: int, orders: int = 1) -> None:
        """Count orders that were rejected, by the status they got."""
        self.rejected[status] = self.rejected.get(status, 0) + orders


class OrderCounts(Protocol):
    """The counts of orders on their way to Kafka."""

    accepted: int
    acked: int
    failed: int
    limit: int
    """The most bytes in flight."""

    @property
    def bytes(self) -> int:
        """Bytes in flight."""


class ProducerCollector(Collector):
    """The families for the Prometheus client. `add_counts` is called first, to add what is counted elsewhere; `age`
    tells the age of the oldest order in flight, in seconds.
    """

    def __init__(
        self, metrics: Metrics, orders: OrderCounts, add_counts: Callable[[], None], age: Callable[[], float]
    ) -> None:
        self._metrics = metrics
        self._orders = orders
        self._add_counts = add_counts
        self._age = age

    def collect(self) -> Iterator[Metric]:
        """The families."""
        self._add_counts()
        metrics, orders = self._metrics, self._orders
        requests = REQUESTS.counts()
        for (route, status), count in sorted(metrics.requests.items()):
            requests.add_metric([route, str(status)], count)
        yield requests
        seconds = REQUEST_SECONDS.distributions()
        for route, counts in sorted(metrics.seconds.items()):
            total, buckets = 0, []
            for bound, count in zip([*map(str, BUCKETS), "+Inf"], counts, strict=True):
                total += count
                buckets.append((bound, total))
            seconds.add_metric([route], buckets, metrics.sums[route])
        yield seconds
        rejected = ORDERS_REJECTED.counts()
        for status, count in sorted(metrics.rejected.items()):
            rejected.add_metric([str(status)], count)
        yield rejected
        yield _count(ORDERS_ACCEPTED, orders.accepted)
        yield _count(ORDERS_ACKED, orders.acked)
        yield _count(ORDERS_FAILED, orders.failed)
        yield _value(IN_FLIGHT_BYTES, orders.bytes)
        yield _value(IN_FLIGHT_LIMIT_BYTES, orders.limit)
        yield _value(IN_FLIGHT_AGE, self._age())


def _count(family: Family, count: int) -> Metric:
    made = family.counts()
    made.add_metric([], count)
    return made


def _value(family: Family, value: float) -> Metric:
    made = family.values()
    made.add_metric([], value)
    return made


def make_registry(
    metrics: Metrics, orders: OrderCounts, add_counts: Callable[[], None], age: Callable[[], float]
) -> CollectorRegistry:
    """A registry with these metrics and those of the process."""
    registry = CollectorRegistry()
    registry.register(ProducerCollector(metrics, orders, add_counts, age))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
