"""When the certificates expire by which a pipeline trusts its Kafka."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.manifests.kafka_endpoint import CERTIFICATES, KafkaEndpoint, SecretRef
from orderpipeline_operator.reconcile.certificates import certificate_expiry

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def certificate(days: int) -> bytes:
    """One that signs itself and expires so many days after NOW."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(NOW - timedelta(days=365)).not_valid_after(NOW + timedelta(days=days))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def trusting(key: str) -> KafkaEndpoint[SecretRef]:
    return KafkaEndpoint[SecretRef]("kafka:9093", "SSL", ca=SecretRef("ca", key))


def secret(**entries: bytes) -> Manifest:
    data = {name.replace("_", "."): base64.b64encode(value).decode() for name, value in entries.items()}
    return {"metadata": {"name": "ca"}, "data": data}


def test_a_former_ca_beside_the_new_one_is_no_alarm() -> None:
    secrets = {"ca": secret(ca_crt=certificate(360), ca2025_crt=certificate(-3), ca_p12=b"binary")}
    assert certificate_expiry(trusting(CERTIFICATES), secrets) == {"ca": (NOW + timedelta(days=360)).timestamp()}


def test_of_a_bundle_the_last_one_counts() -> None:
    secrets = {"ca": secret(bundle_pem=certificate(5) + certificate(40))}
    assert certificate_expiry(trusting("bundle.pem"), secrets) == {"ca": (NOW + timedelta(days=40)).timestamp()}


@pytest.mark.parametrize("secrets", [{}, {"ca": None}, {"ca": secret()}, {"ca": secret(ca_crt=b"CA")}])
def test_what_is_not_there_or_no_certificate_is_unknown(secrets: dict[str, Manifest | None]) -> None:
    assert certificate_expiry(trusting(CERTIFICATES), secrets) == {}


def test_without_tls_there_is_none() -> None:
    assert certificate_expiry(KafkaEndpoint[SecretRef]("kafka:9092"), {}) == {}


def test_of_a_client_the_first_certificate_that_expires_counts() -> None:
    endpoint = KafkaEndpoint[SecretRef](
        "kafka:9093", "SSL", ca=SecretRef("ca", "ca.crt"), certificate=SecretRef("client", "tls.crt")
    )
    secrets = {"ca": secret(ca_crt=certificate(360)), "client": secret(tls_crt=certificate(30) + certificate(300))}
    expected = {"ca": (NOW + timedelta(days=360)).timestamp(), "client": (NOW + timedelta(days=30)).timestamp()}
    assert certificate_expiry(endpoint, secrets) == expected
    both = KafkaEndpoint[SecretRef](
        "kafka:9093", "SSL", ca=SecretRef("one", "ca.crt"), certificate=SecretRef("one", "user.crt")
    )
    one = {"one": secret(ca_crt=certificate(360), user_crt=certificate(20))}
    assert certificate_expiry(both, one) == {"one": (NOW + timedelta(days=20)).timestamp()}
