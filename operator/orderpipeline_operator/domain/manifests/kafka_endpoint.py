"""How a client of the pipeline reaches Kafka: address, protocol, and its credentials."""

from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from orderpipeline_operator.domain.api.v1alpha1 import ExistingKafka
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.manifests.pipeline import Context, Pipeline

SCRAM = "SCRAM-SHA-512"
TLS_PORT = 9093
PLAIN_PORT = 9092
CERTIFICATES = "*.crt"
"""Stands for all entries of a Secret that are certificates; no key of one has an asterisk."""
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]


@dataclass(frozen=True)
class SecretRef:
    """One entry of a Secret in the pipeline's namespace, or with the key CERTIFICATES all that are certificates."""

    name: str
    key: str


CredentialT = TypeVar("CredentialT")
"""What stands for a credential: the SecretRef where it is stored, or the text itself."""


@dataclass(frozen=True)
class KafkaEndpoint(Generic[CredentialT]):
    """A way to connect to Kafka. Username and password are set when the mechanism is."""

    bootstrap: str
    """Comma-separated host:port list."""
    security_protocol: SecurityProtocol = "PLAINTEXT"
    mechanism: str | None = None
    """SASL mechanism; None: no SASL."""
    username: str | CredentialT | None = None
    password: CredentialT | None = field(default=None, repr=False)
    ca: CredentialT | None = field(default=None, repr=False)
    """PEM, of one or more CAs; None with TLS means the system's CAs."""

    certificate: CredentialT | None = field(default=None, repr=False)
    """PEM, of the client with its chain; None: it has none."""
    private_key: CredentialT | None = field(default=None, repr=False)
    """PEM, of the certificate."""

    def secret_refs(self) -> tuple[SecretRef, ...]:
        """The entries of Secrets that it takes."""
        of = (self.username, self.password, self.ca, self.certificate, self.private_key)
        return tuple(value for value in of if isinstance(value, SecretRef))


def kafka_endpoint(pipeline: Pipeline, context: Context, user: str) -> KafkaEndpoint[SecretRef]:
    """The endpoint of one KafkaUser, or of the existing cluster's one user, whatever `user` is."""
    kafka = pipeline.spec.kafka
    if kafka.existing is not None:
        return _existing(kafka.existing)
    tls = kafka.listeners.tls
    ca = context.ca_secret or names.cluster_ca_secret(pipeline.name)
    return KafkaEndpoint(
        bootstrap=context.bootstrap or managed_bootstrap(pipeline),
        security_protocol="SASL_SSL" if tls else "SASL_PLAINTEXT",
        mechanism=SCRAM,
        username=user,
        password=SecretRef(user, "password"),
        # Not just ca.crt: while Strimzi replaces a CA's key, some brokers still have certificates of the former CA.
        ca=SecretRef(ca, CERTIFICATES) if tls else None,
    )


def managed_bootstrap(pipeline: Pipeline) -> str:
    """The bootstrap address that Strimzi gives to the listener that the services use."""
    port = TLS_PORT if pipeline.spec.kafka.listeners.tls else PLAIN_PORT
    return f"{names.kafka(pipeline.name)}-kafka-bootstrap.{pipeline.namespace}.svc:{port}"


def _existing(kafka: ExistingKafka) -> KafkaEndpoint[SecretRef]:
    secret = kafka.credentials_secret
    ca = kafka.tls.ca_secret if kafka.tls.enabled else None
    client = kafka.tls.client_certificate if kafka.tls.enabled else None
    return KafkaEndpoint(
        bootstrap=kafka.bootstrap_servers,
        security_protocol=_PROTOCOLS[kafka.tls.enabled, secret is not None],
        mechanism=kafka.sasl_mechanism if secret else None,
        username=SecretRef(secret, "username") if secret else None,
        password=SecretRef(secret, "password") if secret else None,
        ca=SecretRef(ca.name, ca.key or CERTIFICATES) if ca else None,
        certificate=SecretRef(client.name, client.certificate) if client else None,
        private_key=SecretRef(client.name, client.private_key) if client else None,
    )


_PROTOCOLS: dict[tuple[bool, bool], SecurityProtocol] = {
    (False, False): "PLAINTEXT",
    (False, True): "SASL_PLAINTEXT",
    (True, False): "SSL",
    (True, True): "SASL_SSL",
}
"""By whether there is TLS, and whether there are credentials."""
