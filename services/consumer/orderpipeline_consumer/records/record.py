"""One record of the orders topic, decoded."""

from typing import Final, Protocol

import msgspec

from orderpipeline_common.order import Order, OrderError, decode_order
from orderpipeline_consumer.records.topic_partition import TopicPartition

RECORD_OVERHEAD: Final = 1536
"""Bytes of a record's Python objects, its headers and its place in the queues."""

Headers = tuple[tuple[str, bytes | None], ...]


class Message(Protocol):
    """The part of confluent_kafka.Message that is used."""

    def offset(self) -> int | None: ...
    def timestamp(self) -> tuple[int, int]: ...
    def key(self) -> bytes | str | None: ...
    def value(self) -> bytes | str | None: ...
    def headers(self) -> object: ...


class Record(msgspec.Struct, frozen=True):
    """One record. `order` is None when the value is not an order; `decode_error` then says why. `timestamp` is in Unix
    milliseconds."""

    topic_partition: TopicPartition
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    order: Order | None
    decode_error: str = ""
    id_derived: bool = False
    """Whether the order's id was derived from its offset, so that `value` does not contain it."""

    @property
    def ordering_key(self) -> str:
        """Records with the same key are handled in order: the customer, or the record's key if it is not an order."""
        if self.order is not None:
            return self.order.customer_id
        return "" if self.key is None else self.key.decode("utf-8", "replace")

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return len(self.key or b"") + 2 * len(self.value or b"") + RECORD_OVERHEAD

    @property
    def location(self) -> str:
        """`topic/partition/offset`, for logs."""
        return f"{self.topic_partition}/{self.offset}"


def derive_order_id(topic_partition: TopicPartition, offset: int, timestamp: int) -> str:
    """The id of an order that came without one. It is derived from the record's location, so that a redelivery has the
    same id; the timestamp is included because the offsets of a recreated topic start from 0 again."""
    return f"{topic_partition}/{offset}/{timestamp}"


def decode_record(
    topic_partition: TopicPartition,
    offset: int,
    timestamp: int,
    key: bytes | None,
    value: bytes | None,
    headers: Headers,
) -> Record:
    """Decode a record. Never raises for its content: a value that is not an order gives a Record with a
    `decode_error`."""
    order: Order | None = None
    decode_error, id_derived = "", False
    if value is None:
        decode_error = "the record has no value; an order is a JSON object"
    else:
        try:
            order = decode_order(value)
        except OrderError as error:
            decode_error = error.detail
        else:
            id_derived = not order.order_id
            if id_derived:
                order_id = derive_order_id(topic_partition, offset, timestamp)
                order = msgspec.structs.replace(order, order_id=order_id)
    return Record(topic_partition, offset, timestamp, key, value, headers, order, decode_error, id_derived)


def decode_message(message: Message, topic_partition: TopicPartition) -> Record:
    """Decode a message of the Kafka client; see `decode_record`."""
    return decode_record(
        topic_partition,
        message.offset() or 0,
        message.timestamp()[1],
        as_bytes(message.key()),
        as_bytes(message.value()),
        _headers(message.headers()),
    )


def as_bytes(value: bytes | str | None) -> bytes | None:
    """The client types keys and values as possibly str, which they never are without deserializers."""
    return value.encode() if isinstance(value, str) else value


def _headers(headers: object) -> Headers:
    if not headers:
        return ()
    assert isinstance(headers, list)
    return tuple((name, as_bytes(value)) for name, value in headers)
