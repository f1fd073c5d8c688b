"""The Kubernetes objects of a Kafka cluster: Services, pods, claims, configuration. Pure."""

import hashlib
import json
from typing import Any, Final

from hack.standin import config
from hack.standin.model import CLUSTER, GROUP, METADATA_VERSION, Cluster, Json, Node, copied_labels

IMAGE: Final = "localhost/orderpipeline/kafka:dev"
POD_SET: Final = "StrimziPodSet"
PODS_API: Final = "core.strimzi.io/v1"
REVISION: Final = "strimzi.io/revision"
HEAP_PERCENT: Final = 50
HEAP_MAX: Final = 5 * 2**30
SMALLEST_HEAP: Final = "-Xms128M"
ID: Final = 1001
PASSED_ON: Final = [
    "affinity",
    "tolerations",
    "topologySpreadConstraints",
    "priorityClassName",
    "schedulerName",
    "hostAliases",
]


def owner(resource: Json, *, controller: bool = False) -> list[Json]:
    """Owner references, so that Kubernetes deletes the object with `resource`."""
    version = PODS_API if resource["kind"] == POD_SET else f"{GROUP}/v1"
    reference = {"apiVersion": version, "kind": resource["kind"], "name": resource["metadata"]["name"]}
    return [{**reference, "uid": resource["metadata"]["uid"], "controller": controller, "blockOwnerDeletion": True}]


def labels(source: Json, cluster: str, kind: str, component: str) -> dict[str, str]:
    """The labels of what Strimzi makes for a custom resource: those of the resource, and its own."""
    return {
        "app.kubernetes.io/part-of": f"strimzi-{cluster}", **copied_labels(source),
        CLUSTER: cluster, "strimzi.io/kind": kind, "strimzi.io/component-type": component,
        "app.kubernetes.io/name": component, "app.kubernetes.io/instance": cluster,
        "app.kubernetes.io/managed-by": "strimzi-cluster-operator",
    }  # fmt: skip


def kafka_labels(cluster: Cluster) -> dict[str, str]:
    """The labels of what belongs to the Kafka."""
    return {**labels(cluster.kafka, cluster.name, "Kafka", "kafka"), "strimzi.io/name": f"{cluster.name}-kafka"}


def pool_labels(cluster: Cluster, name: str) -> dict[str, str]:
    """The labels of what belongs to a node pool."""
    own = {"strimzi.io/name": f"{cluster.name}-kafka", "strimzi.io/pool-name": name}
    return {**labels(cluster.pool(name), cluster.name, "Kafka", "kafka"), **own}


def services(cluster: Cluster) -> list[Json]:
    """The bootstrap Service and the headless one with a DNS name per node."""
    ports = [("tcp-replication", 9091)]
    ports += [
        ({9092: "tcp-clients", 9093: "tcp-clientstls"}.get(one.port, f"tcp-{one.name}"), one.port)
        for one in cluster.listeners
    ]
    inner = [("tcp-ctrlplane", 9090), *ports, ("tcp-kafkaagent", 8443)]

    def service(suffix: str, named: list[tuple[str, int]], selector: dict[str, str], extra: Json) -> Json:
        return {
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": f"{cluster.name}-kafka-{suffix}", "namespace": cluster.namespace,
                "labels": kafka_labels(cluster), "ownerReferences": owner(cluster.kafka),
            },
            "spec": {
                "selector": {CLUSTER: cluster.name, "strimzi.io/name": f"{cluster.name}-kafka", **selector},
                "ports": [{"name": n, "port": p, "targetPort": p, "protocol": "TCP"} for n, p in named], **extra,
            },
        }  # fmt: skip

    return [
        service("bootstrap", ports, {"strimzi.io/broker-role": "true"}, {"type": "ClusterIP"}),
        service("brokers", inner, {}, {"clusterIP": "None", "publishNotReadyAddresses": True}),
    ]


def budget(cluster: Cluster) -> Json:
    """The disruption budget for all nodes; as from Strimzi, it says how many must be there."""
    template = (cluster.spec.get("template") or {}).get("podDisruptionBudget") or {}
    selector = {CLUSTER: cluster.name, "strimzi.io/kind": "Kafka", "strimzi.io/name": f"{cluster.name}-kafka"}
    least = len(cluster.nodes) - int(template.get("maxUnavailable", 1))
    return {
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {
            "name": f"{cluster.name}-kafka", "namespace": cluster.namespace,
            "labels": kafka_labels(cluster), "ownerReferences": owner(cluster.kafka),
        },
        "spec": {"minAvailable": least, "selector": {"matchLabels": selector}},
    }  # fmt: skip


def resources(cluster: Cluster, node: Node) -> Json:
    """Requests and limits: the pool's, or else the Kafka's."""
    return dict(cluster.pool(node.pool)["spec"].get("resources") or cluster.spec.get("resources") or {})


def heap(cluster: Cluster, node: Node) -> dict[str, str]:
    """The environment that decides on the Java heap, which is the pool's or else the Kafka's `jvmOptions`.

    Without -Xmx, a node whose memory has a request or a limit computes its heap itself, when it starts: half of the
    limit, or of the machine's memory if there is none, up to 5 GiB. Otherwise Java chooses the maximum.
    """
    options = cluster.pool(node.pool)["spec"].get("jvmOptions") or cluster.spec.get("jvmOptions") or {}
    given = [f"{name}{options[name]}" for name in ("-Xms", "-Xmx") if options.get(name)]
    found: dict[str, str] = {}
    if "-Xmx" not in options:
        if any("memory" in (resources(cluster, node).get(kind) or {}) for kind in ("requests", "limits")):
            found = {
                "STRIMZI_DYNAMIC_HEAP_PERCENTAGE": str(HEAP_PERCENT),
                "STRIMZI_DYNAMIC_HEAP_MAX": str(HEAP_MAX),
            }
        elif not given:
            given = [SMALLEST_HEAP]
    return {**found, **({"KAFKA_HEAP_OPTS": " ".join(given)} if given else {})}


def _environment(cluster: Cluster, node: Node, cluster_id: str) -> list[Json]:
    values = {
        "CLUSTER_ID": cluster_id,
        **heap(cluster, node),
        "METADATA_VERSION": cluster.spec.get("metadataVersion", METADATA_VERSION).split("-")[0] + "-IV0",
    }
    variables: list[Json] = [{"name": name, "value": value} for name, value in values.items()]
    rack = cluster.spec.get("rack") or {}
    if rack.get("topologyKey"):  # Kubernetes copies the node's zone and region to the pod when it is bound
        path = f"metadata.labels['{rack['topologyKey']}']"
        variables.append({"name": "RACK", "valueFrom": {"fieldRef": {"fieldPath": path}}})
    return variables


def _container(cluster: Cluster, node: Node, cluster_id: str, disks: list[str]) -> Json:
    port = 9091 if node.broker else 9090
    names = {9090: "tcp-ctrlplane", 9091: "tcp-replication"}
    ports = [9090] * node.controller + [9091] * node.broker
    mounts = [{"name": name, "mountPath": f"/var/lib/kafka/{name}"} for name in disks]
    probe = {"tcpSocket": {"port": port}, "periodSeconds": 1, "timeoutSeconds": 2}
    return {
        "name": "kafka", "image": IMAGE, "imagePullPolicy": "IfNotPresent",
        "env": _environment(cluster, node, cluster_id),
        "ports": [{"name": names[one], "containerPort": one} for one in ports],
        "resources": resources(cluster, node),
        "readinessProbe": {**probe, "initialDelaySeconds": 2, "failureThreshold": 5},
        "livenessProbe": {**probe, "periodSeconds": 10, "initialDelaySeconds": 300, "failureThreshold": 12},
        "securityContext": {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            *mounts, {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
            {"name": "config", "mountPath": "/etc/kafka"}, {"name": "certs", "mountPath": config.CERTS},
        ],
    }  # fmt: skip


def claims(cluster: Cluster, node: Node) -> list[Json]:
    """A node's volume claims; they outlive the pool unless `deleteClaim` is set."""
    pool = cluster.pool(node.pool)
    found = []
    for name, disk in config.volumes(pool["spec"]["storage"]):
        if disk["type"] == "persistent-claim":
            metadata: Json = {
                "name": f"{name}-{node.name}", "namespace": cluster.namespace,
                "labels": pool_labels(cluster, node.pool),
                "annotations": {"strimzi.io/delete-claim": str(bool(disk.get("deleteClaim"))).lower()},
            }  # fmt: skip
            if disk.get("deleteClaim"):
                metadata["ownerReferences"] = owner(pool)
            spec: Json = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": disk["size"]}}}
            if disk.get("class"):
                spec["storageClassName"] = disk["class"]
            found.append({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})
    return found


def config_map(cluster: Cluster, node: Node) -> Json:
    """A node's configuration."""
    return {
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": node.name, "namespace": cluster.namespace, "ownerReferences": owner(cluster.pool(node.pool)),
            "labels": pool_labels(cluster, node.pool),
        },
        "data": {"server.properties": config.server(cluster, node)},
    }  # fmt: skip


def _volumes(cluster: Cluster, node: Node) -> list[Json]:
    found: list[Json] = [
        {"name": "tmp", "emptyDir": {}},
        {"name": "config", "configMap": {"name": node.name}},
        {"name": "certs", "secret": {"secretName": node.name}},
    ]
    for name, disk in config.volumes(cluster.pool(node.pool)["spec"]["storage"]):
        persistent = disk["type"] == "persistent-claim"
        found.append(
            {"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{node.name}"}}
            if persistent
            else {"name": name, "emptyDir": {}}
        )
    return found


def pod_set(cluster: Cluster, pool: str, manifests: list[Json]) -> Json:
    """What stands between a pool and its pods, which belong to it."""
    own = {CLUSTER: cluster.name, "strimzi.io/kind": "Kafka", "strimzi.io/pool-name": pool}
    return {
        "apiVersion": PODS_API, "kind": POD_SET,
        "metadata": {
            "name": f"{cluster.name}-{pool}", "namespace": cluster.namespace,
            "labels": pool_labels(cluster, pool), "ownerReferences": owner(cluster.pool(pool)),
        },
        "spec": {"selector": {"matchLabels": own}, "pods": manifests},
    }  # fmt: skip


def pod(cluster: Cluster, node: Node, cluster_id: str, trust: str) -> Json:
    """A node's pod, without its owner. Its revision annotation changes with anything that requires a restart.

    `trust` is a digest of the CAs.
    """
    pool = cluster.pool(node.pool)
    layers = (cluster.spec.get("template") or {}, pool["spec"].get("template") or {})
    template: dict[str, Any] = {}
    for layer in layers:
        template |= layer.get("pod") or {}
    extra = template.get("metadata") or {}
    roles = {f"strimzi.io/{role}-role": str(role in node.roles).lower() for role in ("broker", "controller")}
    own = {**pool_labels(cluster, node.pool), "strimzi.io/pod-name": node.name, **roles}
    disks = [name for name, _ in config.volumes(pool["spec"]["storage"])]
    spec = {
        "hostname": node.name, "subdomain": f"{cluster.name}-kafka-brokers", "restartPolicy": "Always",
        "automountServiceAccountToken": False, "enableServiceLinks": False,
        "terminationGracePeriodSeconds": template.get("terminationGracePeriodSeconds", 30),
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": ID, "runAsGroup": 0, "fsGroup": 0,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(cluster, node, cluster_id, disks)], "volumes": _volumes(cluster, node),
        **{key: template[key] for key in PASSED_ON if key in template},
    }  # fmt: skip
    metadata = {
        "name": node.name, "namespace": cluster.namespace,
        "labels": {**(extra.get("labels") or {}), **own},
    }  # fmt: skip
    text = json.dumps([spec, metadata["labels"], trust, config.server(cluster, node)], sort_keys=True)
    revision = hashlib.sha256(text.encode()).hexdigest()[:16]
    metadata["annotations"] = {**(extra.get("annotations") or {}), REVISION: revision}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
