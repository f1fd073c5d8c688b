"""What the producer counts: plain numbers while it works, turned into Prometheus families only when asked."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from orderpipeline_common.contract import Metric as Name

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of request durations, in seconds."""
OTHER: Final = "other"


class Metrics(Collector):
    """Counters of one process. Labels are bounded: known routes and `other`, statuses that we send, three reasons."""

    def __init__(self, routes: frozenset[str]) -> None:
        self._routes = routes
        self.in_flight: Callable[[], int] = int
        """Tells the bytes in flight; the gateway that knows them is made after its metrics."""
        self.before: Callable[[], None] = lambda: None
        """Called before the counters are read, for what is counted elsewhere to be added."""
        self._requests: dict[tuple[str, int], int] = {}
        self._seconds: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        self.accepted = 0
        self.acked = 0
        self.failed = 0
        self.rejected: dict[int, int] = {}

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count one request that has been answered."""
        route = path if path in self._routes else OTHER
        key = (route, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        counts = self._seconds.get(route)
        if counts is None:
            counts = self._seconds[route] = [0] * (len(BUCKETS) + 1)
            self._sums[route] = 0.0
        counts[bisect_left(BUCKETS, seconds)] += 1
        self._sums[route] += seconds

    def add(self, path: str, status: int, counts: Sequence[int], seconds: float) -> None:
        """Count requests of a known route that have been answered, by BUCKETS of their durations."""
        self.timer(path, status)  # makes the places
        self._requests[path, status] += sum(counts)
        self._sums[path] += seconds
        for at, count in enumerate(counts):
            self._seconds[path][at] += count

    def timer(self, path: str, status: int) -> Callable[[float], None]:
        """What `request` does for one route and status, made once for those that come all the time."""
        self.request(path, status, 0.0)
        counts, sums, requests, key = self._seconds[path], self._sums, self._requests, (path, status)
        # Its first entry only made the places.
        counts[0] -= 1
        requests[key] -= 1

        def count(seconds: float) -> None:
            counts[bisect_left(BUCKETS, seconds)] += 1
            sums[path] += seconds
            requests[key] += 1

        return count

    def reject(self, status: int, orders: int = 1) -> None:
        """Count orders that were not taken, by the status they got."""
        self.rejected[status] = self.rejected.get(status, 0) + orders

    def collect(self) -> Iterator[Metric]:
        """The families, as the Prometheus client asks for them."""
        self.before()
        requests = CounterMetricFamily(Name.REQUESTS, "HTTP requests answered.", labels=["route", "status"])
        for (route, status), count in sorted(self._requests.items()):
            requests.add_metric([route, str(status)], count)
        yield requests
        seconds = HistogramMetricFamily(Name.REQUEST_SECONDS, "Seconds from head to reply.", labels=["route"])
        for route, counts in sorted(self._seconds.items()):
            total, buckets = 0, []
            for bound, count in zip([*map(str, BUCKETS), "+Inf"], counts, strict=True):
                total += count
                buckets.append((bound, total))
            seconds.add_metric([route], buckets, self._sums[route])
        yield seconds
        rejected = CounterMetricFamily(Name.ORDERS_REJECTED, "Orders not taken, by status.", labels=["status"])
        for status, count in sorted(self.rejected.items()):
            rejected.add_metric([str(status)], count)
        yield rejected
        yield CounterMetricFamily(Name.ORDERS_ACCEPTED, "Orders handed to the Kafka client.", value=self.accepted)
        yield CounterMetricFamily(Name.ORDERS_ACKED, "Orders that Kafka acknowledged.", value=self.acked)
        yield CounterMetricFamily(Name.ORDERS_FAILED, "Orders that Kafka did not acknowledge.", value=self.failed)
        yield GaugeMetricFamily(Name.IN_FLIGHT_BYTES, "Bytes taken and not yet acknowledged.", value=self.in_flight())


def make_registry(metrics: Metrics) -> CollectorRegistry:
    """A registry of its own with these metrics and those of the process."""
    registry = CollectorRegistry()
    registry.register(metrics)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
