"""Records through confluent-kafka alone: one message object each, decoded many at a time."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Final

import msgspec
from confluent_kafka import Consumer, KafkaError, Message

from orderpipeline_common.order import Order, decode_all
from orderpipeline_consumer.fetching.source import Fetched, FetchedByConsumer
from orderpipeline_consumer.records.batch import FetchedBatch
from orderpipeline_consumer.records.record import RECORD_OVERHEAD, Record, as_bytes, decode_message, derive_order_id
from orderpipeline_consumer.records.topic_partition import TopicPartition

MAX_MESSAGES: Final = 5000
"""Per poll. Creating that many objects takes a few milliseconds, during which no handler runs."""


class MessageBatch:
    """Messages of one partition; see `FetchedBatch`. `_orders` is None when not all of them are known to be orders."""

    __slots__ = ("_average_size", "_messages", "_offsets", "_orders", "leader_epoch", "offset", "topic_partition")

    def __init__(self, topic_partition: TopicPartition, messages: list[Message], offsets: list[int]) -> None:
        self.topic_partition = topic_partition
        self._messages = messages
        self._offsets = offsets
        self.leader_epoch = messages[-1].leader_epoch()
        self.offset = offsets.__getitem__
        values = [message.value() or b"" for message in messages]
        self._orders = decode_all(values)
        self._average_size = 2 * sum(map(len, values)) // len(values) + RECORD_OVERHEAD

    def __len__(self) -> int:
        return len(self._messages)

    def size(self, start: int, end: int) -> int:
        """Approximate bytes in memory, as if all records had the same size."""
        return (end - start) * self._average_size

    def all_valid(self, start: int, end: int) -> bool:
        """Whether every record is known to be an order."""
        return self._orders is not None

    def ordering_keys(self, start: int, end: int) -> Collection[str]:
        """The customers of these orders, each once."""
        assert self._orders is not None
        return {order.customer_id for order in self._orders[start:end]}

    def orders(self, start: int, end: int) -> Sequence[Order]:
        """The orders, each with an id."""
        assert self._orders is not None
        found = self._orders[start:end]
        for index, order in enumerate(found):
            if not order.order_id:
                timestamp = self._messages[start + index].timestamp()[1]
                order_id = derive_order_id(self.topic_partition, self._offsets[start + index], timestamp)
                found[index] = msgspec.structs.replace(order, order_id=order_id)
        return found

    def json_array(self, start: int, end: int) -> bytes:
        """The values as one JSON array."""
        return b"[" + b",".join([as_bytes(each.value()) or b"" for each in self._messages[start:end]]) + b"]"

    def timestamps(self, start: int, end: int) -> list[int]:
        """When each order was placed."""
        return [message.timestamp()[1] for message in self._messages[start:end]]

    def records(self, start: int, end: int) -> list[Record]:
        """Each record in full."""
        return [decode_message(message, self.topic_partition) for message in self._messages[start:end]]


class ConfluentSource(FetchedByConsumer):
    """Polls the consumer itself, which is subscribed to `topic` only; see `Source`."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def poll(self, consumer: Consumer, seconds: float) -> Fetched:
        """What is available; waits at most `seconds` for the first message."""
        # consume() waits for as many messages as it was asked for, or until time is up; poll() returns the first.
        first = consumer.poll(seconds)
        fetched = Fetched()
        if first is None:
            return fetched
        by_partition: defaultdict[int | None, list[Message]] = defaultdict(list)
        for message in [first, *consumer.consume(MAX_MESSAGES - 1, 0)]:
            if (error := message.error()) is None:
                by_partition[message.partition()].append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                fetched.ends.append((TopicPartition(self._topic, message.partition() or 0), message.offset() or 0))
            else:
                fetched.errors.append(error)
        for partition, messages in by_partition.items():
            fetched.batches += _batches(TopicPartition(self._topic, partition or 0), messages)
        return fetched

    def close(self) -> None:
        """Holds nothing."""


def _batches(topic_partition: TopicPartition, messages: list[Message]) -> Iterator[FetchedBatch]:
    """One batch, or more if the leader or the log changed meanwhile: within a batch offsets ascend, in one leader
    epoch."""
    offsets = [message.offset() or 0 for message in messages]
    epochs = [message.leader_epoch() for message in messages]
    start = 0
    for index, (one, other) in enumerate(pairwise(offsets), 1):
        if other <= one or epochs[index] != epochs[index - 1]:
            yield MessageBatch(topic_partition, messages[start:index], offsets[start:index])
            start = index
    yield MessageBatch(topic_partition, messages[start:], offsets[start:])
