"""Customers by the partition that their orders come to: what makes a trace's partitions unlike on a real cluster."""

from collections import deque
from collections.abc import Sequence
from itertools import accumulate, count

GOLDEN = 0.6180339887498949
"""A step that never comes back to the same place: shares are kept in a second's orders as in all of them."""


def murmur2(key: bytes) -> int:
    """The hash by which Kafka's Java clients, and our producers, choose a key's partition: unsigned 32 bits."""
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
    """Where a customer's orders go."""
    return (murmur2(customer.encode()) & 0x7FFFFFFF) % partitions


class Customers:
    """New customers, no one twice, such that each partition gets its share of them. `shares` sum up to 1."""

    def __init__(self, shares: Sequence[float]) -> None:
        self._edges = list(accumulate(shares))
        self._waiting: list[deque[str]] = [deque() for _ in shares]
        self._names = map("customer-{}".format, count())
        self._place = 0.0

    def take(self, number: int) -> list[str]:
        """So many customers."""
        return [self._one(self._next()) for _ in range(number)]

    def _next(self) -> int:
        self._place = (self._place + GOLDEN) % 1.0
        return next((n for n, edge in enumerate(self._edges) if self._place < edge), len(self._edges) - 1)

    def _one(self, partition: int) -> str:
        while not self._waiting[partition]:
            name = next(self._names)
            self._waiting[partition_of(name, len(self._waiting))].append(name)
        return self._waiting[partition].popleft()
