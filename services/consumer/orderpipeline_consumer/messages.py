"""Orders from Kafka by confluent-kafka's consumer alone: a message object each, decoded many at a time."""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec
from confluent_kafka import Consumer, KafkaError, Message

from orderpipeline_common.order import Order, decode_lines
from orderpipeline_consumer.lots import Lot
from orderpipeline_consumer.records import RECORD_OVERHEAD, Record, bytes_of, from_message, made_id
from orderpipeline_consumer.source import Taken

FETCH: Final = 5000
"""Most messages at a time. Making so many objects takes a few milliseconds, in which no handler runs."""


class MessageLot:
    """Messages of one partition; see `Lot`. `orders` is None when some of them may be no order."""

    __slots__ = ("_each", "_messages", "_orders", "_topic")

    def __init__(self, topic: str, messages: list[Message]) -> None:
        self._topic = topic
        self._messages = messages
        values = [bytes_of(message.value()) or b"" for message in messages]
        self._orders = decode_lines(values)
        self._each = 2 * sum(map(len, values)) // len(values) + RECORD_OVERHEAD

    def __len__(self) -> int:
        return len(self._messages)

    def offset(self, place: int) -> int:
        """A record's offset."""
        return self._messages[place].offset() or 0

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
                identity = made_id(self._topic, message.partition() or 0, message.offset() or 0, message.timestamp()[1])
                found[place] = msgspec.structs.replace(order, order_id=identity)
        return found

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
        grown: dict[int, list[Message]] = {}
        for message in [first, *consumer.consume(FETCH - 1, 0)]:
            number = message.partition()
            assert number is not None
            error = message.error()
            if error is None:
                self._sort(grown, number, message, taken)
            elif error.code() == KafkaError._PARTITION_EOF:
                taken.ends.append((number, message.offset() or 0))
            else:
                taken.errors.append(error)
        taken.lots += [(number, self._lot(messages)) for number, messages in grown.items()]
        return taken

    def _sort(self, grown: dict[int, list[Message]], number: int, message: Message, taken: Taken) -> None:
        messages = grown.get(number)
        if messages is None:
            grown[number] = [message]
        elif (message.offset() or 0) > (messages[-1].offset() or 0):
            messages.append(message)
        else:  # the log was cut or made anew
            taken.lots.append((number, self._lot(messages)))
            grown[number] = [message]

    def _lot(self, messages: list[Message]) -> Lot:
        return MessageLot(self._topic, messages)

    def close(self) -> None:
        """Nothing to give back."""
