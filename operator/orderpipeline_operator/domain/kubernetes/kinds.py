"""The kinds of objects that the operator reads and writes, and how to name one of them. No discovery at run time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from orderpipeline_operator.domain.api import v1alpha1

Manifest = dict[str, Any]
"""A Kubernetes object as JSON."""

Key = tuple[str, str]
"""Namespace and name of an OrderPipeline."""


@dataclass(frozen=True, order=True)
class Kind:
    """One REST resource; `group` is empty for the core group."""

    group: str
    version: str
    kind: str
    plural: str

    @property
    def api_version(self) -> str:
        """As in a manifest's apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True, order=True)
class Ref:
    """The address of one object."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.namespace}/{self.name}"


_STRIMZI: Final = "kafka.strimzi.io"

PIPELINE: Final = Kind(v1alpha1.GROUP, v1alpha1.VERSION, v1alpha1.KIND, v1alpha1.PLURAL)
KAFKA: Final = Kind(_STRIMZI, "v1", "Kafka", "kafkas")
NODE_POOL: Final = Kind(_STRIMZI, "v1", "KafkaNodePool", "kafkanodepools")
TOPIC: Final = Kind(_STRIMZI, "v1", "KafkaTopic", "kafkatopics")
USER: Final = Kind(_STRIMZI, "v1", "KafkaUser", "kafkausers")
MIRROR: Final = Kind(_STRIMZI, "v1", "KafkaMirrorMaker2", "kafkamirrormaker2s")
REBALANCE: Final = Kind(_STRIMZI, "v1", "KafkaRebalance", "kafkarebalances")
POD_SET: Final = Kind("core.strimzi.io", "v1", "StrimziPodSet", "strimzipodsets")
"""Made by Strimzi for each node pool; only read."""
DEPLOYMENT: Final = Kind("apps", "v1", "Deployment", "deployments")
SERVICE: Final = Kind("", "v1", "Service", "services")
SERVICE_ACCOUNT: Final = Kind("", "v1", "ServiceAccount", "serviceaccounts")
CONFIG_MAP: Final = Kind("", "v1", "ConfigMap", "configmaps")
SECRET: Final = Kind("", "v1", "Secret", "secrets")
POD: Final = Kind("", "v1", "Pod", "pods")
INGRESS: Final = Kind("networking.k8s.io", "v1", "Ingress", "ingresses")
NETWORK_POLICY: Final = Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")
HTTP_ROUTE: Final = Kind("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
PDB: Final = Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
HPA: Final = Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
SCALED_OBJECT: Final = Kind("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects")
POD_MONITOR: Final = Kind("monitoring.coreos.com", "v1", "PodMonitor", "podmonitors")
PROMETHEUS_RULE: Final = Kind("monitoring.coreos.com", "v1", "PrometheusRule", "prometheusrules")
LEASE: Final = Kind("coordination.k8s.io", "v1", "Lease", "leases")
EVENT: Final = Kind("events.k8s.io", "v1", "Event", "events")

CLUSTER_KINDS: Final = (KAFKA, NODE_POOL)
ENTITY_KINDS: Final = (TOPIC, USER)
AUTOSCALER_KINDS: Final = (HPA, SCALED_OBJECT)
"""What scales the consumers instead of the operator; a pipeline has at most one of them."""
MONITORING_KINDS: Final = (POD_MONITOR, PROMETHEUS_RULE)
"""The Prometheus operator's. A pipeline works without them, so a cluster that lacks them is no fault of its."""
CHILD_KINDS: Final = (
    REBALANCE,
    *CLUSTER_KINDS,
    *ENTITY_KINDS,
    MIRROR,
    SERVICE_ACCOUNT,
    CONFIG_MAP,
    DEPLOYMENT,
    SERVICE,
    INGRESS,
    HTTP_ROUTE,
    PDB,
    NETWORK_POLICY,
    *AUTOSCALER_KINDS,
    *MONITORING_KINDS,
)
"""Every kind that a pipeline may own. What is not listed here is neither repaired nor pruned."""

_BY_NAME: Final[Mapping[tuple[str, str], Kind]] = {
    (k.api_version, k.kind): k for k in (PIPELINE, SECRET, POD, POD_SET, LEASE, EVENT, *CHILD_KINDS)
}


def kind_of(manifest: Manifest) -> Kind:
    """The kind of a manifest. Raises KeyError for one that the operator does not know."""
    return _BY_NAME[manifest["apiVersion"], manifest["kind"]]


def ref_of(manifest: Manifest) -> Ref:
    """The address of a manifest."""
    return Ref(kind_of(manifest), manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def owned_by(manifest: Manifest, uid: str) -> bool:
    """Whether the object's controlling owner has this uid."""
    owners = manifest["metadata"].get("ownerReferences") or ()
    return any(o.get("controller") and o.get("uid") == uid for o in owners)
