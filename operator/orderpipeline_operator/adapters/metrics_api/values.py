"""Values of the external metrics, read from the status of the pipelines, so that every replica can answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from orderpipeline_common.contract import Metric
from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient
from orderpipeline_operator.domain.kubernetes.kinds import PIPELINE
from orderpipeline_operator.domain.kubernetes.names import PIPELINE_LABEL
from orderpipeline_operator.domain.kubernetes.selector import Requirement, matches

CACHE_SECONDS = 1.0
_WHERE: Mapping[str, tuple[str, str]] = {
    Metric.DESIRED_CONSUMERS: ("consumers", "desired"),
    Metric.LAG_ORDERS: ("lag", "orders"),
    Metric.LAG_SECONDS: ("lag", "seconds"),
}
Row = tuple[dict[str, str], float, float]
"""Labels, value, and the time of the value in Unix seconds."""


class Values(Protocol):
    """Where values come from."""

    async def lookup(self, namespace: str, metric: str, selector: tuple[Requirement, ...]) -> Sequence[Row]:
        """Values of one metric; empty if unknown, which makes an HPA hold."""


class StatusValues:
    """Reads the OrderPipelines of a namespace, at most once a second. `now` is Unix seconds, `clock` monotonic."""

    def __init__(self, kube: KubernetesClient, now: Callable[[], float], clock: Callable[[], float]) -> None:
        self._kube, self._now, self._clock = kube, now, clock
        self._cached: dict[str, tuple[float, float, Sequence[Mapping[str, Any]]]] = {}

    async def lookup(self, namespace: str, metric: str, selector: tuple[Requirement, ...]) -> Sequence[Row]:
        """See Values. Raises ApiError when the pipelines cannot be read."""
        read_at, pipelines = await self._pipelines(namespace)
        return rows(pipelines, metric, selector, read_at)

    async def _pipelines(self, namespace: str) -> tuple[float, Sequence[Mapping[str, Any]]]:
        cached = self._cached.get(namespace)
        if cached is None or self._clock() >= cached[0]:
            listed = await self._kube.list(PIPELINE, namespace)
            until = self._clock() + CACHE_SECONDS
            self._cached = {k: v for k, v in self._cached.items() if v[0] > self._clock()}
            cached = self._cached[namespace] = (until, self._now(), listed)
        return cached[1], cached[2]


def rows(
    pipelines: Sequence[Mapping[str, Any]], metric: str, selector: tuple[Requirement, ...], at: float
) -> list[Row]:
    """Values of `metric` in the statuses of `pipelines` whose label matches; unknown values are left out."""
    section, key = _WHERE[metric]
    found: list[Row] = []
    for pipeline in pipelines:
        labels = {PIPELINE_LABEL: str(pipeline["metadata"]["name"])}
        value = ((pipeline.get("status") or {}).get(section) or {}).get(key)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0:
            continue
        if matches(selector, labels):
            found.append((labels, float(value), at))
    return found
