"""Records, messages and batches for the consumer's unit tests."""

from collections.abc import Collection, Sequence
from itertools import pairwise

from orderpipeline_common.order import Order
from orderpipeline_consumer.records.batch import Entry
from orderpipeline_consumer.records.record import Record
from orderpipeline_consumer.records.topic_partition import TopicPartition

ORDER = b'{"customer_id":"c","product_id":"p","quantity":1,"amount":0.1,"order_id":"o","more":[1]}'
ORDER_WITHOUT_ID = b'{"customer_id":"c","product_id":"p","quantity":1,"amount":0.1}'


def orders(partition: int) -> TopicPartition:
    """A partition of the topic `orders`."""
    return TopicPartition("orders", partition)


def record(offset: int, customer: str = "c", *, product: str = "p", invalid: bool = False) -> Record:
    """A record at `offset` of partition 0; an invalid one holds no order."""
    order = None if invalid else Order(customer, product, 1, 1.5, f"o{offset}")
    value = b"?" if invalid else b'{"amount":1.5}'
    return Record(orders(0), offset, 1000 + offset, customer.encode(), value, (), order, "bad" if invalid else "")


class Message:
    """A message of the Kafka client, from partition 3."""

    def __init__(
        self,
        value: bytes | None,
        key: bytes | None = b"k",
        headers: list[tuple[str, bytes]] | None = None,
        offset: int = 42,
    ) -> None:
        self._value, self._key, self._headers, self._offset = value, key, headers, offset

    def partition(self) -> int:
        return 3

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return (1, 1700)

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> object:
        return self._headers

    def leader_epoch(self) -> int | None:
        return 3


class RecordBatch:
    """A fetched batch of records that are already decoded."""

    topic_partition = orders(0)

    leader_epoch = 3

    def __init__(self, records: Sequence[Record]) -> None:
        assert all(one.offset < other.offset for one, other in pairwise(records))
        self._records = list(records)

    def __len__(self) -> int:
        return len(self._records)

    def offset(self, index: int) -> int:
        return self._records[index].offset

    def size(self, start: int, end: int) -> int:
        return sum(one.size // 2 for one in self._records[start:end])

    def all_valid(self, start: int, end: int) -> bool:
        return all(one.order is not None for one in self._records[start:end])

    def ordering_keys(self, start: int, end: int) -> Collection[str]:
        return {one.ordering_key for one in self._records[start:end]}

    def orders(self, start: int, end: int) -> Sequence[Order]:
        return [one.order for one in self._records[start:end] if one.order is not None]

    def json_array(self, start: int, end: int) -> bytes:
        return b"[" + b",".join(one.value or b"" for one in self._records[start:end]) + b"]"

    def timestamps(self, start: int, end: int) -> list[int]:
        return [one.timestamp for one in self._records[start:end]]

    def records(self, start: int, end: int) -> list[Record]:
        return self._records[start:end]


def entries(*items: Record | int) -> list[Entry]:
    """Records and end offsets as the dispatcher receives them."""
    found: list[Entry] = []
    records: list[Record] = []
    for item in [*items, -1]:
        if not isinstance(item, int):
            records.append(item)
            continue
        if records:
            found.append(RecordBatch(records))
            records = []
        if item >= 0:
            found.append(item)
    return found
