"""A node's settings."""

from hack.standin import config
from tests.unit.hack.standin import samples


def settings(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_a_broker_listens_on_the_replication_and_client_ports_only() -> None:
    one = samples.cluster()
    found = settings(config.server(one, one.brokers[0]))
    assert found["listeners"] == "REPLICATION-9091://0.0.0.0:9091,TLS-9093://0.0.0.0:9093,PLAIN-9092://0.0.0.0:9092"
    assert "TLS-9093:SASL_SSL" in found["listener.security.protocol.map"]
    assert "PLAIN-9092:PLAINTEXT" in found["listener.security.protocol.map"]
    assert found["listener.name.replication-9091.ssl.client.auth"] == "required"
    assert found["controller.quorum.voters"].startswith("3@x-controllers-3.x-kafka-brokers.shop.svc:9090,4@")
    assert "authorizer.class.name" not in found


def test_a_controller_also_has_the_users_config_but_no_client_port() -> None:
    one = samples.cluster(authorization={"type": "simple", "superUsers": ["root"]})
    found = settings(config.server(one, one.controllers[0]))
    assert found["listeners"] == "CONTROLPLANE-9090://0.0.0.0:9090"
    assert found["min.insync.replicas"] == "2"
    assert found["super.users"] == "User:CN=x-kafka,O=io.strimzi;User:CN=x-cluster-operator,O=io.strimzi;User:root"


def test_settings_that_strimzi_owns_are_dropped_silently() -> None:
    asked = {"node.id": 9, "ssl.keystore.location": "/x", "log.dirs": "/x", "num.io.threads": 9, "a.b": True}
    assert config.allowed(asked) == {"num.io.threads": 9, "a.b": "true"}
