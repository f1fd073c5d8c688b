"""Rates from successive readings of offsets."""

from orderpipeline_embedded.run.rates import KEPT, Point, Rate, add, history, point, rate
from orderpipeline_operator.domain.lag.sample import Group, PartitionOffsets, Reading


def test_a_point_sums_partitions_and_counts_orders_lost_to_retention_as_handled() -> None:
    partitions = {0: PartitionOffsets(0, 100, 40), 1: PartitionOffsets(50, 60, None), 2: PartitionOffsets(30, 70, 10)}
    assert point(5.0, Reading("t", partitions, Group("Stable", 1)), "earliest") == Point(5.0, "t", 230, 120)


def test_the_rate_covers_the_window() -> None:
    points = tuple(Point(2.0 * n, "t", n * n, n) for n in range(6))
    assert rate(points) == Rate((25 - 4) / 6, (5 - 2) / 6)
    assert rate(points[:2]) == Rate(0.5, 0.5)
    assert rate(points[:1]) is None
    assert history(points[:3]) == (Rate(0.5, 0.5), Rate(1.5, 0.5))


def test_offsets_that_go_back_are_not_a_negative_rate() -> None:
    assert rate((Point(0.0, "t", 10, 10), Point(1.0, "t", 12, 4))) == Rate(2.0, 0.0)


def test_the_points_of_a_recreated_topic_are_dropped() -> None:
    assert add((Point(0.0, "old", 5, 5),), Point(1.0, "new", 0, 0)) == (Point(1.0, "new", 0, 0),)
    points: tuple[Point, ...] = ()
    for n in range(KEPT + 10):
        points = add(points, Point(float(n), "t", n, n))
    assert (len(points), points[-1].written) == (KEPT, KEPT + 9)
