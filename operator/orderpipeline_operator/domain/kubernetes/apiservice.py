"""The APIService of external metrics: one per Kubernetes cluster, so it may belong to another operator."""

from collections.abc import Mapping
from typing import Any, Final

from orderpipeline_operator.domain.kubernetes.kinds import Kind

METRICS_GROUP: Final = "external.metrics.k8s.io"
METRICS_VERSION: Final = "v1beta1"
APISERVICE_NAME: Final = f"{METRICS_VERSION}.{METRICS_GROUP}"
APISERVICE: Final = Kind("apiregistration.k8s.io", "v1", "APIService", "apiservices")
_WAY_OUT: Final = "set autoscaling.backend to KEDA or Direct, which do not need it"


def apiservice_problem(apiservice: Mapping[str, Any] | None, expected_service: tuple[str, str]) -> str | None:
    """What to report when external metrics are not served by `expected_service` (namespace, name); None when they are.

    `apiservice` is the APIService object, None when there is none. It is never taken from its owner.
    """
    namespace, name = expected_service
    if apiservice is None:
        return (
            f"No APIService {APISERVICE_NAME} exists, so no HorizontalPodAutoscaler can read the lag; "
            f"install the chart with metricsApi enabled, or {_WAY_OUT}."
        )
    service = (apiservice.get("spec") or {}).get("service") or {}
    if (service.get("namespace"), service.get("name")) == (namespace, name):
        return None
    owner = f"{service.get('namespace')}/{service.get('name')}" if service else "the API server itself"
    return (
        f"APIService {APISERVICE_NAME} belongs to {owner}, not to {namespace}/{name}. A cluster has only "
        f"one provider of external metrics, and this operator never replaces another: {_WAY_OUT}, or remove that one."
    )
