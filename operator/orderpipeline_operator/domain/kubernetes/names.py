"""Every name that the operator assigns. `name` is the OrderPipeline's own name."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import GROUP, OrderPipelineSpec

FIELD_MANAGER: Final = "orderpipeline-operator"
HASH_ANNOTATION: Final = f"{GROUP}/applied-hash"
PIPELINE_LABEL: Final = f"{GROUP}/pipeline"
COMPONENT_LABEL: Final = "app.kubernetes.io/component"
CONSUMER_COMPONENT: Final = "consumer"
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
STRIMZI_CLUSTER_LABEL: Final = "strimzi.io/cluster"
STRIMZI_POOL_LABEL: Final = "strimzi.io/pool-name"
STRIMZI_NAME_LABEL: Final = "strimzi.io/name"
SECRETS_ANNOTATION: Final = f"{GROUP}/secrets"
CHILDREN_SELECTOR: Final = f"{PIPELINE_LABEL},{MANAGED_BY_LABEL}={FIELD_MANAGER}"
"""Label selector of the children of all pipelines."""
_LABEL: Final = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_OBJECT_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")


def producer(name: str) -> str:
    """Deployment, Service, Ingress, ServiceAccount, PDB, NetworkPolicy and KafkaUser of the order API."""
    return f"{name}-producer"


def consumer(name: str) -> str:
    """Deployment, HPA, ServiceAccount, PDB, NetworkPolicy and KafkaUser of the consumers."""
    return f"{name}-consumer"


def operator_user(name: str) -> str:
    """KafkaUser with which the operator reads offsets."""
    return f"{name}-operator"


def peer_user(name: str) -> str:
    """KafkaUser with which the pipeline in the other cluster reads the orders."""
    return f"{name}-peer"


def mirror(name: str) -> str:
    """KafkaMirrorMaker2, its KafkaUser, its Connect group, and the beginning of its topics' names.

    Not the pipeline's own name: Strimzi's labels would then be those of the Kafka.
    """
    return f"{name}-mirror"


def pod_monitor(name: str, component: str) -> str:
    """PodMonitor of a component."""
    return f"{name}-{component}"


def prometheus_rule(name: str) -> str:
    """PrometheusRule with the alerts."""
    return f"{name}-alerts"


def kafka(name: str) -> str:
    """The Kafka resource, which Strimzi calls the cluster."""
    return name


def brokers(name: str) -> str:
    """KafkaNodePool of the brokers. Pool names are unique in a namespace only with the pipeline's name in them."""
    return f"{name}-brokers"


def controllers(name: str) -> str:
    """KafkaNodePool of the controllers."""
    return f"{name}-controllers"


def cluster_ca_secret(name: str) -> str:
    """Secret that Strimzi fills with the brokers' CA (key ca.crt), and the former one while it is replaced."""
    return f"{kafka(name)}-cluster-ca-cert"


def rebalance_template(name: str) -> str:
    """KafkaRebalance that Cruise Control's auto-rebalancing copies."""
    return f"{name}-rebalance"


def orders_topic_resource(name: str) -> str:
    """KafkaTopic of the orders; the topic's own name may contain characters that Kubernetes rejects."""
    return f"{name}-orders"


def dead_letter_topic_resource(name: str, spec: OrderPipelineSpec) -> str:
    """KafkaTopic of the dead letters; each topic has its own, since a KafkaTopic's topic cannot be renamed."""
    topic = spec.consumer.dead_letter.topic
    return f"{name}-dead-letter" + (f"-{hashlib.sha256(topic.encode()).hexdigest()[:8]}" if topic else "")


def dead_letter_topic(spec: OrderPipelineSpec) -> str:
    """Kafka topic of the dead letters."""
    return spec.consumer.dead_letter.topic or f"{spec.topic.name}.dead-letter"


def group(name: str, spec: OrderPipelineSpec) -> str:
    """Kafka consumer group of the consumers."""
    return spec.consumer.group or name


def labels(name: str, component: str) -> dict[str, str]:
    """Labels of every object of one pipeline's component; the first three select its pods."""
    return {
        "app.kubernetes.io/name": "orderpipeline",
        "app.kubernetes.io/instance": name,
        COMPONENT_LABEL: component,
        "app.kubernetes.io/part-of": name,
        MANAGED_BY_LABEL: FIELD_MANAGER,
        PIPELINE_LABEL: name,
    }


def selector_labels(name: str, component: str) -> dict[str, str]:
    """The labels that select the pods of one component; never changes, since Deployment selectors are immutable."""
    return {
        "app.kubernetes.io/name": "orderpipeline",
        "app.kubernetes.io/instance": name,
        COMPONENT_LABEL: component,
    }


def kafka_node_labels(name: str) -> dict[str, str]:
    """The labels that select the pods of brokers and controllers, as Strimzi sets them."""
    return {STRIMZI_CLUSTER_LABEL: kafka(name), STRIMZI_NAME_LABEL: f"{kafka(name)}-kafka"}


def label_selector(labels: Mapping[str, str]) -> str:
    """The label selector of a list request for objects with all of these labels."""
    return ",".join(f"{key}={value}" for key, value in labels.items())


def children_selector(name: str) -> str:
    """Label selector of the children of one pipeline."""
    return f"{PIPELINE_LABEL}={name},{MANAGED_BY_LABEL}={FIELD_MANAGER}"


def strimzi_selector(name: str) -> str:
    """Label selector of what Strimzi makes for a pipeline's Kafka."""
    return f"{STRIMZI_CLUSTER_LABEL}={kafka(name)}"


def mirror_pods_selector(name: str) -> str:
    """Label selector of MirrorMaker 2's pods."""
    return f"{STRIMZI_CLUSTER_LABEL}={mirror(name)}"


def pipeline_of_selector(selector: str) -> str | None:
    """The pipeline whose children, or whose Kafka's, a selector is for; None for any other selector."""
    name = selector.partition("=")[2].partition(",")[0]
    return name if selector in (children_selector(name), strimzi_selector(name)) else None


def is_object_name(text: str) -> bool:
    """Whether Kubernetes accepts it as the name of an object: DNS labels, joined by dots."""
    return len(text) <= 253 and _OBJECT_NAME.fullmatch(text) is not None
