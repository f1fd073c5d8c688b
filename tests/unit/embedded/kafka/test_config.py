"""The settings of a one-node Kafka."""

from orderpipeline_embedded.kafka import config


def test_the_test_broker_checks_acls_only_when_asked() -> None:
    node = config.SaslNode("/d", 1, 2, 3, 4, "/k", "/t", "root", "p")
    assert "authorizer.class.name" not in config.with_sasl(node)
    secured = config.with_sasl(config.SaslNode("/d", 1, 2, 3, 4, "/k", "/t", "root", "p", authorizer=True))
    assert secured["super.users"] == "User:ANONYMOUS;User:root"
    assert "process.roles=broker,controller\n" in config.properties(config.with_sasl(node))


def test_the_broker_listens_on_loopback_only_with_replication_factor_one() -> None:
    settings = config.plaintext("/d", 1, 2)
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2"
    assert settings["offsets.topic.replication.factor"] == 1
    assert "sasl.enabled.mechanisms" not in settings
    assert "ssl.keystore.type" not in settings
