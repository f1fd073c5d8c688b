"""The Kubernetes objects of a KafkaMirrorMaker2: Secret, Services, pods. Pure."""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from hack.kafka import config as kafka_config
from hack.standin import mirror, pods
from hack.standin.certs import encoded
from hack.standin.mirror import Access
from hack.standin.model import CLUSTER, Json

PORT: Final = 8083
FOLDER: Final = "/etc/kafka"
KIND: Final = "KafkaMirrorMaker2"
COMPONENT: Final = "kafka-mirror-maker-2"


def component(resource: Json) -> str:
    """The name of what Strimzi makes for it."""
    return f"{resource['metadata']['name']}-mirrormaker2"


def api_url(resource: Json) -> str:
    """Connect's REST API."""
    return f"http://{component(resource)}-api.{resource['metadata']['namespace']}.svc:{PORT}"


def ca_file(alias: str) -> str:
    """Where the pods find the CA certificates of a cluster."""
    return f"{FOLDER}/{alias}.pem"


def secret(resource: Json, target: Access, cas: Mapping[str, str]) -> Json:
    """The worker's configuration, with its password; `cas`: PEM certificates by alias."""
    settings = mirror.worker(resource, target, "${HOST}", PORT)
    values = {"connect.properties": kafka_config.properties(settings)}
    values |= {f"{alias}.pem": text for alias, text in cas.items() if text}
    return {
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": _metadata(resource, f"{component(resource)}-config"), "data": encoded(values),
    }  # fmt: skip


def services(resource: Json) -> list[Json]:
    """The REST API's Service, and the headless one that gives the pods names."""
    port = {"name": "tcp-rest-api", "port": PORT, "targetPort": PORT, "protocol": "TCP"}
    headless = {"clusterIP": "None", "publishNotReadyAddresses": True}
    return [
        {
            "apiVersion": "v1", "kind": "Service", "metadata": _metadata(resource, name),
            "spec": {"selector": _selector(resource), "ports": [port], **more},
        }
        for name, more in ((f"{component(resource)}-api", {"type": "ClusterIP"}), (component(resource), headless))
    ]  # fmt: skip


def pod_set(resource: Json, wanted: list[Json]) -> Json:
    """The StrimziPodSet that owns the pods."""
    return {
        "apiVersion": pods.PODS_API, "kind": pods.POD_SET, "metadata": _metadata(resource, component(resource)),
        "spec": {"selector": {"matchLabels": _selector(resource)}, "pods": wanted},
    }  # fmt: skip


def made_pods(resource: Json, configuration: Json) -> list[Json]:
    """The pods, without their owner. A changed configuration gives them another revision."""
    return [_pod(resource, configuration, number) for number in range(resource["spec"]["replicas"])]


def _pod(resource: Json, configuration: Json, number: int) -> Json:
    name = f"{component(resource)}-{number}"
    namespace = resource["metadata"]["namespace"]
    options = resource["spec"].get("jvmOptions") or {}
    heap = " ".join(f"{flag}{options[flag]}" for flag in ("-Xms", "-Xmx") if options.get(flag)) or pods.SMALLEST_HEAP
    environment = {"KAFKA_HEAP_OPTS": heap, "HOST": f"{name}.{component(resource)}.{namespace}.svc"}
    probe = {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 2, "timeoutSeconds": 5}
    container = {
        "name": COMPONENT, "image": pods.IMAGE, "imagePullPolicy": "IfNotPresent", "args": ["connect"],
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "ports": [{"name": "rest-api", "containerPort": PORT}],
        "resources": resource["spec"].get("resources") or {},
        "readinessProbe": {**probe, "failureThreshold": 5},
        "livenessProbe": {**probe, "periodSeconds": 10, "initialDelaySeconds": 300, "failureThreshold": 12},
        "securityContext": {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
            {"name": "config", "mountPath": FOLDER, "readOnly": True},
        ],
    }  # fmt: skip
    spec = {
        "hostname": name, "subdomain": component(resource), "restartPolicy": "Always",
        "automountServiceAccountToken": False, "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": pods.ID, "runAsGroup": 0, "fsGroup": 0,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "config", "secret": {"secretName": configuration["metadata"]["name"]}},
        ],
    }  # fmt: skip
    text = json.dumps([spec, configuration["data"]], sort_keys=True)
    metadata = _metadata(resource, name)
    del metadata["ownerReferences"]
    metadata["annotations"] = {pods.REVISION: hashlib.sha256(text.encode()).hexdigest()[:16]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _selector(resource: Json) -> dict[str, str]:
    return {CLUSTER: resource["metadata"]["name"], "strimzi.io/kind": KIND, "strimzi.io/name": component(resource)}


def _metadata(resource: Json, name: str) -> Json:
    own = pods.labels(resource, resource["metadata"]["name"], KIND, COMPONENT)
    return {
        "name": name, "namespace": resource["metadata"]["namespace"], "ownerReferences": pods.owner(resource),
        "labels": {**own, "strimzi.io/name": component(resource)},
    }  # fmt: skip
