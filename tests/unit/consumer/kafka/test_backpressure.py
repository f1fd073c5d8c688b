"""What the client is told to pause and to resume."""

from confluent_kafka import TopicPartition

from orderpipeline_consumer.kafka.backpressure import Bounds, Flow
from orderpipeline_consumer.processing.partition import Partition


class Consumer:
    """Notes what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, list[int]]] = []

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.told.append(("resume", [one.partition for one in partitions]))

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.told.append(("pause", [one.partition for one in partitions]))


def test_what_is_paused_and_what_is_not_is_told_again_each_second() -> None:
    now = [10.0]
    wide, other = Partition(0), Partition(1)
    consumer, flow = Consumer(), Flow("orders", Bounds(100, 100, 10), clock=lambda: now[0])
    flow.steer(consumer, [wide, other])  # type: ignore[arg-type]
    assert consumer.told == [("resume", [0, 1])]
    wide.offsets.span = 10
    flow.steer(consumer, [wide, other])  # type: ignore[arg-type]
    assert consumer.told[1:] == [("pause", [0])]
    now[0] = 10.9
    flow.steer(consumer, [wide, other])  # type: ignore[arg-type]
    assert len(consumer.told) == 2
    now[0] = 11.0
    flow.steer(consumer, [wide, other])  # type: ignore[arg-type]
    assert consumer.told[2:] == [("pause", [0]), ("resume", [1])]


def test_what_came_before_the_claim_fills_the_house() -> None:
    now = [0.0]
    early = Partition(0, bytes=100)
    consumer, flow = Consumer(), Flow("orders", Bounds(100, 100, 10), clock=lambda: now[0])
    flow.steer(consumer, [early])  # type: ignore[arg-type]
    assert flow.waiting
    now[0] = 0.6
    flow.steer(consumer, [early])  # type: ignore[arg-type]
    assert consumer.told == [("resume", [0]), ("pause", [0])]
