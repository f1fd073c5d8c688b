"""Orders from Kafka by confluent-kafka's consumer alone: a message object each, decoded many at a time."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Final

import msgspec
from confluent_kafka import Consumer, KafkaError, Message

from orderpipeline_common.order import Order, decode_all
from orderpipeline_consumer.fetching.source import Taken
from orderpipeline_consumer.records.batch import Lot
from orderpipeline_consumer.records.record import RECORD_OVERHEAD, Record, bytes_of, from_message, made_id

FETCH: Final = 5000
"""Most messages at a time. Making so many objects takes a few milliseconds, in which no handler runs."""


class MessageLot:
    """Messages of one partition; see `Lot`. `orders` is None when some of them may be no order."""

    __slots__ = ("_each", "_messages", "_offsets", "_orders", "_topic", "offset")

    def __init__(self, topic: str, messages: list[Message], offsets: list[int]) -> None:
        self._topic = topic
        self._messages = messages
        self._offsets = offsets
        self.offset = offsets.__getitem__
        values = [message.value() or b"" for message in messages]
        self._orders = decode_all(values)
        self._each = 2 * sum(map(len, values)) // len(values) + RECORD_OVERHEAD

    def __len__(self) -> int:
        return len(self._messages)

    def size(self, start: int, end: int) -> int:
        """Bytes in memory, as if all records were alike."""
        return (end - start) * self._each

    def plain(self, start: int, end: int) -> bool:
        """Whether these are orders for sure."""
        return self._orders is not None

    def customers(self, start: int, end: int) -> Collection[str]:
        """Whose orders these are, each once."""
        assert self._orders is not None
        return {order.customer_id for order in self._orders[start:end]}

    def orders(self, start: int, end: int) -> Sequence[Order]:
        """The orders, each with an id."""
        assert self._orders is not None
        found = self._orders[start:end]
        for place, order in enumerate(found):
            if not order.order_id:
                message = self._messages[start + place]
                offset, placed = self._offsets[start + place], message.timestamp()[1]
                identity = made_id(self._topic, message.partition() or 0, offset, placed)
                found[place] = msgspec.structs.replace(order, order_id=identity)
        return found

    def array(self, start: int, end: int) -> bytes:
        """The values as one JSON array."""
        return b"[" + b",".join([bytes_of(each.value()) or b"" for each in self._messages[start:end]]) + b"]"

    def timestamps(self, start: int, end: int) -> list[int]:
        """When each was placed."""
        return [message.timestamp()[1] for message in self._messages[start:end]]

    def records(self, start: int, end: int) -> list[Record]:
        """All that there is to know about each."""
        return [from_message(message, self._topic) for message in self._messages[start:end]]


class MessageSource:
    """Takes messages from the consumer itself; see `Source`."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def attach(self, consumer: Consumer) -> None:
        """Nothing to prepare."""

    def lead(self, partitions: Collection[int]) -> None:
        """All partitions come by the consumer's own queue."""

    def take(self, consumer: Consumer, seconds: float) -> Taken:
        """What has come, within `seconds` for the first message."""
        # consume() waits until it has all it was asked for or the time is over; poll() returns with the first.
        first = consumer.poll(seconds)
        taken = Taken()
        if first is None:
            return taken
        grown: defaultdict[int | None, list[Message]] = defaultdict(list)
        for message in [first, *consumer.consume(FETCH - 1, 0)]:
            if (error := message.error()) is None:
                grown[message.partition()].append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                taken.ends.append((message.partition() or 0, message.offset() or 0))
            else:
                taken.errors.append(error)
        taken.lots = [(number or 0, lot) for number, messages in grown.items() for lot in self._lots(messages)]
        return taken

    def _lots(self, messages: list[Message]) -> Iterator[Lot]:
        """One lot, or more where the log was cut or made anew: offsets rise within a lot."""
        offsets = [message.offset() or 0 for message in messages]
        start = 0
        for place, (one, other) in enumerate(pairwise(offsets), 1):
            if other <= one:
                yield MessageLot(self._topic, messages[start:place], offsets[start:place])
                start = place
        yield MessageLot(self._topic, messages[start:], offsets[start:])

    def close(self) -> None:
        """Nothing to give back."""
