"""The client's configuration, and what its errors and statistics mean."""

from confluent_kafka import KafkaError

from orderpipeline_consumer.kafka.client import consumer_config, is_fatal, is_member, lacks_protocol, protocols_to_try


def test_the_client_commits_nothing_by_itself() -> None:
    for protocol in protocols_to_try("auto"):
        config = consumer_config({"bootstrap.servers": "b"}, "g", protocol, 300)
        assert config["enable.auto.commit"] is False
        assert config["enable.auto.offset.store"] is False
        assert config["auto.offset.reset"] == "earliest", "the end would skip orders where a log was cut"
        assert ("partition.assignment.strategy" in config) == (protocol == "classic")
    assert protocols_to_try("auto") == ("consumer", "classic")
    assert protocols_to_try("classic") == ("classic",)


def test_which_errors_end_the_consumer() -> None:
    unsupported = KafkaError(KafkaError._FATAL, "Broker: API version not supported: ConsumerGroupHeartbeat fatal error")
    assert lacks_protocol(unsupported)
    assert is_fatal(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    assert not is_fatal(KafkaError(KafkaError._TRANSPORT))
    assert not lacks_protocol(KafkaError(KafkaError._FATAL, "fenced"))


def test_who_counts_as_a_member() -> None:
    assert is_member({"state": "up", "join_state": "steady", "stateage": 1})
    assert is_member({"state": "up", "join_state": "init", "stateage": 6000})
    assert not is_member({"state": "up", "join_state": "init", "stateage": 100})
    assert not is_member({"state": "wait-coord", "join_state": "init", "stateage": 9000})
    assert not is_member({})
