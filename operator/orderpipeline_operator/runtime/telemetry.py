"""The operator's metrics: about itself, and what it knows of each pipeline."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from orderpipeline_common.engine import export_build_info
from orderpipeline_common.metric_family import Family
from orderpipeline_operator.domain.kubernetes.kinds import Key
from orderpipeline_operator.domain.lag.sample import Load
from orderpipeline_operator.domain.planning.observed import Scaling
from orderpipeline_operator.runtime import families


class OperatorMetrics:
    """About the process itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        export_build_info(registry)
        self.passes = families.RECONCILES.counter(registry)
        self.seconds = families.RECONCILE_SECONDS.histogram(registry)
        self.queue = families.QUEUE_LENGTH.gauge(registry)
        self.queue_age = families.QUEUE_AGE.gauge(registry)
        self.leader = families.LEADER.gauge(registry)
        self.watched = families.NAMESPACE_WATCHED.gauge(registry)


class ScalingViews(Protocol):
    """What the metrics need from the sampler."""

    def keys(self) -> tuple[Key, ...]: ...
    def live(self, key: Key) -> Scaling | None: ...
    def loads(self, key: Key) -> tuple[Load, ...]: ...
    def counts(self, key: Key) -> Mapping[str, int]: ...


class PipelineReports(Protocol):
    """What the metrics need from the last pass over each pipeline."""

    @property
    def conditions(self) -> Mapping[str, bool]:
        """Conditions of the status that are known."""

    @property
    def certificates(self) -> Mapping[str, float]:
        """When the certificates in a Secret expire, in Unix seconds."""


class PipelineMetrics(Collector):
    """Status, lag and decisions per pipeline, read on each scrape; unknown values have no sample.

    `reports` gives what the last pass over each pipeline found.
    """

    def __init__(self, views: ScalingViews, reports: Callable[[], Mapping[Key, PipelineReports]]) -> None:
        self._views, self._reports = views, reports

    def collect(self) -> Iterable[Metric]:
        """The families, labelled by namespace and pipeline."""
        yield from self._status()
        tracked = self._views.keys()
        found = [(key, view) for key in tracked if (view := self._views.live(key)) is not None]
        yield _gauge(families.LAG_ORDERS, ((k, v.orders) for k, v in found))
        yield _gauge(families.LAG_SECONDS, ((k, v.seconds) for k, v in found))
        yield _gauge(families.DESIRED_CONSUMERS, ((k, v.desired) for k, v in found))
        yield from self._partitions(tracked)
        numbers = [(key, (view.latest or {}).get("numbers") or {}) for key, view in found]
        for number, family in families.NUMBERS.items():
            yield _gauge(family, ((key, values.get(number)) for key, values in numbers))
        reasons = ((key, view.latest["reason"]) for key, view in found if view.latest is not None)
        yield _gauge(families.SCALING_REASON, (((*key, reason), 1) for key, reason in reasons))
        decisions = families.SCALING_DECISIONS.counts()
        for key in tracked:
            for word, count in sorted(self._views.counts(key).items()):
                decisions.add_metric([*key, word], count)
        yield decisions

    def _status(self) -> Iterable[Metric]:
        reports = sorted(self._reports().items())
        yield _gauge(
            families.CONDITION,
            (((*key, type_), holds) for key, report in reports for type_, holds in report.conditions.items()),
        )
        yield _gauge(
            families.CERTIFICATE_EXPIRY,
            (((*key, secret), at) for key, report in reports for secret, at in report.certificates.items()),
        )

    def _partitions(self, tracked: Iterable[Key]) -> Iterable[Metric]:
        loads = [((*key, str(load.partition)), load) for key in tracked for load in self._views.loads(key)]
        yield _gauge(families.PARTITION_LAG_ORDERS, ((labels, load.lag) for labels, load in loads))
        yield _gauge(families.PARTITION_LAG_SECONDS, ((labels, load.seconds) for labels, load in loads))
        yield _gauge(families.PARTITION_ARRIVAL_RATE, ((labels, load.arrival_rate) for labels, load in loads))


def _gauge(family: Family, values: Iterable[tuple[tuple[str, ...], float | None]]) -> GaugeMetricFamily:
    gauge = family.values()
    for labels, value in values:
        if value is not None:
            gauge.add_metric(labels, value)
    return gauge
