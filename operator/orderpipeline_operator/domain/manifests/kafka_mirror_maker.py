"""The KafkaMirrorMaker2 of a standby, with all settings whose defaults would lose, repeat or delay orders.

It has no checkpoint connector. That would copy the group's commits with their metadata, in which our consumers keep the
id of the topic: at the copy, which has another id, they would take the topic for one that was made anew.
"""

import re
from typing import Any, Final

from orderpipeline_operator.domain.api.v1alpha1 import CertificateKeys, OrderPipelineSpec, Peer
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import MIRROR, Manifest
from orderpipeline_operator.domain.manifests import kafka_templates
from orderpipeline_operator.domain.manifests.kafka_endpoint import CERTIFICATES, SecretRef, kafka_endpoint
from orderpipeline_operator.domain.manifests.kafka_topics import largest_record
from orderpipeline_operator.domain.manifests.pipeline import Context, Pipeline, manifest, present
from orderpipeline_operator.domain.manifests.pod_template import resources
from orderpipeline_operator.domain.units.quantities import mebibytes

COMPONENT: Final = "mirror"
SOURCE: Final = "peer"
TARGET: Final = "local"
"""Aliases of the two clusters; they are parts of topic names, and the same after a change of roles."""
OFFSET_SYNCS_TOPIC: Final = f"mm2-offset-syncs.{SOURCE}.internal"
STORAGE_TOPICS: Final = ("configs", "offsets", "status")
SOURCE_CONNECTOR: Final = f"{SOURCE}->{TARGET}.MirrorSourceConnector"

_IDENTITY: Final = "org.apache.kafka.connect.mirror.IdentityReplicationPolicy"
_NOTHING: Final = "^$"
_BATCH_BYTES: Final = 262144
_PARTITIONS_PER_TASK: Final = 10
_MOST_TASKS: Final = 16


def kafka_mirror_maker(pipeline: Pipeline, context: Context) -> tuple[Manifest, ...]:
    """The mirror, at a standby."""
    spec = pipeline.spec
    recovery = spec.disaster_recovery
    if recovery is None or recovery.role != "standby" or recovery.peer is None:
        return ()
    heap = f"{mebibytes(recovery.mirror.jvm_heap)}m"
    body = present(
        version=spec.kafka.version,
        replicas=recovery.mirror.replicas,
        target=_target(pipeline, context),
        mirrors=[_mirror(pipeline, recovery.peer)],
        resources=resources(recovery.mirror.resources),
        template=kafka_templates.of_other_pods(pipeline),
        # Without it Strimzi takes half of the memory limit, or of the machine's memory; the JVM needs more beside it.
        jvmOptions={"-Xms": heap, "-Xmx": heap},
    )
    return (manifest(pipeline, MIRROR, names.mirror(pipeline.name), COMPONENT, spec=body),)


def mirrored_topics(spec: OrderPipelineSpec) -> tuple[str, ...]:
    """The Kafka topics that are copied: orders, and dead letters."""
    dead = (names.dead_letter_topic(spec),) if spec.consumer.dead_letter.enabled else ()
    return (spec.topic.name, *dead)


def storage_topic(name: str, what: str) -> str:
    """One of Connect's own topics of a pipeline's mirror."""
    return f"{names.mirror(name)}.{what}"


def _target(pipeline: Pipeline, context: Context) -> Manifest:
    name = names.mirror(pipeline.name)
    endpoint = kafka_endpoint(pipeline, context, name)
    copies = pipeline.spec.kafka.replication_factor
    return {
        "alias": TARGET,
        "bootstrapServers": endpoint.bootstrap,
        "groupId": name,
        "configStorageTopic": storage_topic(pipeline.name, "configs"),
        "offsetStorageTopic": storage_topic(pipeline.name, "offsets"),
        "statusStorageTopic": storage_topic(pipeline.name, "status"),
        "tls": _tls(endpoint.ca),
        "authentication": _scram(name, SecretRef(name, "password")),
        "config": {
            **{f"{what}.storage.replication.factor": copies for what in ("config", "offset", "status")},
            # What was copied since the last flush is copied again after a crash: with the default of a minute, that
            # was up to 270,000 orders at 3,000 a second. It is also when the last pairs of offsets are written.
            "offset.flush.interval.ms": 5000,
        },
    }


def _mirror(pipeline: Pipeline, peer: Peer) -> Manifest:
    spec = pipeline.spec
    return {
        "source": {
            "alias": SOURCE,
            "bootstrapServers": peer.bootstrap_servers,
            "tls": _tls(_ca(peer.ca_secret)),
            "authentication": _scram(
                peer.username or names.peer_user(pipeline.name), SecretRef(peer.credentials_secret, "password")
            ),
        },
        "topicsPattern": _any_of(mirrored_topics(spec)),
        # The default leaves out topics by their names.
        "topicsExcludePattern": _NOTHING,
        "sourceConnector": {
            "tasksMax": _tasks(spec),
            "autoRestart": {"enabled": True},
            "config": dict(sorted(_source_config(spec).items())),
        },
    }


def _source_config(spec: OrderPipelineSpec) -> dict[str, Any]:
    return {
        "replication.policy.class": _IDENTITY,
        "replication.factor": spec.kafka.replication_factor,
        # At the source, the default, the pairs of offsets would be lost with it, and something would be written there.
        "offset-syncs.topic.location": "target",
        "offset-syncs.topic.replication.factor": spec.kafka.replication_factor,
        # Ten minutes by default: for as long, orders of a customer that moved to a new partition would be missing.
        "refresh.topics.interval.seconds": 10,
        # Both sides render the topics' settings. Copied ones would be put back by the topic operator, and the others,
        # such as min.insync.replicas, are not copied anyway. Rights are the users' own on each side.
        "sync.topic.configs.enabled": False,
        "sync.topic.acls.enabled": False,
        # Records of aborted transactions would become ordinary ones.
        "consumer.isolation.level": "read_committed",
        "consumer.max.poll.records": 2000,
        # Settings of the producer of the records need this prefix: producer.X reaches that of the offset syncs only.
        # By default a leader that dies at the target leaves whole batches twice.
        "producer.override.enable.idempotence": True,
        "producer.override.max.in.flight.requests.per.connection": 5,
        "producer.override.acks": "all",
        # By default what comes compressed is stored uncompressed, in batches of 16 KiB per partition and round trip.
        "producer.override.compression.type": spec.producer.compression,
        "producer.override.batch.size": _BATCH_BYTES,
        "producer.override.linger.ms": 20,
        # Counted before compression. A larger record would fail the task, though the source took it.
        "producer.override.max.request.size": largest_record(spec),
    }


def _tasks(spec: OrderPipelineSpec) -> int:
    """Each task brings ten partitions up to date with each flush of offsets; so all of them need one flush, or few."""
    partitions = spec.topic.partitions + (
        spec.consumer.dead_letter.partitions if spec.consumer.dead_letter.enabled else 0
    )
    return min(-(-partitions // _PARTITIONS_PER_TASK), _MOST_TASKS)


def _any_of(names_: tuple[str, ...]) -> str:
    """A Java regular expression for exactly these names."""
    return "|".join(re.escape(name).replace("\\-", "-") for name in names_)


def _scram(username: str, password: SecretRef) -> Manifest:
    secret = {"secretName": password.name, "password": password.key}
    return {"type": "scram-sha-512", "username": username, "passwordSecret": secret}


def _ca(secret: CertificateKeys | None) -> SecretRef | None:
    return SecretRef(secret.name, secret.key or CERTIFICATES) if secret else None


def _tls(ca: SecretRef | None) -> Manifest:
    """TLS that trusts this CA; without one, those of the system."""
    if ca is None:
        return {}
    which = "pattern" if ca.key == CERTIFICATES else "certificate"
    return {"trustedCertificates": [{"secretName": ca.name, which: ca.key}]}
