"""The disaster recovery part of the spec: a second cluster that has a copy of the orders."""

from typing import Literal

from pydantic import Field

from orderpipeline_operator.domain.api.v1alpha1.base import (
    CertificateKeys,
    Model,
    ObjectName,
    Quantity,
    Resources,
    rule,
    rules,
)


class Peer(Model):
    """The pipeline's Kafka in the other cluster."""

    bootstrap_servers: str = Field(
        description="Comma-separated host:port list of its TLS listener, as pods in this cluster reach it.",
        pattern=r"^[^,:\s]+:[0-9]{1,5}(,[^,:\s]+:[0-9]{1,5})*$",
        max_length=4096,
    )
    username: ObjectName | None = Field(
        None,
        description="User that may read there, with SCRAM-SHA-512; NAME-peer when absent, which a pipeline with"
        " disasterRecovery and the same name makes there.",
    )
    credentials_secret: ObjectName = Field(
        description="Secret with key password: a copy of the Secret that Strimzi wrote for that user in the other"
        " cluster."
    )
    ca_secret: CertificateKeys | None = Field(
        None,
        description="CA certificates (PEM) to trust: a copy of Secret NAME-cluster-ca-cert of the other cluster; the"
        " system's CAs when absent.",
    )


class Mirror(Model):
    """MirrorMaker 2, which copies the orders."""

    replicas: int = Field(
        1, ge=1, le=10, description="Number of pods; a further one takes over sooner from a lost one."
    )
    resources: Resources = Field(
        Resources(requests={"cpu": "500m", "memory": "1Gi"}, limits={"memory": "1Gi"}),
        description="CPU and memory of each pod.",
    )
    jvm_heap: Quantity = Field("448Mi", description="Java heap (-Xms and -Xmx) of each pod.")


class DisasterRecoverySpec(Model):
    """A copy of all orders in a second cluster, which can take over."""

    model_config = rules(
        rule(
            "self.role != 'standby' || has(self.peer)",
            "is needed with role standby: where are the orders copied from?",
            ".peer",
        ),
    )

    role: Literal["active", "standby"] = Field(
        description="active takes and works orders, and lets its peer read them. standby copies those of its peer, and"
        " takes and works none. Set it to active to switch: it stops copying, then works and takes orders. An active"
        " one cannot become standby."
    )
    peer: Peer | None = Field(None, description="The pipeline in the other cluster. Without effect while active.")
    mirror: Mirror = Field(Mirror(), description="What copies the orders. Without effect while active.")
