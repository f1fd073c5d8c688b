"""The dispatcher with a sink that the test controls: drains, fences, dead letters, what a commit may pass."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from orderpipeline_common.contract import Header, Metric
from orderpipeline_consumer.errors import FencedError, PermanentError, UnavailableError, WentBackError
from orderpipeline_consumer.processing import dispatcher, leases
from orderpipeline_consumer.processing.partition import AssignedPartition
from orderpipeline_consumer.processing.start import LogState, Start
from orderpipeline_consumer.records.batch import BatchSlice
from orderpipeline_consumer.records.commit import Commit
from orderpipeline_consumer.records.completed import Completed
from orderpipeline_consumer.records.log_position import LogPosition
from orderpipeline_consumer.records.record import Headers, Record
from orderpipeline_consumer.sinks.base import Batch, PartitionLease
from tests.unit.consumer.builders import entries, orders, record
from tests.unit.consumer.dispatcher_harness import DispatcherHarness, FlakyDeadLetters


async def test_workers_limit_concurrency_and_everything_completes() -> None:
    harness = DispatcherHarness()
    harness.sink.gate.clear()
    await harness.receive(*[record(n, f"c{n}") for n in range(100)])
    await harness.until(lambda: harness.sink.running == 3)
    harness.sink.gate.set()
    await harness.until(lambda: harness.partition.offsets.position == 100)
    assert harness.sink.max_running == 3
    assert (harness.partition.open, harness.partition.bytes) == (0, 0)
    assert harness.sink.positions[-1] == 100


async def test_what_is_open_is_counted_weighed_and_dated(monkeypatch: pytest.MonkeyPatch) -> None:
    harness, now = DispatcherHarness(workers=1, batch_size=1), [100.0]
    monkeypatch.setattr(dispatcher, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def value(name: str) -> float | None:
        return harness.metrics.registry.get_sample_value(name)

    assert value(Metric.ORDERS_OPEN_AGE_SECONDS) == value(Metric.ORDERS_OPEN_BYTES) == 0
    harness.sink.gate.clear()
    await harness.receive(record(0, "a"))
    now[0] = 107.0
    await harness.receive(record(1, "b"))
    now[0] = 110.0
    assert value(Metric.ORDERS_OPEN) == 2
    assert value(Metric.ORDERS_OPEN_BYTES) == harness.partition.bytes > 0
    assert value(Metric.ORDERS_OPEN_AGE_SECONDS) == 10.0
    harness.sink.gate.set()
    await harness.until(lambda: harness.partition.offsets.position == 2)
    assert value(Metric.ORDERS_OPEN_AGE_SECONDS) == value(Metric.ORDERS_OPEN_BYTES) == 0


async def test_a_drain_finishes_what_was_started_and_drops_the_rest() -> None:
    harness = DispatcherHarness()
    harness.sink.gate.clear()
    await harness.receive(*[record(n, f"c{n}") for n in range(50)])
    await harness.until(lambda: harness.sink.running == 3)
    drain = asyncio.create_task(harness.dispatcher.drain([harness.partition], 5))
    await asyncio.sleep(0.01)
    assert not drain.done()
    harness.dispatcher.receive(harness.partition, entries(record(50), 60))
    harness.sink.gate.set()
    await drain
    assert sorted(harness.sink.done) == list(range(12))
    assert harness.partition.offsets.position == 12, "neither late records nor the partition's end may move it"


async def test_a_drain_has_a_time_limit_and_cancelled_orders_are_not_complete() -> None:
    harness = DispatcherHarness()
    harness.sink.gate.clear()
    await harness.receive(record(0), record(1, "other"))
    await harness.dispatcher.drain([harness.partition], 0.02)
    harness.sink.gate.set()
    await asyncio.sleep(0.01)
    assert harness.sink.done == []
    assert harness.partition.offsets.position == 0
    assert not harness.failures


async def test_a_drain_does_not_wait_for_retries() -> None:
    harness = DispatcherHarness()

    def respond(records: Sequence[Record]) -> None:
        raise UnavailableError("down")

    harness.sink.respond = respond
    await harness.receive(record(0))
    await harness.until(lambda: "sink" in harness.degradations.summary())
    async with asyncio.timeout(60):
        await harness.dispatcher.drain([harness.partition], 100)
    assert harness.partition.offsets.position == 0


async def test_results_of_an_earlier_assignment_do_not_affect_a_later_one() -> None:
    harness = DispatcherHarness()
    harness.sink.gate.clear()
    await harness.receive(record(0))
    old, harness.partition = harness.partition, AssignedPartition(orders(0), log=LogState("id", 0, 10))
    await harness.dispatcher.remove([old])
    await harness.receive(record(0), record(1))
    harness.sink.gate.set()
    await harness.until(lambda: harness.partition.offsets.position == 2)
    assert old.offsets.position == 0


async def test_a_fence_is_a_failure_while_the_partition_is_assigned() -> None:
    harness = DispatcherHarness()

    def respond(records: Sequence[Record]) -> None:
        raise FencedError("epoch 2")

    harness.sink.respond = respond
    await harness.receive(record(0))
    await harness.until(lambda: bool(harness.failures))
    assert isinstance(harness.failures[0], FencedError)
    assert harness.partition.offsets.position == 0


async def test_dead_letters_are_retried_until_safe_and_the_position_waits() -> None:
    dead_letters = FlakyDeadLetters(failures=2)
    harness = DispatcherHarness(dead_letters)

    def respond(records: Sequence[Record]) -> None:
        if any(one.offset == 1 for one in records):
            raise PermanentError("bad")

    harness.sink.respond = respond
    seen: list[int | None] = []
    send = dead_letters.send

    async def noting(one: Record, headers: Headers) -> None:
        seen.append(harness.partition.offsets.position)
        await send(one, headers)

    dead_letters.send = noting  # type: ignore[method-assign]
    await harness.receive(record(0), record(1), record(2), record(3, "d", invalid=True))
    await harness.until(lambda: harness.partition.offsets.position == 4)
    assert set(seen[:3]) <= {0, 1}
    assert sorted(offset for offset, _ in dead_letters.sent) == [1, 3]
    assert sorted(harness.sink.done) == [0, 2]
    headers = dict(dict(dead_letters.sent)[1])
    assert headers[Header.ERROR] == b"PermanentError: bad"
    assert headers[Header.ORIGIN_OFFSET] == b"1"
    assert harness.degradations.summary() == ""


async def test_what_the_sink_has_stored_decides_where_to_begin_but_drops_nothing() -> None:
    harness = DispatcherHarness()
    harness.sink.lease = PartitionLease(LogPosition(3, 1), epoch=2, stores_positions=True)
    await harness.receive()
    assert harness.partition.start == Start(LogPosition(3, 1))
    await harness.receive(*[record(n) for n in range(5)], 5)
    await harness.until(lambda: harness.partition.offsets.position == 5)
    assert harness.sink.done == [0, 1, 2, 3, 4], "offsets below 3 are those of a log that went back"
    assert harness.restarts("truncated") == 1


async def test_a_gap_stops_the_partition_and_shows_until_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "GAP_SECONDS", 0.01)
    harness = DispatcherHarness()
    harness.partition.log = LogState("id", 10, 20)
    harness.sink.lease = PartitionLease(LogPosition(7), epoch=2, stores_positions=True)
    harness.dispatcher.assign(harness.partition)
    await harness.until(lambda: harness.partition.restart != "")
    assert "offsets 7 to 9 of orders/0" in harness.degradations.summary()
    await harness.dispatcher.remove([harness.partition])
    assert harness.partition.start is None
    assert harness.degradations.summary(), "it is assigned anew, so readiness does not flicker"
    harness.sink.lease = PartitionLease(LogPosition(10), epoch=3, stores_positions=True)
    harness.partition = AssignedPartition(orders(0), log=LogState("id", 10, 20))
    await harness.receive()
    assert harness.degradations.summary() == ""


async def test_a_database_that_goes_back_gives_the_partition_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def respond(records: Sequence[Record]) -> None:
        raise WentBackError("restored")

    harness = DispatcherHarness()
    harness.sink.respond = respond
    await harness.receive(record(0), record(1))
    await harness.until(lambda: harness.partition.restart == "restored")
    assert (harness.failures, harness.partition.offsets.position) == ([], 0)

    monkeypatch.setattr(leases, "VERIFY_SECONDS", 0.01)
    harness = DispatcherHarness()
    harness.sink.lease = PartitionLease(epoch=2, stores_positions=True)
    harness.sink.lost = WentBackError("restored while nothing arrives")
    await harness.receive()
    await harness.until(lambda: harness.partition.restart == "restored while nothing arrives")


async def test_a_recreated_log_is_read_from_its_start() -> None:
    harness = DispatcherHarness()
    await harness.receive(record(7), record(8))
    await harness.until(lambda: harness.partition.offsets.position == 9)
    await harness.receive(record(0), record(1))
    await harness.until(lambda: harness.partition.offsets.position == 2)
    assert harness.sink.done == [7, 8, 0, 1]


async def test_failures_of_an_earlier_log_do_not_affect_the_new_one() -> None:
    harness = DispatcherHarness()
    harness.sink.gate.clear()
    failed: list[int] = []

    def respond(records: Sequence[Record]) -> None:
        failed.append(records[0].offset)
        raise UnavailableError("down")

    harness.sink.respond = respond
    await harness.receive(record(1, "a"), record(2, "a"))
    await harness.until(lambda: harness.sink.running == 1)
    harness.dispatcher.receive(harness.partition, entries(record(0, "a"), record(1, "a")))
    harness.sink.gate.set()
    await harness.until(lambda: 1 in failed)
    await asyncio.sleep(0.02)
    assert harness.partition.open == 2
    harness.sink.respond = lambda _: None
    await harness.until(lambda: harness.partition.offsets.position == 2)
    assert harness.sink.done == [0, 1]
    assert (harness.partition.open, harness.partition.bytes) == (0, 0)


async def test_nothing_is_retried_after_a_drain() -> None:
    harness = DispatcherHarness()

    def respond(records: Sequence[Record]) -> None:
        raise UnavailableError("down")

    harness.sink.respond = respond
    await harness.receive(record(0))
    await harness.until(lambda: "sink" in harness.degradations.summary())
    await harness.dispatcher.drain([harness.partition], 1)
    begun = len(harness.sink.started)
    await asyncio.sleep(0.05)
    assert len(harness.sink.started) == begun, "it would run beside the partition's next owner"


async def test_during_a_drain_the_end_offset_does_not_pass_dropped_records() -> None:
    harness = DispatcherHarness()
    await harness.receive(record(0))
    await harness.until(lambda: harness.partition.offsets.position == 1)
    await harness.dispatcher.drain([harness.partition], 1)
    harness.dispatcher.receive(harness.partition, entries(record(1), 2))
    assert harness.partition.offsets.position == 1


async def test_an_order_that_succeeds_late_comes_before_its_customers_later_ones() -> None:
    harness = DispatcherHarness(FlakyDeadLetters())
    tries = 0

    def respond(records: Sequence[Record]) -> None:
        nonlocal tries
        if any(one.offset == 1 for one in records):
            tries += 1
            if tries < 5:
                raise ValueError("not yet")

    harness.sink.respond = respond
    await harness.receive(*[record(n) for n in range(4)])
    await harness.until(lambda: harness.partition.offsets.position == 4)
    assert harness.sink.done == [0, 1, 2, 3]
    assert harness.partition.attempts == {}


async def test_a_handler_that_never_waits_gets_whole_batches_and_does_not_block_the_loop() -> None:
    harness = DispatcherHarness(batch_size=3)
    whole: list[bool] = []
    handle = harness.sink.handle

    async def noting(batch: Batch) -> None:
        whole.append(isinstance(batch.records, BatchSlice))
        await handle(batch)

    harness.sink.handle = noting  # type: ignore[method-assign]
    await harness.receive(*[record(n, f"c{n}") for n in range(3000)], 3001)
    turns = 0
    while harness.partition.offsets.position != 3001:
        await asyncio.sleep(0)
        turns += 1
    assert all(whole)
    assert len(whole) == 1000
    assert turns > 1
    assert (harness.partition.open, harness.partition.bytes, harness.partition.running) == (0, 0, 0)


async def test_without_concurrent_batches_a_partition_has_one_in_flight() -> None:
    harness = DispatcherHarness(concurrent_batches=False)
    harness.sink.gate.clear()
    await harness.receive(*[record(n, f"c{n}") for n in range(20)])
    await harness.until(lambda: harness.sink.running == 1)
    await asyncio.sleep(0.01)
    assert harness.sink.running == 1
    harness.sink.gate.set()
    await harness.until(lambda: harness.partition.offsets.position == 20)
    assert (harness.sink.max_running, harness.sink.done) == (1, list(range(20)))


async def test_a_sink_that_takes_more_at_a_time_gets_all_that_waits() -> None:
    harness = DispatcherHarness(batch_size=3, batch_orders=15, concurrent_batches=False)
    sizes: list[int] = []
    harness.sink.respond = lambda records: sizes.append(len(records))
    await harness.receive(*[record(n, f"c{n}") for n in range(20)])
    await harness.until(lambda: harness.partition.offsets.position == 20)
    assert (sizes, harness.sink.done) == ([15, 5], list(range(20)))


async def test_what_was_done_behind_a_failing_order_is_not_handled_again_by_the_next_owner() -> None:
    def respond(records: Sequence[Record]) -> None:
        if any(one.offset == 2 for one in records):
            raise ValueError("not yet")

    harness = DispatcherHarness(batch_size=3)
    harness.sink.respond = respond
    many = [record(n, f"c{n % 7}") for n in range(50)]
    await harness.receive(*many)
    await harness.until(lambda: len(harness.sink.done) == 43)
    assert harness.partition.offsets.position == 2
    done = harness.partition.completed_from(2)
    assert done is not None

    later = DispatcherHarness(batch_size=3)
    commit = Commit(LogPosition(2, 3), "id", done=done)
    later.partition.log = LogState("id", 0, 10**6, commit)
    await later.receive(*many[2:], 50)
    await later.until(lambda: later.partition.offsets.position == 50)
    assert later.sink.done == list(range(2, 50, 7)), "the customer whose order failed"
    assert (later.partition.open, later.partition.bytes) == (0, 0)


async def test_of_a_sink_that_stores_positions_the_next_owner_repeats_all_but_the_dead_letters() -> None:
    def respond(records: Sequence[Record]) -> None:
        if any(one.offset == 2 for one in records):
            raise ValueError("not yet")
        if any(one.offset in (5, 9) for one in records):
            raise PermanentError("never")

    harness = DispatcherHarness(dead := FlakyDeadLetters(), batch_size=3, concurrent_batches=False, attempts=10**6)
    harness.sink.lease = PartitionLease(stores_positions=True)
    harness.sink.respond = respond
    many = [record(n, f"c{n}") for n in range(20)]
    await harness.receive(*many)
    await harness.until(lambda: len(harness.sink.done) == 17 and len(dead.sent) == 2)
    done = harness.partition.completed_from(2)
    assert done is not None
    assert done.ranges == ((5, 5), (9, 9)), "the database may go back, dead letters do not"

    later = DispatcherHarness(dead := FlakyDeadLetters(), batch_size=3, concurrent_batches=False)
    later.sink.lease = PartitionLease(LogPosition(2, 3), stores_positions=True)
    later.partition.log = LogState("id", 0, 10**6, Commit(LogPosition(2, 3), "id", stored=2, done=done))
    await later.receive(*many[2:], 20)
    await later.until(lambda: later.partition.offsets.position == 20)
    assert later.sink.done == [n for n in range(2, 20) if n not in (5, 9)]
    assert dead.sent == []


async def test_what_was_done_in_an_earlier_log_is_handled_though_it_has_the_same_offsets() -> None:
    harness = DispatcherHarness()
    commit = Commit(LogPosition(2, 2), "id", done=Completed(2, ((3, 9),)))
    harness.partition.log = LogState("id", 0, 10**6, commit)
    await harness.receive(*[record(n) for n in range(2, 10)])
    await harness.until(lambda: harness.partition.offsets.position == 10)
    assert harness.sink.done == list(range(2, 10))
