"""A record of the orders topic as the consumer's parts pass it on."""

from typing import Final, Protocol

import msgspec

from orderpipeline_common.order import Order, OrderError, decode_order

RECORD_OVERHEAD: Final = 1536
"""Bytes of the objects that a record is made of, its place in the queues and its headers."""

Headers = tuple[tuple[str, bytes | None], ...]


class Message(Protocol):
    """What is used of a confluent_kafka.Message."""

    def partition(self) -> int | None: ...
    def offset(self) -> int | None: ...
    def timestamp(self) -> tuple[int, int]: ...
    def key(self) -> bytes | str | None: ...
    def value(self) -> bytes | str | None: ...
    def headers(self) -> object: ...


class Record(msgspec.Struct, frozen=True):
    """One record. `order` is None when the value is no order, and `fault` then says why. Times are Unix
    milliseconds."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    order: Order | None
    fault: str = ""
    minted: bool = False
    """Whether the order's id was made from its place in Kafka, so that `value` does not hold it."""

    @property
    def lane(self) -> str:
        """Whose order it is: the customer, or for what is no order the record's key."""
        if self.order is not None:
            return self.order.customer_id
        return "" if self.key is None else self.key.decode("utf-8", "replace")

    @property
    def size(self) -> int:
        """Bytes that the record takes in memory, about."""
        return len(self.key or b"") + 2 * len(self.value or b"") + RECORD_OVERHEAD


def made_id(topic: str, partition: int, offset: int, placed: int) -> str:
    """The id of an order that came without one. It is made of the order's place in Kafka, so that a redelivery is seen
    as the same order; the time is part of it, since a topic that was made anew counts its offsets from 0 again."""
    return f"{topic}/{partition}/{offset}/{placed}"


def read(
    topic: str, partition: int, offset: int, placed: int, key: bytes | None, value: bytes | None, headers: Headers
) -> Record:
    """Decode a record. Never raises for what is in it: a bad value becomes a Record with a fault."""
    order: Order | None = None
    fault, minted = "", False
    if value is None:
        fault = "the record has no value; an order is a JSON object"
    else:
        try:
            order = decode_order(value)
        except OrderError as error:
            fault = error.detail
        else:
            minted = not order.order_id
            if minted:
                order = msgspec.structs.replace(order, order_id=made_id(topic, partition, offset, placed))
    return Record(partition, offset, placed, key, value, headers, order, fault, minted)


def from_message(message: Message, topic: str) -> Record:
    """`read` a message of the Kafka client."""
    return read(
        topic,
        message.partition() or 0,
        message.offset() or 0,
        message.timestamp()[1],
        bytes_of(message.key()),
        bytes_of(message.value()),
        _headers(message.headers()),
    )


def bytes_of(value: bytes | str | None) -> bytes | None:
    """The client says that keys and values may be text; they never are, without deserializers."""
    return value.encode() if isinstance(value, str) else value


def _headers(headers: object) -> Headers:
    if not headers:
        return ()
    assert isinstance(headers, list)
    return tuple((name, bytes_of(value)) for name, value in headers)
