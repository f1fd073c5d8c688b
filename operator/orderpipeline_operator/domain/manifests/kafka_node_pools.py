"""The KafkaNodePools: brokers, which hold the orders, and controllers, which hold the metadata."""

from typing import Any, Final

from orderpipeline_operator.domain.api.v1alpha1 import LEAST_HEAP_MIB, Brokers, Storage
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import NODE_POOL, Manifest
from orderpipeline_operator.domain.manifests import kafka_templates
from orderpipeline_operator.domain.manifests.kafka import COMPONENT
from orderpipeline_operator.domain.manifests.pipeline import Pipeline, manifest, present
from orderpipeline_operator.domain.manifests.pod_template import resources
from orderpipeline_operator.domain.units.quantities import mebibytes

UNSIZED_HEAP_MIB: Final = {"broker": 1024, "controller": 512}
"""By role, where the spec says nothing about memory."""
MOST_CHOSEN_HEAP_MIB: Final = 5 * 1024
"""What Strimzi chooses at most, too: beyond that a broker has more use for the page cache."""


def kafka_node_pools(pipeline: Pipeline) -> tuple[Manifest, ...]:
    """Both pools; Strimzi assigns node ids to the first one first."""
    kafka = pipeline.spec.kafka
    return (
        _pool(pipeline, names.brokers(pipeline.name), "broker", kafka.brokers),
        _pool(pipeline, names.controllers(pipeline.name), "controller", kafka.controllers),
    )


def _pool(pipeline: Pipeline, name: str, role: str, nodes: Brokers) -> Manifest:
    return manifest(
        pipeline,
        NODE_POOL,
        name,
        COMPONENT,
        labels={names.STRIMZI_CLUSTER_LABEL: names.kafka(pipeline.name)},
        spec=present(
            replicas=nodes.replicas,
            roles=[role],
            storage={"type": "jbod", "volumes": [_volume(nodes.storage)]},
            resources=resources(nodes.resources),
            jvmOptions=_jvm_options(nodes, role),
            template=kafka_templates.of_pools(pipeline, _spread(pipeline, name)),
        ),
    )


def _volume(storage: Storage) -> dict[str, Any]:
    shared = {"id": 0, "type": storage.type, "kraftMetadata": "shared"}
    if storage.type == "ephemeral":
        return {**shared, "sizeLimit": storage.size}
    claim = present(size=storage.size, deleteClaim=storage.delete_claim) | present(**{"class": storage.class_})
    return {**shared, **claim}


def _jvm_options(nodes: Brokers, role: str) -> dict[str, str] | None:
    heap = _heap_mebibytes(nodes, role)
    if heap is None:
        return None
    # The JVM does not understand Mi or Gi, but its m is a mebibyte.
    return {"-Xms": f"{heap}m", "-Xmx": f"{heap}m"}


def _heap_mebibytes(nodes: Brokers, role: str) -> int | None:
    """None leaves it to Strimzi, which takes half of the limit, or without a limit half of the machine's memory."""
    if nodes.jvm_heap is not None:
        return mebibytes(nodes.jvm_heap)
    if "memory" in nodes.resources.limits:
        return None
    requested = nodes.resources.requests.get("memory")
    if requested is None:
        return UNSIZED_HEAP_MIB[role]
    return min(max(mebibytes(requested) // 2, LEAST_HEAP_MIB), MOST_CHOSEN_HEAP_MIB)


def _spread(pipeline: Pipeline, pool: str) -> list[dict[str, Any]]:
    """Spreads a pool's nodes: across hosts where possible, across racks always, since replicas rely on that."""
    rack = pipeline.spec.kafka.rack_topology_key
    selector = {
        "matchLabels": {
            names.STRIMZI_CLUSTER_LABEL: names.kafka(pipeline.name),
            names.STRIMZI_POOL_LABEL: pool,
        }
    }
    wanted = [("kubernetes.io/hostname", "ScheduleAnyway")]
    if rack:
        wanted = [(rack, "DoNotSchedule"), *(entry for entry in wanted if entry[0] != rack)]
    return [
        {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": otherwise, "labelSelector": selector}
        for key, otherwise in wanted
    ]
