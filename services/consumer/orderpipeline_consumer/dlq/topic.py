"""The dead-letter topic: its letters in the order in which they were written, and what has been handled."""

import heapq
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from orderpipeline_consumer.dlq.coordinator import ask_coordinator
from orderpipeline_consumer.dlq.handled import Handled, read
from orderpipeline_consumer.dlq.letters import DeadLetter

SECONDS: Final = 30.0
BATCH: Final = 500


@dataclass(frozen=True)
class Bounds:
    """The first offset that still exists, and the one after the last."""

    start: int
    end: int


class DeadLetterTopic:
    """Reads with consumers of its own. `group` remembers what has been handled."""

    def __init__(self, config: Mapping[str, Any], topic: str, group: str) -> None:
        self._config = {**config, "group.id": group, "enable.auto.commit": False, "enable.partition.eof": True}
        self._topic = topic
        self._consumer = Consumer(self._config)

    def close(self) -> None:
        """Close all connections."""
        self._consumer.close()

    def bounds(self) -> dict[int, Bounds]:
        """By partition. Raises KafkaException; LookupError if there is no such topic."""
        found = self._consumer.list_topics(self._topic, timeout=SECONDS).topics[self._topic]
        if found.error is not None:
            raise LookupError(f"topic {self._topic}: {found.error.str()}")
        marks = {}
        for partition in sorted(found.partitions):
            start, end = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=SECONDS)
            marks[partition] = Bounds(start, end)
        return marks

    def handled(self, bounds: Mapping[int, Bounds]) -> dict[int, Handled]:
        """By partition. A position beyond the end is that of an earlier topic of this name, and counts as none."""
        asked = [TopicPartition(self._topic, partition) for partition in bounds]
        found = {}
        for one in ask_coordinator(lambda: self._consumer.committed(asked, timeout=SECONDS)):
            known = read(one.offset, one.metadata)
            found[one.partition] = known if known.position <= bounds[one.partition].end else Handled()
        return found

    def remember(self, partition: int, handled: Handled) -> None:
        """Commit, and return when it is safe."""
        offset = TopicPartition(self._topic, partition, handled.position, handled.metadata())
        ask_coordinator(lambda: self._consumer.commit(offsets=[offset], asynchronous=False))

    def letters(self, bounds: Mapping[int, Bounds]) -> Iterator[DeadLetter]:
        """All letters within the bounds: each partition in its order, and by time across partitions.

        So the letters of a customer come in their order also where the topic got more partitions in between.
        """
        with ExitStack() as stack:
            streams = []
            for partition, marks in bounds.items():
                if marks.end > marks.start:
                    consumer = Consumer(self._config)
                    stack.callback(consumer.close)
                    streams.append(self._partition(consumer, partition, marks))
            yield from heapq.merge(*streams, key=lambda letter: letter.timestamp)

    def _partition(self, consumer: Consumer, partition: int, marks: Bounds) -> Iterator[DeadLetter]:
        consumer.assign([TopicPartition(self._topic, partition, marks.start)])
        while True:
            for message in consumer.consume(BATCH, timeout=1.0):
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        return
                    raise KafkaException(error)
                letter = letter_of(message)
                if letter.offset < marks.end:
                    yield letter
                if letter.offset >= marks.end - 1:
                    return


def letter_of(message: Message) -> DeadLetter:
    """A record as a value."""
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    headers: Any = message.headers()  # a list of pairs, as they were sent
    return DeadLetter(partition, offset, message.timestamp()[1], message.key(), message.value(), tuple(headers or ()))
