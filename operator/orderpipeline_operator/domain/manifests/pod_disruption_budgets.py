"""PodDisruptionBudgets: how many pods a node drain may evict at a time."""

from orderpipeline_operator.domain.api.v1alpha1 import Placement
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import PDB, Manifest
from orderpipeline_operator.domain.manifests import consumer, producer
from orderpipeline_operator.domain.manifests.pipeline import Pipeline, manifest


def pod_disruption_budgets(pipeline: Pipeline) -> tuple[Manifest, ...]:
    """One for each service."""
    name, spec = pipeline.name, pipeline.spec
    return (
        _budget(pipeline, names.producer(name), producer.COMPONENT, spec.producer.placement),
        _budget(pipeline, names.consumer(name), consumer.COMPONENT, spec.consumer.placement),
    )


def _budget(pipeline: Pipeline, name: str, component: str, placement: Placement) -> Manifest:
    allowed = placement.max_unavailable
    return manifest(
        pipeline,
        PDB,
        name,
        component,
        spec={
            "maxUnavailable": int(allowed) if allowed.isdigit() else allowed,
            "selector": {"matchLabels": names.selector_labels(pipeline.name, component)},
            # Protecting a pod that is not ready is useless; without this, broken pods would block every drain.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    )
