"""Customers chosen by the partition of their orders, so that a real cluster's partitions get unequal shares."""

from collections import deque
from collections.abc import Sequence
from itertools import accumulate, count

from orderpipeline_operator.console.kafka.murmur2 import partition_of

GOLDEN = 0.6180339887498949
"""A low-discrepancy step: every second's orders have the same shares as all of them."""


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
            self._waiting[partition_of(name.encode(), len(self._waiting))].append(name)
        return self._waiting[partition].popleft()
