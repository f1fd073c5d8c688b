"""Orders from Kafka by the accelerator: read and checked outside of Python, made into objects when they are looked at.

The consumer is confluent-kafka's in all but this: its partitions' messages go to a queue of the accelerator's."""

import ctypes
import logging
from collections.abc import Callable, Collection, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, overload

import msgspec
from confluent_kafka import Consumer, KafkaError

from orderpipeline_common.order import Order
from orderpipeline_consumer.fetching.source import Taken
from orderpipeline_consumer.records.record import Record, made_id, read

if TYPE_CHECKING:
    from orderpipeline_accelerator import Fetcher
    from orderpipeline_accelerator import Lot as Messages

log = logging.getLogger(__name__)

KNOWN: Final = frozenset(("2.16.1",))
"""Releases of confluent-kafka whose Consumer object begins with the address of its `rd_kafka_t`, as was looked up."""
FETCH: Final = 10_000
OVERHEAD: Final = 512
"""Bytes that librdkafka holds for a message beside its key and value."""

_orders = msgspec.json.Decoder(list[Order])


class Orders(Sequence[Order]):
    """Orders that are decoded all together with the first look at one of them."""

    __slots__ = ("_end", "_found", "_messages", "_start", "_topic")

    def __init__(self, topic: str, messages: "Messages", start: int, end: int) -> None:
        self._topic = topic
        self._messages = messages
        self._start = start
        self._end = end
        self._found: list[Order] | None = None

    def __len__(self) -> int:
        return self._end - self._start

    @overload
    def __getitem__(self, place: int) -> Order: ...

    @overload
    def __getitem__(self, place: slice) -> list[Order]: ...

    def __getitem__(self, place: int | slice) -> Order | list[Order]:
        if self._found is None:
            self._found = self._decode()
        return self._found[place]

    def __eq__(self, other: object) -> bool:
        return self[:] == (other[:] if isinstance(other, Orders) else other)

    __hash__ = None  # type: ignore[assignment]

    def _decode(self) -> list[Order]:
        messages, start, end = self._messages, self._start, self._end
        found = _orders.decode(messages.array(start, end))
        if messages.named(start, end):
            return found
        placed = messages.timestamps(start, end)
        for place, order in enumerate(found):
            if not order.order_id:
                offset = messages.offset(start + place)
                identity = made_id(self._topic, messages.partition, offset, placed[place])
                found[place] = msgspec.structs.replace(order, order_id=identity)
        return found


class NativeLot:
    """Messages of one partition; see `Lot`."""

    __slots__ = ("_messages", "_topic", "array", "customers", "offset", "plain", "timestamps")

    def __init__(self, topic: str, messages: "Messages") -> None:
        self._topic = topic
        self._messages = messages
        self.array = messages.array
        self.customers: Callable[[int, int], Collection[str]] = messages.customers
        self.offset = messages.offset
        self.plain = messages.plain
        self.timestamps = messages.timestamps

    def __len__(self) -> int:
        return len(self._messages)

    def size(self, start: int, end: int) -> int:
        """Bytes in librdkafka's memory."""
        return self._messages.size(start, end) + (end - start) * OVERHEAD

    def orders(self, start: int, end: int) -> Sequence[Order]:
        """The orders, each with an id."""
        return Orders(self._topic, self._messages, start, end)

    def records(self, start: int, end: int) -> list[Record]:
        """All that there is to know about each."""
        partition = self._messages.partition
        return [
            read(self._topic, partition, offset, placed, key, value, tuple(headers))
            for offset, placed, key, value, headers in self._messages.records(start, end)
        ]


class NativeSource:
    """Takes messages by the accelerator; see `Source`. Raises ImportError when it can't."""

    def __init__(self, topic: str, client_id: str) -> None:
        import orderpipeline_accelerator as accelerator

        release = version("confluent-kafka")
        if release not in KNOWN:
            raise ImportError(f"it knows confluent-kafka {', '.join(sorted(KNOWN))} only, this is {release}")
        self._make = accelerator.Fetcher
        self._library = accelerator.librdkafka()
        self._topic = topic
        self._client_id = client_id
        self._fetcher: Fetcher | None = None

    def attach(self, consumer: Consumer) -> None:
        """Find the consumer's `rd_kafka_t`, which follows the head that all objects have."""
        address = ctypes.c_void_p.from_address(id(consumer) + object.__basicsize__).value
        self._fetcher = self._make(self._library, address or 0, f"{self._client_id}#consumer-", self._topic)

    def lead(self, partitions: Collection[int]) -> None:
        """From now on what these bring comes by the accelerator's queue."""
        assert self._fetcher is not None
        for number in partitions:
            self._fetcher.lead(number)

    def take(self, consumer: Consumer, seconds: float) -> Taken:
        """What has come, within `seconds` for the first message."""
        assert self._fetcher is not None
        taken = Taken()
        event = consumer.poll(0)  # callbacks, and errors that are of no partition
        if event is not None:
            trouble = event.error()
            if trouble is None:  # it would be neither handled nor waited for, and commits would pass it
                raise RuntimeError(f"a record of partition {event.partition()} came by the consumer's own queue")
            taken.errors.append(trouble)
        lots, ends, errors = self._fetcher.fetch(FETCH, seconds)
        taken.lots = [(lot.partition, NativeLot(self._topic, lot)) for lot in lots]
        taken.ends = ends
        taken.errors += [KafkaError(code, text) for code, text in errors]
        return taken

    def close(self) -> None:
        """Give back all messages and the queue."""
        if self._fetcher is not None:
            self._fetcher.close()
