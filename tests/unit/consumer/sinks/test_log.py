"""Which orders the log sink prints."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_consumer.records.batch import BatchSlice
from orderpipeline_consumer.records.record import Record
from orderpipeline_consumer.sinks.base import Batch, PartitionLease
from orderpipeline_consumer.sinks.log import FIRST, LogSink, Sample
from tests.unit.consumer.builders import RecordBatch, orders, record


class Clock:
    """Time that stands still unless it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Fetched(RecordBatch):
    """A fetched batch that knows whether its records were decoded."""

    decoded = False

    def records(self, start: int, end: int) -> list[Record]:
        self.decoded = True
        return super().records(start, end)


async def handle(sink: LogSink, batch: Fetched) -> None:
    records = BatchSlice(batch, 0, len(batch))
    await sink.handle(Batch(orders(0), records, lambda: pytest.fail("no position is stored"), PartitionLease()))


def batch(count: int) -> Fetched:
    return Fetched([record(offset) for offset in range(count)])


async def test_the_first_orders_of_a_second_are_printed_and_then_one_of_many(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    sink = LogSink(100, clock)
    for clock.now in (0.0, 0.9, 1.9):
        await handle(sink, batch(150))
    printed = [(vars(each)["orders"], vars(each)["order_id"]) for each in caplog.records]
    first = [(number, f"o{number - 1}") for number in range(1, 11)]
    later = [(300 + number, order_id) for number, order_id in [*first, (110, "o109")]]
    assert printed == [*first, (110, "o109"), (210, "o59"), *later]


async def test_every_order_is_printed_on_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await handle(LogSink(1, Clock()), batch(250))
    assert [vars(each)["offset"] for each in caplog.records] == list(range(250))


async def test_orders_that_are_not_printed_are_not_decoded() -> None:
    sink, first, second = LogSink(1000, Clock()), batch(50), batch(50)
    await handle(sink, first)
    await handle(sink, second)
    assert (first.decoded, second.decoded) == (True, False)


@given(st.lists(st.integers(1, 60), max_size=20), st.integers(1, 25))
def test_how_orders_are_cut_into_batches_does_not_matter(batches: list[int], every: int) -> None:
    sample, before, printed = Sample(every, Clock()), 0, list[int]()
    for count in batches:
        printed += [before + index for index in sample.take(count)]
        before += count
    assert sample.total == before
    assert printed == [at for at in range(before) if at < FIRST or (at + 1 - FIRST) % every == 0]
