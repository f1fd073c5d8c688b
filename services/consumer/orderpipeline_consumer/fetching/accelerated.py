"""Records through the accelerator: read and validated outside Python, made into objects when they are accessed.

The consumer is still confluent-kafka's, and fetches; only the messages of its partitions go to a queue of the
accelerator."""

import ctypes
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, overload

import confluent_kafka
import msgspec
from confluent_kafka import Consumer, KafkaError

from orderpipeline_common.kafka_config import Config
from orderpipeline_common.order import Order
from orderpipeline_consumer.fetching.source import Controls, Fetched, FetchedByConsumer
from orderpipeline_consumer.records.record import Record, decode_record, derive_order_id
from orderpipeline_consumer.records.topic_partition import TopicPartition

if TYPE_CHECKING:
    from orderpipeline_accelerator import FetchedBatch as Messages
    from orderpipeline_accelerator import Fetcher

log = logging.getLogger(__name__)

SUPPORTED_RELEASES: Final = frozenset(("2.16.1",))
"""Releases of confluent-kafka whose Consumer object is known to begin with the address of its `rd_kafka_t`."""
MAX_MESSAGES: Final = 10_000
"""Per poll."""

_orders = msgspec.json.Decoder(list[Order])


class LazyOrders(Sequence[Order]):
    """Orders that are decoded, all at once, when one of them is accessed."""

    __slots__ = ("_decoded", "_end", "_messages", "_start", "_topic_partition")

    def __init__(self, topic_partition: TopicPartition, messages: "Messages", start: int, end: int) -> None:
        self._topic_partition = topic_partition
        self._messages = messages
        self._start = start
        self._end = end
        self._decoded: list[Order] | None = None

    def __len__(self) -> int:
        return self._end - self._start

    @overload
    def __getitem__(self, index: int) -> Order: ...

    @overload
    def __getitem__(self, index: slice) -> list[Order]: ...

    def __getitem__(self, index: int | slice) -> Order | list[Order]:
        if self._decoded is None:
            self._decoded = self._decode()
        return self._decoded[index]

    def __eq__(self, other: object) -> bool:
        return self[:] == (other[:] if isinstance(other, LazyOrders) else other)

    __hash__ = None  # type: ignore[assignment]

    def _decode(self) -> list[Order]:
        messages, start, end = self._messages, self._start, self._end
        orders = _orders.decode(messages.json_array(start, end))
        if messages.all_have_ids(start, end):
            return orders
        timestamps = messages.timestamps(start, end)
        for index, order in enumerate(orders):
            if not order.order_id:
                offset = messages.offset(start + index)
                order_id = derive_order_id(self._topic_partition, offset, timestamps[index])
                orders[index] = msgspec.structs.replace(order, order_id=order_id)
        return orders


class AcceleratedBatch:
    """Messages of one partition; see `FetchedBatch`."""

    __slots__ = (
        "_messages", "all_valid", "json_array", "leader_epoch", "offset", "ordering_keys", "size", "timestamps",
        "topic_partition",
    )  # fmt: skip

    def __init__(self, topic_partition: TopicPartition, messages: "Messages") -> None:
        self.topic_partition = topic_partition
        self._messages = messages
        self.leader_epoch = messages.leader_epoch
        self.all_valid = messages.all_valid
        self.json_array = messages.json_array
        self.offset = messages.offset
        self.ordering_keys: Callable[[int, int], Collection[str]] = messages.ordering_keys
        self.size = messages.size
        self.timestamps = messages.timestamps

    def __len__(self) -> int:
        return len(self._messages)

    def orders(self, start: int, end: int) -> Sequence[Order]:
        """The orders, each with an id."""
        return LazyOrders(self.topic_partition, self._messages, start, end)

    def records(self, start: int, end: int) -> list[Record]:
        """Each record in full."""
        return [
            decode_record(self.topic_partition, offset, timestamp, key, value, tuple(headers))
            for offset, timestamp, key, value, headers in self._messages.records(start, end)
        ]


def load() -> tuple["type[Fetcher]", Path]:
    """The compiled part and the file of librdkafka. Raises ImportError where orders can't be fetched through them."""
    from orderpipeline_accelerator import Fetcher, librdkafka

    release = version("confluent-kafka")
    if release not in SUPPORTED_RELEASES:
        supported = ", ".join(sorted(SUPPORTED_RELEASES))
        raise ImportError(f"the accelerator supports confluent-kafka {supported} only, this is {release}")
    return Fetcher, librdkafka()


def add(
    fetched: Fetched,
    topic: str,
    batches: Iterable["Messages"],
    ends: Iterable[tuple[int, int]],
    errors: Iterable[tuple[int, str]],
) -> None:
    """Add what the accelerator has returned: batches; partitions and their end offsets; codes and texts of errors."""
    fetched.batches += [AcceleratedBatch(TopicPartition(topic, each.partition), each) for each in batches]
    fetched.ends += [(TopicPartition(topic, partition), offset) for partition, offset in ends]
    fetched.errors += [KafkaError(code, text) for code, text in errors]


class AcceleratedSource(FetchedByConsumer):
    """Takes what librdkafka has fetched through the accelerator; see `Source`. Raises ImportError when that is not
    possible."""

    def __init__(self, topic: str, config: Config) -> None:
        self._make_fetcher, self._library = load()
        self._topic = topic
        self._client_id = str(config["client.id"])
        self._fetcher: Fetcher | None = None

    def attach(self, consumer: Consumer) -> Controls:
        """Find the consumer's `rd_kafka_t`, which follows the header that all Python objects have."""
        address = ctypes.c_void_p.from_address(id(consumer) + object.__basicsize__).value
        self._fetcher = self._make_fetcher(self._library, address or 0, f"{self._client_id}#consumer-", self._topic)
        return super().attach(consumer)

    def prepare(self, consumer: Consumer, partitions: list[confluent_kafka.TopicPartition]) -> None:
        """From now on the messages of these partitions go to the accelerator's queue."""
        assert self._fetcher is not None
        for each in partitions:
            self._fetcher.forward(each.partition)
        super().prepare(consumer, partitions)

    def poll(self, consumer: Consumer, seconds: float) -> Fetched:
        """What is available; waits at most `seconds` for the first message."""
        assert self._fetcher is not None
        fetched = Fetched()
        event = consumer.poll(0)  # runs callbacks, and returns errors that belong to no partition
        if event is not None:
            error = event.error()
            if error is None:  # it would be neither handled nor waited for, and commits would pass it
                raise RuntimeError(f"a record of partition {event.partition()} came through the consumer's own queue")
            fetched.errors.append(error)
        batches, ends, errors = self._fetcher.fetch(MAX_MESSAGES, seconds)
        add(fetched, self._topic, batches, ends, errors)
        return fetched

    def close(self) -> None:
        """Release all messages and the queue."""
        if self._fetcher is not None:
            self._fetcher.close()
