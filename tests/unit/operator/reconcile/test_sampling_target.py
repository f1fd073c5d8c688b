"""The operator's own credentials, from Secrets as people make them."""

import base64

import pytest

from orderpipeline_operator.domain.manifests.kafka_endpoint import CERTIFICATES, KafkaEndpoint, SecretRef
from orderpipeline_operator.domain.planning.secrets import missing_secrets
from orderpipeline_operator.reconcile.sampling_target import resolve

ENDPOINT = KafkaEndpoint[SecretRef](
    "kafka:9092", "SASL_PLAINTEXT", "PLAIN", SecretRef("user", "username"), SecretRef("user", "password")
)


def secret(username: bytes, password: bytes) -> dict[str, dict[str, str]]:
    return entries({"username": username, "password": password})


def entries(entries: dict[str, bytes]) -> dict[str, dict[str, str]]:
    return {"data": {key: base64.b64encode(value).decode() for key, value in entries.items()}}


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_newline_at_the_end_is_no_part_of_a_credential_as_in_the_services(end: bytes) -> None:
    found = resolve(ENDPOINT, {"user": secret(b"shop" + end, b" pass word " + end)})
    assert found is not None
    assert (found.username, found.password) == ("shop", " pass word ")


def test_a_secret_that_is_no_text_is_named_and_waited_for() -> None:
    secrets = {"user": secret(b"shop", b"\xff\xfe")}
    assert resolve(ENDPOINT, secrets) is None
    keys = [("user", "username"), ("user", "password"), ("user", "other")]
    assert missing_secrets(keys, secrets) == (
        "key other of Secret user",
        "key password of Secret user to be UTF-8 text",
    )


def test_all_certificates_of_a_secret_are_trusted() -> None:
    endpoint = KafkaEndpoint[SecretRef]("kafka:9093", "SSL", ca=SecretRef("ca", CERTIFICATES))
    replaced = entries({"ca.crt": b"NEW", "ca-2026-11-30.crt": b"OLD", "ca.p12": b"\xff", "ca.password": b"SECRET"})
    found = resolve(endpoint, {"ca": replaced})
    assert found is not None
    assert found.ca == "OLD\nNEW"
    without = entries({"ca.p12": b"\xff"})
    assert resolve(endpoint, {"ca": without}) is None
    assert missing_secrets([("ca", CERTIFICATES)], {"ca": without}) == ("key *.crt of Secret ca",)


def test_a_client_certificate_comes_with_its_key() -> None:
    endpoint = KafkaEndpoint[SecretRef](
        "kafka:9093", "SSL", certificate=SecretRef("client", "user.crt"), private_key=SecretRef("client", "user.key")
    )
    found = resolve(endpoint, {"client": entries({"user.crt": b"CERT", "user.key": b"KEY"})})
    assert found is not None
    assert (found.certificate, found.private_key) == ("CERT", "KEY")
    assert "KEY" not in repr(found)
    assert resolve(endpoint, {"client": entries({"user.crt": b"CERT"})}) is None
