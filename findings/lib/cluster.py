"""Topics, records and commits on a one-node Kafka, for the scripts that put other software beside it."""

import time

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic


class Cluster:
    """The node at a port of loopback."""

    def __init__(self, port: str) -> None:
        self.servers = {"bootstrap.servers": f"127.0.0.1:{port}"}
        self.admin = AdminClient(self.servers)
        self.admin.list_topics(timeout=120)

    def make(self, topic: str, partitions: int = 1) -> None:
        self.admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(60)

    def remove(self, topic: str) -> None:
        self.admin.delete_topics([topic])[topic].result(60)
        end = time.monotonic() + 60
        while topic in self.admin.list_topics(timeout=60).topics and time.monotonic() < end:
            time.sleep(0.5)

    def send(self, topic: str, values: range) -> None:
        """One record a number: its digits and 200 bytes of text."""
        producer = Producer(self.servers)
        for value in values:
            producer.produce(topic, f"{value:06d}{'order ' * 33}")
            producer.poll(0)
        assert producer.flush(120) == 0

    def commit(self, group: str, topic: str, offsets: list[int]) -> None:
        """Commits one offset a partition for a group without members."""
        change = [TopicPartition(topic, number, offset) for number, offset in enumerate(offsets)]
        for _ in range(60):  # refused while the node makes its topic for offsets
            wanted = [ConsumerGroupTopicPartitions(group, change)]
            result = self.admin.alter_consumer_group_offsets(wanted)[group].result(60)
            if not any(one.error for one in result.topic_partitions):
                return
            time.sleep(1)
        raise RuntimeError(f"commits refused: {result.topic_partitions}")

    def wait(self, topic: str, count: int) -> None:
        """Until the topic has that many records, four minutes at most."""
        end = time.monotonic() + 240
        while self.count(topic) < count:
            assert time.monotonic() < end, f"{topic} has only {self.count(topic)} records"
            time.sleep(1)

    def count(self, topic: str) -> int:
        if topic not in self.admin.list_topics(timeout=60).topics:
            return 0
        reader = Consumer({**self.servers, "group.id": "count"})
        try:
            return reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=60)[1]
        finally:
            reader.close()

    def value(self, topic: str, offset: int) -> int:
        """The number in the record at `offset`."""
        reader = Consumer({**self.servers, "group.id": "value"})
        reader.assign([TopicPartition(topic, 0, offset)])
        message = reader.poll(60)
        reader.close()
        assert message is not None
        assert message.error() is None
        return int(message.value()[:6])
