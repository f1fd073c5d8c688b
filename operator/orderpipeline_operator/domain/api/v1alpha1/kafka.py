"""The Kafka part of the spec: a cluster created by Strimzi, or an existing one."""

from typing import Final, Literal

from pydantic import Field

from orderpipeline_operator.domain.api.v1alpha1.base import (
    CertificateKeys,
    ClientCertificate,
    Config,
    LabelKey,
    Model,
    ObjectName,
    Quantity,
    Resources,
    Size,
    rule,
    rules,
)
from orderpipeline_operator.domain.api.v1alpha1.kafka_template import KafkaTemplate

LEAST_HEAP_MIB: Final = 128
"""Kafka does not start with a smaller heap."""


class Storage(Model):
    """Disk of one Kafka node."""

    model_config = rules(
        rule(
            "self.type == oldSelf.type",
            "cannot change: the orders are on these disks; make a new OrderPipeline with the other type and move over",
            ".type",
        ),
        rule(
            "has(self.class) == has(oldSelf.class) && (!has(self.class) || self.class == oldSelf.class)",
            "cannot change: a volume keeps the StorageClass that it was made with; put back the former value",
            ".class",
        ),
        rule(
            "!isQuantity(self.size) || !isQuantity(oldSelf.size)"
            " || quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",
            "cannot shrink: Kubernetes only grows volumes; put back the former size or a larger one",
            ".size",
        ),
    )

    type: Literal["persistent-claim", "ephemeral"] = Field(
        "persistent-claim",
        description="persistent-claim keeps data across restarts; ephemeral loses it, for trials only. Cannot change.",
    )
    size: Size = Field("100Gi", description="Size of the volume; it can grow but never shrink.")
    class_: ObjectName | None = Field(
        None, alias="class", description="StorageClass; the cluster's default when absent. Cannot change."
    )
    delete_claim: bool = Field(False, description="Whether the volumes are deleted with the cluster.")


class ControllerStorage(Storage):
    """Disk of one KRaft controller, which holds metadata only."""

    size: Size = Field("20Gi", description="Size of the volume; it can grow but never shrink.")


class Brokers(Model):
    """The node pool that holds the orders."""

    replicas: int = Field(3, ge=1, le=500, description="Number of nodes.")
    storage: Storage = Field(Storage(), description="Disk of each node.")
    resources: Resources = Field(Resources(), description="CPU and memory of each node.")
    jvm_heap: Quantity | None = Field(
        None,
        description="Java heap (-Xms and -Xmx), such as 2Gi. When absent it is half of the memory limit; without a"
        " limit half of the memory requested; without either 1Gi for brokers and 512Mi for controllers. At most 5Gi.",
    )


class Controllers(Brokers):
    """The node pool of the KRaft quorum."""

    model_config = rules(
        rule(
            "self.replicas % 2 == 1",
            "must be odd, such as 1, 3 or 5: an even quorum bears no more failures than the odd one below it",
            ".replicas",
        ),
    )

    replicas: int = Field(3, ge=1, le=9, description="Number of nodes; odd, since a quorum needs a majority.")
    storage: ControllerStorage = Field(ControllerStorage(), description="Disk of each node.")


class Listeners(Model):
    """How clients reach the brokers inside the Kubernetes cluster."""

    model_config = rules(
        rule("self.tls || self.plain", "at least one of tls and plain must be true: nobody could reach the brokers"),
    )

    tls: bool = Field(
        True,
        description="Port 9093 with TLS and SCRAM-SHA-512. The pipeline's own services use it when it is enabled.",
    )
    plain: bool = Field(
        False, description="Port 9092 with SCRAM-SHA-512 but no encryption, for trials on an isolated network."
    )


class CruiseControl(Model):
    """Cruise Control, Strimzi's partition balancer."""

    enabled: bool = Field(False, description="Whether Cruise Control runs.")
    auto_rebalance: bool = Field(
        True, description="Whether partitions move automatically when brokers are added or removed."
    )


class EntityOperator(Model):
    """Strimzi's entity operator: the topic operator and the user operator, two containers in one pod."""

    resources: Resources = Field(
        Resources(requests={"cpu": "100m", "memory": "256Mi"}, limits={"memory": "512Mi"}),
        description="CPU and memory of each of its two containers.",
    )


class ExistingTls(Model):
    """Encryption of the connections to a Kafka cluster that is managed elsewhere."""

    model_config = rules(
        rule(
            "self.enabled || !has(self.caSecret)",
            "has no use without TLS: set enabled to true or remove caSecret",
            ".caSecret",
        ),
        rule(
            "self.enabled || !has(self.clientCertificate)",
            "has no use without TLS: set enabled to true or remove clientCertificate",
            ".clientCertificate",
        ),
    )

    enabled: bool = Field(True, description="Whether to connect with TLS.")
    ca_secret: CertificateKeys | None = Field(
        None, description="CA certificates (PEM) to trust; the system's CAs when absent."
    )
    client_certificate: ClientCertificate | None = Field(
        None,
        description="Certificate with which order API, consumers and operator identify themselves (mutual TLS); none"
        " when absent. Pods are replaced when it is renewed.",
    )


class ExistingKafka(Model):
    """A Kafka cluster that is managed elsewhere; no Kafka, node pool, topic or user is created for it."""

    bootstrap_servers: str = Field(
        description="Comma-separated host:port list.",
        pattern=r"^[^,:\s]+:[0-9]{1,5}(,[^,:\s]+:[0-9]{1,5})*$",
        max_length=4096,
    )
    sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism used with credentialsSecret."
    )
    credentials_secret: ObjectName | None = Field(
        None, description="Secret with keys username and password; no SASL when absent."
    )
    tls: ExistingTls = Field(ExistingTls(), description="Encryption of the connection.")


class KafkaSpec(Model):
    """The Kafka cluster: created by Strimzi, or existing."""

    model_config = rules(
        rule(
            "self.minInSyncReplicas < self.replicationFactor"
            " || (self.replicationFactor == 1 && self.minInSyncReplicas == 1)",
            "must be below replicationFactor, or orders stop when a single broker is away;"
            " lower it or raise replicationFactor (1 and 1 is allowed for trials)",
            ".minInSyncReplicas",
        ),
        rule(
            "has(self.existing) || self.replicationFactor <= self.brokers.replicas",
            "must not exceed brokers.replicas, since each copy needs a broker of its own; lower it or add brokers",
            ".replicationFactor",
        ),
        rule(
            "self.replicationFactor == oldSelf.replicationFactor || self.cruiseControl.enabled || has(self.existing)",
            "cannot change without Cruise Control, which moves the copies; set cruiseControl.enabled to true with it",
            ".replicationFactor",
        ),
        rule(
            "has(self.existing) == has(oldSelf.existing)",
            "cannot be added or removed: the orders would stay behind in the other cluster;"
            " make a new OrderPipeline and move over",
            ".existing",
        ),
        rule(
            "!has(self.existing) || !self.cruiseControl.enabled",
            "needs a Kafka cluster of the pipeline's own; remove kafka.existing or turn cruiseControl off",
            ".cruiseControl",
        ),
        rule(
            "!has(self.existing) || !self.exporter",
            "needs a Kafka cluster of the pipeline's own; remove kafka.existing or turn exporter off",
            ".exporter",
        ),
        rule(
            "!self.cruiseControl.enabled || self.brokers.replicas > 1",
            "needs at least 2 brokers to balance between; add brokers or turn cruiseControl off",
            ".cruiseControl",
        ),
    )

    version: str = Field(
        "4.3.1",
        pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$",
        max_length=16,
        description="Kafka version; the Strimzi release in the cluster must support it.",
    )
    metadata_version: str | None = Field(
        None,
        pattern=r"^[0-9]+\.[0-9]+(-IV[0-9]+)?$",
        max_length=16,
        description="KRaft metadata version; raise it once a version upgrade has proven stable."
        " Strimzi chooses one when absent.",
    )
    brokers: Brokers = Field(Brokers(), description="The nodes that hold the orders.")
    controllers: Controllers = Field(Controllers(), description="The KRaft quorum; an odd number of nodes.")
    listeners: Listeners = Field(Listeners(), description="How clients reach the brokers.")
    rack_topology_key: LabelKey | None = Field(
        None,
        description="Node label whose values identify racks, such as topology.kubernetes.io/zone;"
        " replicas and pods are spread across them.",
    )
    replication_factor: int = Field(3, ge=1, le=32, description="Copies of each order.")
    min_in_sync_replicas: int = Field(
        2, ge=1, le=32, description="Copies that must be written before an order is acknowledged."
    )
    config: Config = Field(
        {},
        max_length=64,
        description="Additional broker settings, passed to Kafka; those owned by Strimzi or this spec are rejected.",
    )
    metrics: bool = Field(True, description="Whether brokers export Prometheus metrics (Strimzi Metrics Reporter).")
    exporter: bool = Field(False, description="Whether Strimzi's Kafka Exporter runs.")
    entity_operator: EntityOperator = Field(
        EntityOperator(), description="What turns the topics and users of the pipeline into Kafka's."
    )
    cruise_control: CruiseControl = Field(CruiseControl(), description="Partition balancing.")
    template: KafkaTemplate | None = Field(
        None, description="What to add to the objects that Strimzi makes, in the shape of Strimzi's templates."
    )
    existing: ExistingKafka | None = Field(
        None,
        description="Use this cluster instead of creating one. Its topics and users are then managed elsewhere, and the"
        " other fields of kafka are ignored. Cannot be added or removed later.",
    )
