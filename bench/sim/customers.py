"""Customers chosen by the partition of their orders, so that a real cluster's partitions get unequal shares."""

from collections import deque
from collections.abc import Sequence
from itertools import accumulate, count

GOLDEN = 0.6180339887498949
"""A low-discrepancy step: every second's orders have the same shares as all of them."""


def murmur2(key: bytes) -> int:
    """The hash by which Kafka's Java clients and our producers choose a key's partition, as unsigned 32 bits."""
    mixed = 0x9747B28C ^ len(key)
    whole = len(key) & ~3
    for at in range(0, whole, 4):
        part = int.from_bytes(key[at : at + 4], "little") * 0x5BD1E995 & 0xFFFFFFFF
        part = (part ^ part >> 24) * 0x5BD1E995 & 0xFFFFFFFF
        mixed = mixed * 0x5BD1E995 & 0xFFFFFFFF ^ part
    if whole < len(key):
        mixed = (mixed ^ int.from_bytes(key[whole:], "little")) * 0x5BD1E995 & 0xFFFFFFFF
    mixed = (mixed ^ mixed >> 13) * 0x5BD1E995 & 0xFFFFFFFF
    return mixed ^ mixed >> 15


def partition_of(customer: str, partitions: int) -> int:
    """The partition of a customer's orders."""
    return (murmur2(customer.encode()) & 0x7FFFFFFF) % partitions


class Customers:
    """An endless supply of distinct customers in which each partition gets its share; `shares` add up to 1."""

    def __init__(self, shares: Sequence[float]) -> None:
        self._edges = list(accumulate(shares))
        self._waiting: list[deque[str]] = [deque() for _ in shares]
        self._names = map("customer-{}".format, count())
        self._place = 0.0

    def next(self, number: int) -> list[str]:
        """The next `number` customers."""
        return [self._customer_of(self._next_partition()) for _ in range(number)]

    def _next_partition(self) -> int:
        self._place = (self._place + GOLDEN) % 1.0
        return next((n for n, edge in enumerate(self._edges) if self._place < edge), len(self._edges) - 1)

    def _customer_of(self, partition: int) -> str:
        while not self._waiting[partition]:
            name = next(self._names)
            self._waiting[partition_of(name, len(self._waiting))].append(name)
        return self._waiting[partition].popleft()
