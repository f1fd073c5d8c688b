"""The Kafka resource: listeners, authorization, broker settings, metrics, Cruise Control."""

from typing import Any, Final

from orderpipeline_operator.domain.api.v1alpha1 import CruiseControl, KafkaSpec, Listeners
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import KAFKA, Manifest
from orderpipeline_operator.domain.manifests import kafka_metrics, kafka_templates
from orderpipeline_operator.domain.manifests.kafka_endpoint import PLAIN_PORT, TLS_PORT
from orderpipeline_operator.domain.manifests.pipeline import Pipeline, manifest, present
from orderpipeline_operator.domain.manifests.pod_template import resources

COMPONENT: Final = "kafka"


def kafka(pipeline: Pipeline) -> Manifest:
    """The cluster: listeners, replication, and the operators that Strimzi runs beside it."""
    spec = pipeline.spec.kafka
    others = present(template=kafka_templates.of_other_pods(pipeline))
    exporter = {"topicRegex": ".*", "groupRegex": ".*", **others} if spec.exporter else None
    return manifest(
        pipeline,
        KAFKA,
        names.kafka(pipeline.name),
        COMPONENT,
        spec=present(
            kafka=_brokers(pipeline),
            cruiseControl=_cruise_control(pipeline.name, spec.cruise_control, others),
            kafkaExporter=exporter,
        )
        | {"entityOperator": _entity_operator(pipeline)},
    )


def owned_config(spec: KafkaSpec) -> dict[str, str | int | bool]:
    """Broker settings that fields of the spec determine; kafka.config may not contain them."""
    copies, in_sync = spec.replication_factor, spec.min_in_sync_replicas
    return {
        "auto.create.topics.enable": False,
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.replication.factor": copies,
    }


def _brokers(pipeline: Pipeline) -> Manifest:
    spec = pipeline.spec.kafka
    rack = {"type": "topology-label", "topologyKey": spec.rack_topology_key} if spec.rack_topology_key else None
    allowed = {"allowList": list(kafka_metrics.ALLOW_LIST)}
    metrics = {"type": "strimziMetricsReporter", "values": allowed} if spec.metrics else None
    return present(
        version=spec.version,
        metadataVersion=spec.metadata_version,
        listeners=_listeners(spec.listeners),
        authorization={"type": "simple"},
        config=dict(sorted({**spec.config, **owned_config(spec)}.items())),
        rack=rack,
        metricsConfig=metrics,
        template=kafka_templates.of_cluster(pipeline),
    )


def _listeners(listeners: Listeners) -> list[dict[str, Any]]:
    wanted = (("plain", PLAIN_PORT, False, listeners.plain), ("tls", TLS_PORT, True, listeners.tls))
    return [
        {"name": name, "port": port, "type": "internal", "tls": tls, "authentication": {"type": "scram-sha-512"}}
        for name, port, tls, on in wanted
        if on
    ]


def _entity_operator(pipeline: Pipeline) -> Manifest:
    # Without requests it would be the first to starve: topics, users and deletions need it most on a busy node.
    each = present(resources=resources(pipeline.spec.kafka.entity_operator.resources))
    template = present(template=kafka_templates.of_entity_operator(pipeline))
    return {"topicOperator": each, "userOperator": each, **template}


def _cruise_control(name: str, control: CruiseControl, others: Manifest) -> Manifest | None:
    if not control.enabled:
        return None
    template = {"name": names.rebalance_template(name)}
    modes = [{"mode": mode, "template": template} for mode in ("add-brokers", "remove-brokers")]
    # Without autoRebalance there has to be some value: to Strimzi a missing cruiseControl means off.
    how: Manifest = {"autoRebalance": modes} if control.auto_rebalance else {"brokerCapacity": {}}
    return how | others
