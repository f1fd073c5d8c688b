"""What a consumer gets from the group while it leaves: partitions of others that leave, too."""

import pytest

from orderpipeline_consumer.fetching.confluent import MessageSource
from tests.unit.consumer.kafka.test_poll_loop import Group, ScriptedConsumer, assign, give, last, rest


class Closed(MessageSource):
    """Can lead nothing once it was closed, like the accelerator's queue."""

    closed = False

    def lead(self, partitions: object) -> None:
        assert not self.closed

    def close(self) -> None:
        self.closed = True


async def test_partitions_that_come_while_it_closes_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group([assign(0), rest, give(0, 5), rest])
    monkeypatch.setattr(group.intake, "_source", Closed("orders"))
    group.consumer.at_close = assign(1, 2)
    await group.play(lambda: last(group.consumer) == {0: 6})
    assert group.error is None
    assert list(group.intake._assigned) == [0]


async def test_partitions_that_come_while_the_last_commit_waits_are_not_begun() -> None:
    def leave(consumer: ScriptedConsumer) -> None:
        consumer.refuse = 2
        group.intake.stop()

    group = Group([assign(0), rest, give(0, 5), rest, leave, assign(1), give(1, 9), rest])
    await group.play()
    assert group.error is None
    assert group.world.sink.done == [5]
    assert last(group.consumer) == {0: 6}
