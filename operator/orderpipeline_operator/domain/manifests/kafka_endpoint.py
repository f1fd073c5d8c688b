"""How a client of the pipeline reaches Kafka: address, protocol, and where its credentials lie."""

from dataclasses import dataclass

from orderpipeline_operator.domain.api.v1alpha1 import ExistingKafka
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.manifests.pipeline import Context, Pipeline

SCRAM = "SCRAM-SHA-512"
TLS_PORT = 9093
PLAIN_PORT = 9092


@dataclass(frozen=True)
class SecretRef:
    """One entry of a Secret in the pipeline's namespace."""

    name: str
    key: str


@dataclass(frozen=True)
class Access:
    """A connection to Kafka. Exactly one of username and username_from is set when mechanism is."""

    bootstrap: str
    security_protocol: str
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    mechanism: str | None = None
    username: str | None = None
    username_from: SecretRef | None = None
    password: SecretRef | None = None
    ca: SecretRef | None = None
    """PEM; None with TLS means the system's CAs."""


def access(pipeline: Pipeline, context: Context, user: str) -> Access:
    """The connection of one KafkaUser, or of the existing cluster's one user, whatever `user` is."""
    kafka = pipeline.spec.kafka
    if kafka.existing is not None:
        return _existing(kafka.existing)
    tls = kafka.listeners.tls
    ca = context.ca_secret or names.cluster_ca_secret(pipeline.name)
    return Access(
        bootstrap=context.bootstrap or managed_bootstrap(pipeline),
        security_protocol="SASL_SSL" if tls else "SASL_PLAINTEXT",
        mechanism=SCRAM,
        username=user,
        password=SecretRef(user, "password"),
        ca=SecretRef(ca, "ca.crt") if tls else None,
    )


def managed_bootstrap(pipeline: Pipeline) -> str:
    """The bootstrap address that Strimzi gives to the listener that the services use."""
    port = TLS_PORT if pipeline.spec.kafka.listeners.tls else PLAIN_PORT
    return f"{names.kafka(pipeline.name)}-kafka-bootstrap.{pipeline.namespace}.svc:{port}"


def _existing(kafka: ExistingKafka) -> Access:
    transport = "SSL" if kafka.tls.enabled else "PLAINTEXT"
    secret = kafka.credentials_secret
    ca = kafka.tls.ca_secret if kafka.tls.enabled else None
    return Access(
        bootstrap=kafka.bootstrap_servers,
        security_protocol=f"SASL_{transport}" if secret else transport,
        mechanism=kafka.sasl_mechanism if secret else None,
        username_from=SecretRef(secret, "username") if secret else None,
        password=SecretRef(secret, "password") if secret else None,
        ca=SecretRef(ca.name, ca.key) if ca else None,
    )
