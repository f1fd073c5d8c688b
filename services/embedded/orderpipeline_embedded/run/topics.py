"""The topics of a run. All calls block."""

import logging
from collections.abc import Iterable
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection, admin

from orderpipeline_embedded.run.plan import Topic
from orderpipeline_operator.domain.units.wording import counted

SECONDS: Final = 60.0
api: Any = admin  # its type hints omit what is written in C


def ensure_topics(bootstrap: str, topics: Iterable[Topic]) -> list[str]:
    """Create missing topics, configure and extend existing ones; returns a line on each.

    RuntimeError with Kafka's words if it refuses.
    """
    client = api.AdminClient({"bootstrap.servers": bootstrap}, logger=logging.getLogger("orderpipeline.kafka"))
    try:
        return [_create(client, topic) for topic in topics]
    except KafkaException as error:
        raise RuntimeError(f"the topics could not be created: {error.args[0].str()}") from None


def _create(client: Any, topic: Topic) -> str:
    new = api.NewTopic(topic.name, topic.partitions, 1, config=dict(topic.config))
    try:
        client.create_topics([new])[topic.name].result(SECONDS)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
    else:
        return f"topic {topic.name} created, {counted(topic.partitions, 'partition')}"
    entries = [api.ConfigEntry(k, v, incremental_operation=api.AlterConfigOpType.SET) for k, v in topic.config.items()]
    resource = api.ConfigResource(api.ConfigResource.Type.TOPIC, topic.name, incremental_configs=entries)
    client.incremental_alter_configs([resource])[resource].result(SECONDS)
    described = client.describe_topics(TopicCollection([topic.name]))[topic.name].result(SECONDS)
    existing = len(described.partitions)
    if existing < topic.partitions:
        client.create_partitions([api.NewPartitions(topic.name, topic.partitions)])[topic.name].result(SECONDS)
        return f"topic {topic.name} extended from {existing} to {counted(topic.partitions, 'partition')}"
    if existing > topic.partitions:
        return (
            f"topic {topic.name} has {counted(existing, 'partition')}, but the file asks for {topic.partitions}; Kafka"
            " cannot remove partitions: remove the data folder to start over"
        )
    return f"topic {topic.name} exists from an earlier run"
