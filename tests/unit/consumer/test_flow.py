"""Where partitions go on when the sink is ahead of the commits."""

import time

from confluent_kafka import TopicPartition

from orderpipeline_consumer.flow import Bounds, Flow
from orderpipeline_consumer.partition import Partition
from orderpipeline_consumer.sinks.base import Claim


class Consumer:
    """Says what is committed, and notes what it was told."""

    def __init__(self, committed: dict[int, int]) -> None:
        self._committed = committed
        self.asked = 0
        self.sought: dict[int, int] = {}
        self.resumed: set[int] = set()

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        self.asked += 1
        return [TopicPartition("orders", one.partition, self._committed[one.partition]) for one in partitions]

    def seek(self, place: TopicPartition) -> None:
        assert place.partition not in self.resumed, "else what was fetched before comes first"
        self.sought[place.partition] = place.offset

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.resumed |= {one.partition for one in partitions}


def test_all_partitions_that_the_sink_is_ahead_of_are_asked_for_at_once() -> None:
    positions = {0: 5, 1: 7, 2: 9, 3: None}
    partitions = [Partition(n, paused=True, claim=Claim(position=at)) for n, at in positions.items()]
    consumer = Consumer({0: -1001, 1: 7, 2: 3})
    flow = Flow("orders", Bounds(100, 100, 100), clock=time.monotonic)
    flow.steer(consumer, partitions)  # type: ignore[arg-type]
    assert consumer.asked == 1
    assert consumer.sought == {0: 5, 2: 9}
    assert consumer.resumed == set(positions)
    flow.steer(consumer, partitions)  # type: ignore[arg-type]
    assert consumer.asked == 1
