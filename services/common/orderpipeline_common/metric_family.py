"""A metric's declaration: its name, type, labels, unit and meaning, for the code, the documentation and the alerts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from orderpipeline_common.contract import Metric

PARTS: Final = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
"""What Prometheus appends to the name of a family, for the samples of each type."""


@dataclass(frozen=True)
class Family:
    """One family of samples.

    `name` is without the `_total` of counters. `unit` is in words; empty where the value only tells that something
    is so. The labels are those of the program: a scrape adds its own.
    """

    name: str
    type: Literal["counter", "gauge", "histogram"]
    help: str
    unit: str
    labels: tuple[str, ...] = ()

    @property
    def sample_names(self) -> tuple[str, ...]:
        """The names of the samples, as queries have to name them."""
        return tuple(self.name + part for part in PARTS[self.type])

    def counter(self, registry: CollectorRegistry) -> Counter:
        """A counter on `registry`."""
        self._require("counter")
        return Counter(self.name, self.help, self.labels, registry=registry)

    def gauge(self, registry: CollectorRegistry) -> Gauge:
        """A gauge on `registry`."""
        self._require("gauge")
        return Gauge(self.name, self.help, self.labels, registry=registry)

    def histogram(self, registry: CollectorRegistry, buckets: Sequence[float] = Histogram.DEFAULT_BUCKETS) -> Histogram:
        """A histogram on `registry`, with these upper bounds."""
        self._require("histogram")
        return Histogram(self.name, self.help, self.labels, registry=registry, buckets=buckets)

    def counts(self) -> CounterMetricFamily:
        """A family of counts that a collector fills on each scrape."""
        self._require("counter")
        return CounterMetricFamily(self.name, self.help, labels=self.labels)

    def values(self) -> GaugeMetricFamily:
        """A family of values that a collector fills on each scrape."""
        self._require("gauge")
        return GaugeMetricFamily(self.name, self.help, labels=self.labels)

    def distributions(self) -> HistogramMetricFamily:
        """A family of histograms that a collector fills on each scrape."""
        self._require("histogram")
        return HistogramMetricFamily(self.name, self.help, labels=self.labels)

    def _require(self, wanted: str) -> None:
        if self.type != wanted:
            raise TypeError(f"{self.name} is declared as a {self.type}, not as a {wanted}")


def build_info(*labels: str) -> Family:
    """`orderpipeline_build_info` with the version and these labels."""
    return Family(Metric.BUILD_INFO, "gauge", "Always 1; the labels say what runs.", "", ("version", *labels))


ENGINE_INFO: Final = build_info("engine", "kafka_client")
"""Of a service; see `engine.announce`."""
