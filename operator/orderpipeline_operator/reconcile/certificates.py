"""When the certificates expire by which a pipeline trusts its Kafka."""

from collections.abc import Mapping

from cryptography import x509

from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.manifests.kafka_endpoint import SecretRef
from orderpipeline_operator.domain.planning.secrets import secret_bytes


def certificate_expiry(ca: SecretRef | None, secrets: Mapping[str, Manifest | None]) -> dict[str, float]:
    """The Secret's name, and when the last of the certificates that `ca` names expires, in Unix seconds.

    A CA that is being replaced stays in its Secret beside the new one and may expire there, so the last one counts.
    Empty without TLS, and while there is no certificate that can be read.
    """
    pem = None if ca is None else secret_bytes(secrets.get(ca.name), ca.key)
    if ca is None or pem is None:
        return {}
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except ValueError:
        return {}  # the connection to Kafka fails, which the status reports
    return {ca.name: max(one.not_valid_after_utc.timestamp() for one in certificates)}
