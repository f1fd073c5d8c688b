"""Customers by partition."""

from collections import Counter

import pytest

from bench.sim.cluster import SHARES
from bench.sim.customers import Customers
from orderpipeline_operator.console.kafka.murmur2 import partition_of


def test_each_partition_gets_its_share_and_no_customer_repeats() -> None:
    customers = Customers(SHARES).next(9600)
    assert len(set(customers)) == 9600
    counts = Counter(partition_of(one.encode(), len(SHARES)) for one in customers)
    for partition, share in enumerate(SHARES):
        assert counts[partition] == pytest.approx(9600 * share, abs=3)
    assert sum(SHARES) == pytest.approx(1.0)
