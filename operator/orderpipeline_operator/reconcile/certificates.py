"""When the certificates expire by which a pipeline trusts its Kafka."""

import math
from collections.abc import Mapping

from cryptography import x509

from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint, SecretRef
from orderpipeline_operator.domain.planning.secrets import secret_bytes


def certificate_expiry(endpoint: KafkaEndpoint[SecretRef], secrets: Mapping[str, Manifest | None]) -> dict[str, float]:
    """By the Secret's name, when the CA and the client's certificate of an endpoint expire, in Unix seconds.

    A CA that is being replaced stays in its Secret beside the new one and may expire there, so of CAs the last one
    counts; of a client's chain the first one to expire ends it. Without TLS, and while there is no certificate that can
    be read, there is nothing; of two in one Secret, the earlier time.
    """
    found: dict[str, float] = {}
    for ref, ends in ((endpoint.ca, max), (endpoint.certificate, min)):
        pem = None if ref is None else secret_bytes(secrets.get(ref.name), ref.key)
        if ref is None or pem is None:
            continue
        try:
            times = [one.not_valid_after_utc.timestamp() for one in x509.load_pem_x509_certificates(pem)]
        except ValueError:
            continue  # the connection to Kafka fails, which the status reports
        found[ref.name] = min(ends(times), found.get(ref.name, math.inf))
    return found
