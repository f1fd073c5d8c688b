"""The order API's part of the spec."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.config import JsonDict

from orderpipeline_operator.domain.api.v1alpha1.base import (
    DnsName,
    Duration,
    Image,
    Model,
    ObjectName,
    Placement,
    Resources,
    rule,
    rules,
)
from orderpipeline_operator.domain.api.v1alpha1.pod_template import PodTemplate

_LIST_SET: JsonDict = {"x-kubernetes-list-type": "set"}
_LIST_ATOMIC: JsonDict = {"x-kubernetes-list-type": "atomic"}
HostName = Annotated[
    str,
    Field(
        pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        min_length=1,
        max_length=253,
    ),
]


class IngressTls(Model):
    """TLS at the Ingress."""

    secret_name: ObjectName = Field(description="Secret of type kubernetes.io/tls; cert-manager can create it.")


class Ingress(Model):
    """An Ingress in front of the order API."""

    host: HostName = Field(description="DNS name of the order API.")
    class_name: ObjectName | None = Field(None, description="IngressClass; the cluster's default when absent.")
    annotations: dict[str, str] = Field({}, max_length=64, description="Annotations for the Ingress controller.")
    tls: IngressTls | None = Field(None, description="Serve HTTPS with this certificate.")


class ParentRef(Model):
    """A Gateway that the HTTPRoute attaches to."""

    name: ObjectName = Field(description="Name of the Gateway.")
    namespace: DnsName | None = Field(None, description="Namespace of the Gateway; the pipeline's own when absent.")
    section_name: ObjectName | None = Field(None, description="Listener of the Gateway; all when absent.")


class HttpRoute(Model):
    """A Gateway API HTTPRoute in front of the order API."""

    hostnames: list[HostName] = Field(
        description="DNS names of the order API.", min_length=1, max_length=16, json_schema_extra=_LIST_SET
    )
    parent_refs: list[ParentRef] = Field(
        description="Gateways to attach to.", min_length=1, max_length=8, json_schema_extra=_LIST_ATOMIC
    )


class JwtAuth(Model):
    """Which signed tokens are accepted."""

    issuer: str = Field(min_length=1, max_length=512, description="The issuer that a token must name (claim iss).")
    audience: str = Field(min_length=1, max_length=512, description="The audience that a token must name (claim aud).")
    jwks_uri: str = Field(
        pattern=r"^https?://[^\s]+$",
        max_length=2048,
        description="Where the issuer publishes its keys; read every five minutes, and when a token names a new one.",
    )
    algorithms: list[
        Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
    ] = Field(
        ["RS256"], min_length=1, max_length=10, json_schema_extra=_LIST_SET, description="Signatures that are accepted."
    )
    client_claim: str = Field(
        "sub", min_length=1, max_length=128, description="The claim that names the client, for quotas and keys."
    )
    ca_secret: ObjectName | None = Field(
        None, description="Secret whose ca.crt has the CA of jwksUri; the system's CAs when absent."
    )


class Auth(Model):
    """Who may send orders."""

    model_config = rules(
        rule(
            "self.mode != 'ApiKey' || has(self.secret)",
            "is needed with mode ApiKey: name the Secret that holds one entry per client",
            ".secret",
        ),
        rule(
            "self.mode != 'JWT' || has(self.jwt)",
            "is needed with mode JWT: name issuer, audience and jwksUri",
            ".jwt",
        ),
    )

    mode: Literal["None", "ApiKey", "JWT"] = Field(
        "None",
        description="None accepts orders from anyone who reaches the API; ApiKey requires `Authorization: Bearer KEY`,"
        " JWT a bearer token that an identity provider has signed.",
    )
    jwt: JwtAuth | None = Field(None, description="With JWT: which tokens are accepted.")
    secret: ObjectName | None = Field(
        None, description="With ApiKey: the Secret with one entry per client, from client name to key."
    )


class Limits(Model):
    """Limits of the order API; requests beyond them are rejected with 413, 429 or 503, never queued indefinitely."""

    model_config = rules(
        rule(
            "self.maxOrderBytes <= self.maxBodyBytes",
            "must not exceed maxBodyBytes, or the largest order could never be sent; lower it or raise maxBodyBytes",
            ".maxOrderBytes",
        ),
        rule(
            "self.maxOrderBytes <= self.maxInFlightBytes",
            "must not exceed maxInFlightBytes, or the largest order would always be refused;"
            " lower it or raise maxInFlightBytes",
            ".maxOrderBytes",
        ),
    )

    max_order_bytes: int = Field(65536, ge=128, le=1048576, description="Maximum size of an order, in bytes.")
    max_body_bytes: int = Field(
        16777216, ge=1024, le=1073741824, description="Maximum size of a request body after decompression, in bytes."
    )
    max_batch_orders: int = Field(10000, ge=1, le=1000000, description="Maximum number of orders in one batch.")
    max_in_flight_bytes: int = Field(
        67108864,
        ge=1048576,
        le=4294967296,
        description="Maximum bytes accepted but not yet acknowledged by Kafka, per pod; beyond it the API answers 503.",
    )
    head_timeout: Duration = Field(
        "10s",
        description="Maximum time for the head of a request to arrive. A body has as long before minBodyRate counts.",
    )
    min_body_rate: int = Field(
        1024,
        ge=1,
        le=1073741824,
        description="Bytes per second at which a body must at least arrive; the API answers 408 to a slower client.",
    )
    request_timeout: Duration = Field(
        "12s",
        description="Maximum time from the last byte of a request until its reply. A proxy in front of the API must"
        " wait longer, or it answers before the API can say what became of the order; Contour's default is 15s.",
    )
    idle_timeout: Duration = Field(
        "65m",
        description="How long a connection may be idle between two requests. A proxy in front of the API must close"
        " idle connections earlier, or it sends requests into closed ones and answers 503; Envoy's default is 1h.",
    )
    client_orders_per_second: int = Field(
        0, ge=0, le=10000000, description="Orders per second that one client may send to one pod; 0 means no limit."
    )


class Quotas(Model):
    """Kafka client quotas of one user, enforced by each broker."""

    byte_rate: int | None = Field(
        None, ge=1024, le=1099511627776, description="Bytes per second per broker; no quota when absent."
    )
    request_percentage: int | None = Field(
        None, ge=1, le=100000, description="Percentage of a broker's request-handler threads; no quota when absent."
    )


class ProducerSpec(Model):
    """The order API."""

    replicas: int = Field(2, ge=0, le=1000, description="Number of pods.")
    image: Image | None = Field(None, description="Container image; the operator's default when absent.")
    accelerator: bool = Field(
        True,
        description="Use the compiled accelerator if the image has it; false uses Python alone. The pods' metric"
        " orderpipeline_build_info says which engine runs.",
    )
    durability: Literal["acked", "accepted"] = Field(
        "acked",
        description="acked responds once all in-sync replicas have the order; accepted responds at once and can lose"
        " orders when a broker fails.",
    )
    linger: Duration = Field("5ms", description="How long the Kafka client waits for a batch to fill up.")
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = Field(
        "snappy", description="Compression of Kafka batches."
    )
    ingress: Ingress | None = Field(None, description="Create an Ingress.")
    http_route: HttpRoute | None = Field(None, description="Create a Gateway API HTTPRoute.")
    auth: Auth = Field(Auth(), description="Who may send orders.")
    limits: Limits = Field(Limits(), description="Limits of the API.")
    quotas: Quotas = Field(Quotas(), description="Kafka client quotas of the producer's user.")
    resources: Resources = Field(
        Resources(requests={"cpu": "250m", "memory": "128Mi"}, limits={"memory": "512Mi"}),
        description="CPU and memory of each pod.",
    )
    placement: Placement = Field(Placement(), description="How the pods are spread and protected from disruption.")
    grace_period: Duration = Field(
        "30s", description="Time that a stopping pod has to finish the requests it has accepted."
    )
    template: PodTemplate | None = Field(
        None, description="What to add to the pods, in the shape of Kubernetes' PodTemplateSpec."
    )
