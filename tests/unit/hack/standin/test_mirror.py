"""What a KafkaMirrorMaker2 becomes for Kafka Connect: addresses, credentials and settings reach the right clients."""

from typing import Any

from hack.standin import mirror
from hack.standin.mirror import Access

SOURCE = Access("west:9093", "shop-peer", "secret-of-west", "/ca/west.pem")
TARGET = Access("east:9093", "shop-mirror", "secret-of-east", "")


def _resource(**more: Any) -> dict[str, Any]:
    connector = {
        "tasksMax": 3,
        "config": {"refresh.topics.interval.seconds": 10, "sync.topic.acls.enabled": False},
        **more,
    }
    storage = {f"{what}StorageTopic": f"m.{what}" for what in ("config", "offset", "status")}
    target = {"alias": "east", "groupId": "m", **storage, "config": {"offset.flush.interval.ms": 5000}}
    one = {
        "source": {"alias": "west"},
        "topicsPattern": "a|b",
        "topicsExcludePattern": "^$",
        "sourceConnector": connector,
    }
    return {"metadata": {"name": "m"}, "spec": {"target": target, "mirrors": [one]}}


def test_the_workers_own_clients_and_those_of_its_connectors_log_in_at_the_target() -> None:
    settings = mirror.worker(_resource(), TARGET, "m-0", 8083)
    assert settings["bootstrap.servers"] == "east:9093"
    assert settings["group.id"] == "m"
    assert settings["offset.storage.topic"] == "m.offset"
    assert settings["offset.flush.interval.ms"] == "5000"
    for prefix in ("", "producer.", "consumer.", "admin."):
        assert 'username="shop-mirror"' in settings[f"{prefix}sasl.jaas.config"]
    assert not [key for key in settings if "truststore" in key], "no CA means the system's"


def test_a_connector_is_named_as_by_strimzi_and_knows_both_clusters() -> None:
    (made,) = mirror.connectors(_resource(), {"west": SOURCE}, TARGET)
    assert made.name == made.config["name"] == "west->east.MirrorSourceConnector"
    assert made.config["tasks.max"] == "3"
    assert made.config["sync.topic.acls.enabled"] == "false"
    assert (made.config["topics"], made.config["topics.exclude"]) == ("a|b", "^$")
    assert made.config["source.cluster.bootstrap.servers"] == "west:9093"
    assert "secret-of-west" in made.config["source.cluster.sasl.jaas.config"]
    assert made.config["source.cluster.ssl.truststore.location"] == "/ca/west.pem"
    assert "secret-of-east" in made.config["target.cluster.sasl.jaas.config"]
    assert made.state == "RUNNING"


def test_a_connectors_state_is_that_of_the_resource() -> None:
    (made,) = mirror.connectors(_resource(state="stopped"), {"west": SOURCE}, TARGET)
    assert made.state == "STOPPED"


def test_passwords_are_in_no_text_of_the_values() -> None:
    (made,) = mirror.connectors(_resource(), {"west": SOURCE}, TARGET)
    assert "secret-of" not in f"{SOURCE} {TARGET} {made}"
