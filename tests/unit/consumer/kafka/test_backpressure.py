"""Which partitions are paused and resumed, and when."""

from confluent_kafka import TopicPartition

from orderpipeline_consumer.kafka.backpressure import Backpressure, BackpressureLimits
from orderpipeline_consumer.processing.partition import AssignedPartition
from tests.unit.consumer.builders import orders


class Consumer:
    """Records pauses and resumes."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[int]]] = []

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.calls.append(("resume", [one.partition for one in partitions]))

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.calls.append(("pause", [one.partition for one in partitions]))


def test_pauses_and_resumes_are_repeated_every_second() -> None:
    now = [10.0]
    wide, other = (AssignedPartition(orders(number), positioned=True) for number in range(2))
    consumer, backpressure = Consumer(), Backpressure(BackpressureLimits(100, 100, 10), clock=lambda: now[0])
    backpressure.update(consumer, [wide, other])  # type: ignore[arg-type]
    assert consumer.calls == [("resume", [0, 1])]
    wide.offsets.uncommitted = 10
    backpressure.update(consumer, [wide, other])  # type: ignore[arg-type]
    assert consumer.calls[1:] == [("pause", [0])]
    now[0] = 10.9
    backpressure.update(consumer, [wide, other])  # type: ignore[arg-type]
    assert len(consumer.calls) == 2
    now[0] = 11.0
    backpressure.update(consumer, [wide, other])  # type: ignore[arg-type]
    assert consumer.calls[2:] == [("pause", [0]), ("resume", [1])]


def test_nothing_is_fetched_before_a_partition_knows_where_it_begins() -> None:
    early = AssignedPartition(orders(0))
    consumer, backpressure = Consumer(), Backpressure(BackpressureLimits(100, 100, 10), clock=lambda: 10.0)
    backpressure.update(consumer, [early])  # type: ignore[arg-type]
    early.positioned = True
    backpressure.update(consumer, [early])  # type: ignore[arg-type]
    assert consumer.calls == [("pause", [0]), ("resume", [0])]


def test_bytes_that_are_held_count_against_the_limits() -> None:
    now = [0.0]
    early = AssignedPartition(orders(0), bytes=100, positioned=True)
    consumer, backpressure = Consumer(), Backpressure(BackpressureLimits(100, 100, 10), clock=lambda: now[0])
    backpressure.update(consumer, [early])  # type: ignore[arg-type]
    assert backpressure.hold_polling
    now[0] = 0.6
    backpressure.update(consumer, [early])  # type: ignore[arg-type]
    assert consumer.calls == [("resume", [0]), ("pause", [0])]
