"""Customers by partition."""

from collections import Counter

import pytest

from bench.sim.cluster import SHARES
from bench.sim.customers import Customers, murmur2, partition_of


@pytest.mark.parametrize(
    ("key", "signed"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536), (b"abc", 479470107)],
)
def test_the_hash_is_that_of_kafka_s_clients(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed & 0xFFFFFFFF


def test_each_partition_gets_its_share_and_no_customer_repeats() -> None:
    customers = Customers(SHARES).next(9600)
    assert len(set(customers)) == 9600
    counts = Counter(partition_of(one, len(SHARES)) for one in customers)
    for partition, share in enumerate(SHARES):
        assert counts[partition] == pytest.approx(9600 * share, abs=3)
    assert sum(SHARES) == pytest.approx(1.0)
