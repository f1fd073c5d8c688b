"""The manifests of the peer: Gin with franz-go, and franz-go consumers, on the brokers of our pipeline. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench.access import MECHANISM
from orderpipeline_common.contract import API_PORT, CONSUMER_PORT, HEALTH_PATH, Mount
from orderpipeline_operator.domain.kubernetes import names

IMAGE: Final = "localhost/orderpipeline/peers:dev"
READER: Final = "bench-reader"
"""The KafkaUser with which the bench reads offsets."""
USER_ID: Final = 10001
Manifest = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """The peer's size and surroundings, all of them as ours has them."""

    namespace: str
    kafka: str
    """Strimzi's cluster."""
    partitions: int
    copies: int
    min_in_sync: int
    producers: int
    consumers: int
    linger_ms: int
    class_name: str | None
    """Of the Ingress."""
    requests: Mapping[str, Mapping[str, str]]
    """Resources that the pods of `producer` and `consumer` request."""
    name: str = "bench-go"

    @property
    def producer(self) -> str:
        """Its Deployment."""
        return f"{self.name}-producer"

    @property
    def consumer(self) -> str:
        """Its Deployment."""
        return f"{self.name}-consumer"

    @property
    def host(self) -> str:
        """Of its Ingress."""
        return f"{self.name}.localhost"

    @property
    def topic(self) -> str:
        """In Kafka."""
        return self.name

    @property
    def group(self) -> str:
        """Of its consumers."""
        return self.name

    @property
    def bootstrap(self) -> str:
        """The listener with TLS and SCRAM that our services use, too."""
        return f"{self.kafka}-kafka-bootstrap.{self.namespace}.svc:9093"


def in_kafka(peer: Peer, our_topic: str, our_group: str) -> list[Manifest]:
    """The topic and the users: of the peer, and of the bench, which may look at both groups. They come first, since
    pods mount the users' Secrets."""
    own = [_allow("topic", peer.topic, "Describe", "Read", "Write"), _allow("group", peer.group, "Read")]
    seen = [_allow("topic", topic, "Describe") for topic in (our_topic, peer.topic)]
    seen += [_allow("group", group, "Describe") for group in (our_group, peer.group)]
    config = {"min.insync.replicas": peer.min_in_sync, "retention.bytes": 2_000_000_000 // peer.partitions}
    spec = {"topicName": peer.topic, "partitions": peer.partitions, "replicas": peer.copies, "config": config}
    return [
        _strimzi(peer, "KafkaTopic", peer.name, spec),
        *(_strimzi(peer, "KafkaUser", name, {
            "authentication": {"type": MECHANISM.lower()}, "authorization": {"type": "simple", "acls": acls},
        }) for name, acls in ((peer.name, own), (READER, seen))),
    ]  # fmt: skip


def workloads(peer: Peer, image: str) -> list[Manifest]:
    """Deployments, Service and Ingress. `image` is the peers' by digest."""
    env = {
        "BROKERS": peer.bootstrap, "TOPIC": peer.topic, "SASL_USERNAME": peer.name,
        "SASL_PASSWORD_FILE": f"{Mount.KAFKA_USER}/password", "CA_FILE": f"{Mount.KAFKA_CA}/ca.crt",
    }  # fmt: skip
    api = {**env, "WAIT": "1", "ACKS": "all", "LINGER_MS": str(peer.linger_ms), "ADDR": f":{API_PORT}"}
    reader = {**env, "GROUP": peer.group, "ADDR": f":{CONSUMER_PORT}"}
    backend = {"service": {"name": peer.name, "port": {"name": "http"}}}
    rule = {"host": peer.host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    ingress = {"rules": [rule], **({"ingressClassName": peer.class_name} if peer.class_name else {})}
    ports = [{"name": "http", "port": 80, "targetPort": API_PORT, "appProtocol": "http"}]
    return [
        _deployment(peer, peer.producer, peer.producers, _container(peer, "producer", image, "/gin", API_PORT, api)),
        _deployment(
            peer, peer.consumer, peer.consumers, _container(peer, "consumer", image, "/gocons", CONSUMER_PORT, reader)
        ),
        _object(peer, "v1", "Service", peer.name, {"selector": {"app": peer.producer}, "ports": ports}),
        _object(peer, "networking.k8s.io/v1", "Ingress", peer.name, ingress),
    ]


def _container(peer: Peer, part: str, image: str, program: str, port: int, env: Mapping[str, str]) -> Manifest:
    return {
        "name": part, "image": image, "imagePullPolicy": "IfNotPresent", "command": [program],
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "ports": [{"containerPort": port}],
        "readinessProbe": {"httpGet": {"path": HEALTH_PATH, "port": port}, "periodSeconds": 5, "timeoutSeconds": 3},
        "resources": {"requests": dict(peer.requests.get(part, {}))},
        "securityContext": {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "kafka-user", "mountPath": Mount.KAFKA_USER, "readOnly": True},
            {"name": "kafka-ca", "mountPath": Mount.KAFKA_CA, "readOnly": True},
        ],
    }  # fmt: skip


def _deployment(peer: Peer, name: str, replicas: int, container: Manifest) -> Manifest:
    secrets = {"kafka-user": peer.name, "kafka-ca": names.cluster_ca_secret(peer.kafka)}
    pod = {
        "automountServiceAccountToken": False, "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": USER_ID, "runAsGroup": USER_ID, "fsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": volume, "secret": {"secretName": secret, "defaultMode": 0o440}}
                    for volume, secret in secrets.items()],
    }  # fmt: skip
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return _object(peer, "apps/v1", "Deployment", name, spec)


def _strimzi(peer: Peer, kind: str, name: str, spec: Manifest) -> Manifest:
    made = _object(peer, "kafka.strimzi.io/v1", kind, name, spec)
    made["metadata"]["labels"] = {names.STRIMZI_CLUSTER_LABEL: peer.kafka}
    return made


def _object(peer: Peer, version: str, kind: str, name: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": peer.namespace}, "spec": spec,
    }  # fmt: skip


def _allow(kind: str, name: str, *operations: str) -> Manifest:
    resource = {"type": kind, "name": name, "patternType": "literal"}
    return {"type": "allow", "resource": resource, "operations": list(operations), "host": "*"}
