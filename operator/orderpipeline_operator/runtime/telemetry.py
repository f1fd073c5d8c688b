"""The operator's metrics: about itself, and what it knows of each pipeline."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from orderpipeline_common import contract
from orderpipeline_common.engine import export_build_info
from orderpipeline_operator.domain.kubernetes.kinds import Key
from orderpipeline_operator.domain.planning.observed import Scaling


class OperatorMetrics:
    """About the process itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        export_build_info(registry)
        self.passes = Counter(
            "orderpipeline_reconciles", "Passes over a pipeline, by result: ok or error.", ["result"], registry=registry
        )
        self.seconds = Histogram("orderpipeline_reconcile_seconds", "Duration of a pass.", registry=registry)
        self.queue = Gauge("orderpipeline_queue_length", "Pipelines that wait or are worked on.", registry=registry)
        self.leader = Gauge("orderpipeline_leader", "1 while this process leads, else 0.", registry=registry)
        self.watched = Gauge(
            "orderpipeline_namespace_watched",
            "1 while the pipelines of the namespace are watched, else 0; without a name: those of the whole cluster.",
            ["namespace"],
            registry=registry,
        )


class ScalingViews(Protocol):
    """What the metrics need from the sampler."""

    def keys(self) -> tuple[Key, ...]: ...
    def live(self, key: Key) -> Scaling | None: ...
    def counts(self, key: Key) -> Mapping[str, int]: ...


class PipelineMetrics(Collector):
    """Lag and desired consumers per pipeline, read on each scrape; unknown values have no sample."""

    def __init__(self, views: ScalingViews) -> None:
        self._views = views

    def collect(self) -> Iterable[Metric]:
        """The gauges, labelled by namespace and pipeline."""
        names = contract.Metric
        tracked = self._views.keys()
        found = [(key, view) for key in tracked if (view := self._views.live(key)) is not None]
        yield _gauge(names.LAG_ORDERS, "Orders taken and not yet committed.", ((k, v.orders) for k, v in found))
        yield _gauge(names.LAG_SECONDS, "Age of the oldest order not committed.", ((k, v.seconds) for k, v in found))
        yield _gauge(names.DESIRED_CONSUMERS, "Consumers by the last decision.", ((k, v.desired) for k, v in found))
        numbers = [(key, (view.latest or {}).get("numbers") or {}) for key, view in found]
        for name, (number, text) in names.SCALING.items():
            yield _gauge(name, text, ((key, values.get(number)) for key, values in numbers))
        reason = GaugeMetricFamily(
            names.SCALING_REASON, "1 for the reason of the last decision.", labels=["namespace", "pipeline", "reason"]
        )
        for key, view in found:
            if view.latest is not None:
                reason.add_metric([*key, view.latest["reason"]], 1)
        yield reason
        decisions = CounterMetricFamily(
            names.SCALING_DECISIONS, "Decisions, by reason.", labels=["namespace", "pipeline", "reason"]
        )
        for key in tracked:
            for word, count in sorted(self._views.counts(key).items()):
                decisions.add_metric([*key, word], count)
        yield decisions


def _gauge(name: str, text: str, values: Iterable[tuple[Key, float | None]]) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, text, labels=["namespace", "pipeline"])
    for key, value in values:
        if value is not None:
            gauge.add_metric(key, value)
    return gauge
