"""The Secrets of a cluster."""

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from hack.standin import certs
from tests.unit.hack.standin import samples

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def named(resources: list[samples.Json]) -> dict[str, samples.Json]:
    return {resource["metadata"]["name"]: resource for resource in resources}


def test_cas_are_created_once_and_again_if_a_half_is_lost() -> None:
    one = samples.cluster()
    cas, made = certs.authorities(one, {}, "secret", NOW)
    assert set(named(made)) == {"x-cluster-ca", "x-cluster-ca-cert", "x-clients-ca", "x-clients-ca-cert"}
    again, more = certs.authorities(one, named(made), "secret", NOW)
    assert (again, more) == (cas, [])
    del (lost := named(made))["x-cluster-ca"]
    changed, more = certs.authorities(one, lost, "secret", NOW)
    assert set(named(more)) == {"x-cluster-ca", "x-cluster-ca-cert"}
    assert changed.digest != cas.digest


def test_a_nodes_certificate_names_the_node_and_the_bootstrap_service() -> None:
    one = samples.cluster(1, 1)
    cas, _ = certs.authorities(one, {}, "secret", NOW)
    made = named(certs.node_secrets(one, cas, {}, NOW))
    cert = x509.load_pem_x509_certificate(certs.decoded(made["x-brokers-0"], "x-brokers-0.crt").encode())
    names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    assert {"x-kafka-bootstrap.shop.svc", "x-brokers-0.x-kafka-brokers.shop.svc"} <= set(names)
    assert cert.subject.rfc4514_string() == "CN=x-kafka,O=io.strimzi"
    assert certs.node_secrets(one, cas, made, NOW) == []


def test_the_trust_bundle_has_both_cas() -> None:
    one = samples.cluster(1, 1)
    cas, _ = certs.authorities(one, {}, "secret", NOW)
    bundle = named(certs.node_secrets(one, cas, {}, NOW))["x-trustbundle"]
    assert certs.decoded(bundle, "cluster-ca.crt") == cas.cluster.cert
    assert certs.decoded(bundle, "clients-ca.crt") == cas.clients.cert
    assert set(bundle["data"]) == {"cluster-ca.crt", "clients-ca.crt"}


def test_a_tls_users_store_opens_with_its_password() -> None:
    cas, _ = certs.authorities(samples.cluster(), {}, "secret", NOW)
    found = certs.user(cas.clients, "u", "word", NOW)
    assert set(found) == {"ca.crt", "user.crt", "user.key", "user.p12", "user.password"}
    store = found["user.p12"]
    assert isinstance(store, bytes)
    assert pkcs12.load_key_and_certificates(store, b"word")[1] is not None
