"""The KafkaRebalance: the template by which Cruise Control rebalances."""

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import REBALANCE, Manifest
from orderpipeline_operator.domain.manifests.kafka import COMPONENT
from orderpipeline_operator.domain.manifests.pipeline import Pipeline, manifest


def rebalance_template(pipeline: Pipeline) -> tuple[Manifest, ...]:
    """The KafkaRebalance that auto-rebalancing copies; its empty spec means Cruise Control's default goals."""
    control = pipeline.spec.kafka.cruise_control
    if not (control.enabled and control.auto_rebalance):
        return ()
    return (
        manifest(
            pipeline,
            REBALANCE,
            names.rebalance_template(pipeline.name),
            COMPONENT,
            annotations={"strimzi.io/rebalance-template": "true"},
            spec={},
        ),
    )
