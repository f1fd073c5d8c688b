"""Records over the accelerator's own connections to the brokers.

confluent-kafka's consumer stays the member of the group: it is assigned partitions, and commits. All of them are paused
there, so that it fetches nothing."""

import logging
import time
from collections.abc import Callable, Collection
from typing import Final

import confluent_kafka
from confluent_kafka import Consumer, KafkaError, KafkaException

from orderpipeline_common.kafka_config import Config, as_properties
from orderpipeline_consumer.errors import OtherClientError
from orderpipeline_consumer.fetching.accelerated import MAX_MESSAGES, add
from orderpipeline_consumer.fetching.source import Controls, Fetched
from orderpipeline_consumer.records.topic_partition import TopicPartition

log = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 1.0
"""How often the consumer is told again that its partitions are paused: librdkafka drops a pause that coincides with the
start of an assignment (its issue 5591). What it then fetches is ignored."""


class DirectSource:
    """See `Source` and `Controls`. Raises ImportError without the accelerator, ValueError for a configuration that it
    can't use."""

    def __init__(self, topic: str, config: Config, *, clock: Callable[[], float] = time.monotonic) -> None:
        from orderpipeline_accelerator import DirectFetcher

        self._fetcher = DirectFetcher(as_properties(config), topic)
        self._topic = topic
        self._clock = clock
        self._held: set[TopicPartition] = set()
        self._pause_at = 0.0

    def attach(self, consumer: Consumer) -> Controls:
        """It is told itself what to fetch."""
        return self

    def prepare(self, consumer: Consumer, partitions: list[confluent_kafka.TopicPartition]) -> None:
        """From now on these are fetched here, once they have been sought."""
        if partitions:
            consumer.pause(partitions)  # where the consumer knows them already; the others follow in `poll`
        self._fetcher.add([each.partition for each in partitions])
        self._held |= {TopicPartition(each.topic, each.partition) for each in partitions}
        self._pause_at = 0.0

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """Fetch nothing of these any more."""
        self._fetcher.remove([each.partition for each in partitions])
        self._held -= set(partitions)

    def pause(self, partitions: list[confluent_kafka.TopicPartition]) -> None:
        """See `Controls`."""
        self._fetcher.pause([each.partition for each in partitions])

    def resume(self, partitions: list[confluent_kafka.TopicPartition]) -> None:
        """See `Controls`."""
        self._fetcher.resume([each.partition for each in partitions])

    def seek(self, partition: confluent_kafka.TopicPartition) -> None:
        """See `Controls`."""
        leader_epoch = partition.leader_epoch
        known = leader_epoch if leader_epoch is not None and leader_epoch >= 0 else None
        if not self._fetcher.seek(partition.partition, partition.offset, known):
            raise KafkaException(KafkaError(KafkaError._STATE, f"partition {partition.partition} is not assigned"))

    def poll(self, consumer: Consumer, seconds: float) -> Fetched:
        """What is available; waits at most `seconds` for the first message. Raises OtherClientError."""
        fetched = Fetched()
        event = consumer.poll(0)  # runs callbacks, and returns errors that belong to no partition
        error = None if event is None else event.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            fetched.errors.append(error)
        self._pause(consumer)
        try:
            batches, ends, errors = self._fetcher.fetch(MAX_MESSAGES, seconds)
        except RuntimeError as unusual:
            raise OtherClientError(str(unusual)) from None
        add(fetched, self._topic, batches, ends, errors)
        return fetched

    def _pause(self, consumer: Consumer) -> None:
        now = self._clock()
        if self._held and now >= self._pause_at:
            self._pause_at = now + PAUSE_SECONDS
            consumer.pause([confluent_kafka.TopicPartition(*each) for each in self._held])

    def close(self) -> None:
        """Close all connections. Batches that are held can still be read."""
        self._fetcher.close()
