"""Which partitions are worth a look."""

import heapq
from collections.abc import Iterable
from typing import Final

from orderpipeline_operator.domain.lag.sample import Load

SHOWN: Final = 10
"""Partitions per pipeline that metrics show, unless all are asked for: 500 partitions would be 1,500 series."""


def busiest(loads: Iterable[Load], count: int = SHOWN) -> tuple[Load, ...]:
    """The partitions with the longest lag, of equal ones those with the highest arrival rate; at most `count`.

    Partitions without lag and arrivals are left out.
    """
    busy = (load for load in loads if load.lag or load.arrival_rate)
    return tuple(heapq.nlargest(count, busy, key=lambda load: (load.lag, load.arrival_rate, -load.partition)))
