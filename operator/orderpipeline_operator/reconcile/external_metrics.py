"""Whether the cluster's external metrics are served by this operator, which an HPA of ours depends on."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.apiservice import APISERVICE, APISERVICE_NAME, apiservice_problem
from orderpipeline_operator.domain.kubernetes.kinds import Ref
from orderpipeline_operator.domain.planning.observed import Observed, is_true
from orderpipeline_operator.errors import Forbidden, NotFound
from orderpipeline_operator.reconcile.ports import Reader

REMEMBERED_FOR: Final = timedelta(seconds=5)
"""How long one answer serves all pipelines."""


class ExternalMetricsCheck:
    """Asks the API server and remembers its answer for a few seconds.

    `service`: namespace and name of the Service that external metrics should come from; an empty name: never asked.
    """

    def __init__(self, read: Reader, service: tuple[str, str], now: Callable[[], datetime]) -> None:
        self._read, self._service, self._now = read, service, now
        self._known: tuple[datetime, tuple[str, str] | None] | None = None

    async def problem(self, spec: OrderPipelineSpec, observed: Observed) -> tuple[str, str] | None:
        """Reason and message when a pipeline that depends on external metrics does not get this operator's.

        An HPA that gets the metric is proof enough that it does.
        """
        return await self.latest() if self.applies(spec, observed) else None

    def applies(self, spec: OrderPipelineSpec, observed: Observed) -> bool:
        """Whether the pipeline depends on external metrics and does not show that it gets them."""
        if spec.autoscaling.mode != "Auto" or spec.autoscaling.backend != "ExternalMetrics" or not self._service[1]:
            return False
        return not is_true(observed.hpa(names.consumer(observed.name)), "ScalingActive")

    async def latest(self) -> tuple[str, str] | None:
        """Reason and message when external metrics do not come from this operator, a few seconds old at most."""
        now = self._now()
        if self._known is None or now >= self._known[0]:
            self._known = now + REMEMBERED_FOR, await external_metrics_problem(self._read, self._service)
        return self._known[1]


async def external_metrics_problem(read: Reader, expected: tuple[str, str]) -> tuple[str, str] | None:
    """Reason and message when external metrics do not come from the expected Service (namespace, name).

    None when they do, and when the operator may not look: unknown is not a problem.
    """
    try:
        found = await read.get(Ref(APISERVICE, "", APISERVICE_NAME))
    except NotFound:
        found = None
    except Forbidden:
        return None
    message = apiservice_problem(found, expected)
    if message is None:
        return None
    return "NoMetricsAPI" if found is None else "ForeignMetricsAPI", message
