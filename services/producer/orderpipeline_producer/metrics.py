"""The producer's metrics: numbers that are counted while it works, and made into Prometheus families on request."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from orderpipeline_common.contract import Metric as Name

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of request durations, in seconds."""
OTHER: Final = "other"


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

    @property
    def bytes(self) -> int:
        """Bytes in flight."""


class ProducerCollector(Collector):
    """The families for the Prometheus client. `add_counts` is called first, to add what is counted elsewhere."""

    def __init__(self, metrics: Metrics, orders: OrderCounts, add_counts: Callable[[], None]) -> None:
        self._metrics = metrics
        self._orders = orders
        self._add_counts = add_counts

    def collect(self) -> Iterator[Metric]:
        """The families."""
        self._add_counts()
        metrics, orders = self._metrics, self._orders
        requests = CounterMetricFamily(Name.REQUESTS, "HTTP requests answered.", labels=["route", "status"])
        for (route, status), count in sorted(metrics.requests.items()):
            requests.add_metric([route, str(status)], count)
        yield requests
        seconds = HistogramMetricFamily(Name.REQUEST_SECONDS, "Seconds from head to reply.", labels=["route"])
        for route, counts in sorted(metrics.seconds.items()):
            total, buckets = 0, []
            for bound, count in zip([*map(str, BUCKETS), "+Inf"], counts, strict=True):
                total += count
                buckets.append((bound, total))
            seconds.add_metric([route], buckets, metrics.sums[route])
        yield seconds
        rejected = CounterMetricFamily(Name.ORDERS_REJECTED, "Orders not taken, by status.", labels=["status"])
        for status, count in sorted(metrics.rejected.items()):
            rejected.add_metric([str(status)], count)
        yield rejected
        yield CounterMetricFamily(Name.ORDERS_ACCEPTED, "Orders handed to the Kafka client.", value=orders.accepted)
        yield CounterMetricFamily(Name.ORDERS_ACKED, "Orders that Kafka acknowledged.", value=orders.acked)
        yield CounterMetricFamily(Name.ORDERS_FAILED, "Orders that Kafka did not acknowledge.", value=orders.failed)
        yield GaugeMetricFamily(Name.IN_FLIGHT_BYTES, "Bytes taken and not yet acknowledged.", value=orders.bytes)


def make_registry(metrics: Metrics, orders: OrderCounts, add_counts: Callable[[], None]) -> CollectorRegistry:
    """A registry with these metrics and those of the process."""
    registry = CollectorRegistry()
    registry.register(ProducerCollector(metrics, orders, add_counts))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
