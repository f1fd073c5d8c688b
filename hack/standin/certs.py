"""The Secrets of a cluster: its CAs, its nodes' certificates, the operator's own. Pure except for new keys."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from hack.kafka import pki
from hack.standin import pods
from hack.standin.model import Cluster, Json, Node

ISSUED_FOR: Final = "strimzi.io/issued-for"


def encoded(values: Mapping[str, str | bytes]) -> dict[str, str]:
    """A Secret's `data`."""
    raw = {key: value.encode() if isinstance(value, str) else value for key, value in values.items()}
    return {key: base64.b64encode(value).decode() for key, value in raw.items()}


def decoded(secret: Json, key: str) -> str:
    """One value of a Secret as text; empty if it is missing."""
    return base64.b64decode((secret.get("data") or {}).get(key, "")).decode()


def secret(
    cluster: Cluster, name: str, values: Mapping[str, str | bytes], owner: Json, annotations: dict[str, str]
) -> Json:
    """A Secret manifest."""
    return {
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {
            "name": name, "namespace": cluster.namespace, "ownerReferences": pods.owner(owner),
            "labels": pods.kafka_labels(cluster), "annotations": annotations,
        },
        "data": encoded(values),
    }  # fmt: skip


def truststore(ca: str, password: str) -> bytes:
    """A CA as PKCS 12, readable by Java."""
    entry = pkcs12.PKCS12Certificate(x509.load_pem_x509_certificate(ca.encode()), b"ca.crt")
    return pkcs12.serialize_java_truststore([entry], serialization.BestAvailableEncryption(password.encode()))


@dataclass(frozen=True)
class Authorities:
    """A cluster's two CAs, for brokers and for clients."""

    cluster: pki.Pair
    clients: pki.Pair

    @property
    def digest(self) -> str:
        """Changes when a CA does."""
        return hashlib.sha256((self.cluster.cert + self.clients.cert).encode()).hexdigest()[:16]


def existing_ca(found: Mapping[str, Json], name: str) -> pki.Pair | None:
    """A CA from its two Secrets; None unless both are complete."""
    cert, key = (decoded(found.get(f"{name}{end}", {}), field) for end, field in (("-cert", "ca.crt"), ("", "ca.key")))
    return pki.Pair(cert, key) if cert and key else None


def authorities(
    cluster: Cluster, found: Mapping[str, Json], password: str, now: datetime
) -> tuple[Authorities, list[Json]]:
    """The CAs, from their Secrets or new, and the Secrets to create. `password` protects new PKCS 12 files."""
    pairs, make = {}, []
    for which in ("cluster", "clients"):
        name = f"{cluster.name}-{which}-ca"
        pair = existing_ca(found, name)
        if pair is None:
            pair = pki.new_ca(f"{which}-ca", now)
            public: dict[str, str | bytes] = {
                "ca.crt": pair.cert,
                "ca.p12": truststore(pair.cert, password),
                "ca.password": password,
            }
            marks = {"strimzi.io/ca-cert-generation": "0"}
            make.append(
                secret(cluster, name, {"ca.key": pair.key}, cluster.kafka, {"strimzi.io/ca-key-generation": "0"})
            )
            make.append(secret(cluster, f"{name}-cert", public, cluster.kafka, marks))
        pairs[which] = pair
    return Authorities(pairs["cluster"], pairs["clients"]), make


def names(cluster: Cluster, node: Node) -> list[str]:
    """The DNS names by which clients and other nodes reach a node."""
    ends = ("", f".{cluster.namespace}", f".{cluster.namespace}.svc", f".{cluster.namespace}.svc.cluster.local")
    services = [f"{cluster.name}-kafka-{kind}{end}" for kind in ("bootstrap", "brokers") for end in ends]
    return [*services, cluster.host(node), f"{cluster.host(node)}.cluster.local"]


def _issued(ca: pki.Pair, asked: Sequence[str]) -> dict[str, str]:
    return {ISSUED_FOR: hashlib.sha256("\n".join([ca.cert, *asked]).encode()).hexdigest()[:32]}


def _current(found: Mapping[str, Json], name: str, marks: dict[str, str]) -> bool:
    return (found.get(name, {}).get("metadata", {}).get("annotations") or {}).get(ISSUED_FOR) == marks[ISSUED_FOR]


def node_secrets(cluster: Cluster, cas: Authorities, found: Mapping[str, Json], now: datetime) -> list[Json]:
    """The Secrets to create for nodes, and the trust bundle."""
    make = []
    for node in cluster.nodes:
        asked = names(cluster, node)
        marks = _issued(cas.cluster, [*asked, cas.clients.cert])
        if not _current(found, node.name, marks):
            pair = pki.issue(cas.cluster, f"{cluster.name}-kafka", asked, now)
            values = {
                f"{node.name}.crt": pair.cert, f"{node.name}.key": pair.key, "keystore.pem": pair.key + pair.cert,
                "cluster-ca.pem": cas.cluster.cert, "clients-ca.pem": cas.clients.cert,
            }  # fmt: skip
            make.append(secret(cluster, node.name, values, cluster.pool(node.pool), marks))
    bundle, marks = f"{cluster.name}-trustbundle", _issued(cas.cluster, [cas.clients.cert])
    if not _current(found, bundle, marks):
        trusted = {"cluster-ca.crt": cas.cluster.cert, "clients-ca.crt": cas.clients.cert}
        make.append(secret(cluster, bundle, trusted, cluster.kafka, marks))
    return make


def operator_secret_name(cluster: Cluster) -> str:
    """The Secret with the operator's own certificate."""
    return f"{cluster.name}-cluster-operator-certs"


def operator_secret(cluster: Cluster, cas: Authorities, found: Mapping[str, Json], now: datetime) -> Json | None:
    """The Secret with the operator's own certificate, if it has to be created."""
    name, marks = operator_secret_name(cluster), _issued(cas.cluster, [])
    if _current(found, name, marks):
        return None
    pair = pki.issue(cas.cluster, f"{cluster.name}-cluster-operator", [], now)
    values = {"cluster-operator.crt": pair.cert, "cluster-operator.key": pair.key}
    return secret(cluster, name, values, cluster.kafka, marks)


def user(ca: pki.Pair, name: str, password: str, now: datetime) -> dict[str, str | bytes]:
    """The content of a TLS user's Secret; `password` protects its PKCS 12 file."""
    pair = pki.issue(ca, name, [], now)
    key = serialization.load_pem_private_key(pair.key.encode(), password=None)
    store = pkcs12.serialize_key_and_certificates(
        name.encode(), key, x509.load_pem_x509_certificate(pair.cert.encode()), None,  # type: ignore[arg-type]
        serialization.BestAvailableEncryption(password.encode()),
    )  # fmt: skip
    return {
        "ca.crt": ca.cert, "user.crt": pair.cert, "user.key": pair.key, "user.p12": store, "user.password": password,
    }  # fmt: skip
