"""Strimzi's templates: what the operator sets in them, with the user's part merged into it."""

from typing import Any

from orderpipeline_operator.domain.api.v1alpha1 import KafkaTemplate
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.manifests.pipeline import Pipeline, present
from orderpipeline_operator.domain.manifests.pod_additions import as_stored
from orderpipeline_operator.domain.manifests.strategic_merge import strategic_merge


def of_pools(pipeline: Pipeline, spread: list[dict[str, Any]]) -> Manifest:
    """The template of a KafkaNodePool, whose pods are spread by these constraints."""
    given = _given(pipeline)
    ours = {"pod": {"topologySpreadConstraints": spread, **_pull(pipeline)}}
    return strategic_merge(ours, _picked(given, "pod", "kafkaContainer", "initContainer", "persistentVolumeClaim"))


def of_cluster(pipeline: Pipeline) -> Manifest:
    """The template of a Kafka's brokers, without what is set for each pool."""
    # Only one broker at a time may be evicted: losing two would stop orders at minInSyncReplicas.
    ours = {"podDisruptionBudget": {"maxUnavailable": 1}}
    return strategic_merge(ours, _picked(_given(pipeline), "bootstrapService", "brokersService"))


def of_entity_operator(pipeline: Pipeline) -> Manifest | None:
    """The template of the entity operator; None if there is nothing to set."""
    ours = strategic_merge(_pods(pipeline), _given(pipeline).get("entityOperator", {}))
    return ours or None


def of_other_pods(pipeline: Pipeline) -> Manifest | None:
    """The template of Cruise Control, Kafka Exporter and MirrorMaker 2; None if there is nothing to set."""
    return _pods(pipeline) or None


def _given(pipeline: Pipeline) -> Manifest:
    template = pipeline.spec.kafka.template or KafkaTemplate()
    stored: Manifest = as_stored(template.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    return stored


def _picked(given: Manifest, *fields: str) -> Manifest:
    return present(**{field: given.get(field) for field in fields})


def _pods(pipeline: Pipeline) -> Manifest:
    return present(pod=_pull(pipeline))


def _pull(pipeline: Pipeline) -> Manifest:
    return present(imagePullSecrets=[{"name": name} for name in pipeline.spec.image_pull_secrets])
