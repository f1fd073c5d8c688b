"""Real purchases through the whole system; see tests/e2e/orders.py for the steps."""

import math
from collections.abc import Iterator

import pytest

from tests.e2e import orders
from tests.e2e.cluster import Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def result(cluster: Cluster) -> Iterator[orders.Result]:
    yield orders.run(cluster)
    cluster.apply("examples/shop.yaml")


def test_every_purchase_is_committed_once_and_in_order(result: orders.Result) -> None:
    assert result.orders_sent == 69_659
    assert result.orders_committed == 69_659
    assert (result.lost, result.duplicates, result.out_of_order) == (0, 0, 0)


def test_counts_and_sums_per_customer_are_the_files_to_the_cent(result: orders.Result) -> None:
    assert result.customers_with_wrong_sum == 0


def test_consumers_went_up_to_the_ladder_and_back(result: orders.Result) -> None:
    assert result.consumers_min == 1
    assert math.ceil(result.partitions / 3) <= result.consumers_max <= math.ceil(result.partitions / 2)


def test_a_consumer_was_killed_on_the_way(result: orders.Result) -> None:
    assert result.killed_pod.startswith("shop-consumer-")
