"""The engine beside a sink that the test steers: drains, fences, dead letters, what a commit may pass."""

import asyncio
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry

from orderpipeline_common.contract import Header
from orderpipeline_consumer.degradations import Troubles
from orderpipeline_consumer.errors import FencedError, PermanentError, UnavailableError
from orderpipeline_consumer.metrics import Metrics
from orderpipeline_consumer.processing.backoff import Backoff
from orderpipeline_consumer.processing.dispatcher import Engine
from orderpipeline_consumer.processing.handling import Policy
from orderpipeline_consumer.processing.partition import Partition
from orderpipeline_consumer.records.batch import Part
from orderpipeline_consumer.records.record import Headers, Record
from orderpipeline_consumer.sinks.base import Batch, Claim
from tests.support.waiting import settles
from tests.unit.consumer.parts import lots, record


class SteeredSink:
    """Waits for `gate`, then does what `answer` says; notes what it was given."""

    side_by_side = True

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.answer: Callable[[Sequence[Record]], None] = lambda _: None
        self.begun: list[int] = []
        self.done: list[int] = []
        self.positions: list[int | None] = []
        self.running = self.most = 0
        self.claimed = Claim()

    async def claim(self, partition: int) -> Claim:
        return self.claimed

    async def handle(self, batch: Batch) -> None:
        self.begun += [one.offset for one in batch.records]
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
            self.answer(batch.records)
        finally:
            self.running -= 1
        self.positions.append(batch.position())
        self.done += [one.offset for one in batch.records]

    async def close(self) -> None: ...


class Letters:
    """A dead-letter topic that fails as often as `failures` says."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.sent: list[tuple[int, Headers]] = []

    async def send(self, record: Record, headers: Headers) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("no broker")
        self.sent.append((record.offset, headers))

    async def close(self) -> None: ...


class World:
    """An engine with one partition."""

    def __init__(
        self, letters: Letters | None = None, *, batch_size: int = 4, workers: int = 3, side_by_side: bool = True
    ) -> None:
        self.sink = SteeredSink()
        self.sink.side_by_side = side_by_side
        self.failures: list[Exception] = []
        self.metrics = Metrics(CollectorRegistry())
        self.troubles = Troubles(self.metrics)
        policy = Policy("orders", workers, batch_size, 3, Backoff(0.001), Backoff(0.001))
        self.engine = Engine(
            policy, self.sink, letters, self.metrics, self.troubles, random=lambda: 0.0, on_failure=self.failures.append
        )
        self.partition = Partition(0)

    async def receive(self, *entries: Record | int) -> None:
        if self.partition.claim is None:
            self.engine.assign(self.partition)
            while self.partition.claim is None:
                await asyncio.sleep(0)
        self.engine.receive(self.partition, lots(*entries))

    async def until(self, check: Callable[[], bool]) -> None:
        await settles("such a state", check, every=0.001)


async def test_workers_bound_what_runs_at_once_and_all_is_finished() -> None:
    world = World()
    world.sink.gate.clear()
    await world.receive(*[record(n, f"c{n}") for n in range(100)])
    await world.until(lambda: world.sink.running == 3)
    world.sink.gate.set()
    await world.until(lambda: world.partition.offsets.position == 100)
    assert world.sink.most == 3
    assert (world.partition.open, world.partition.bytes) == (0, 0)
    assert world.sink.positions[-1] == 100


async def test_a_drain_finishes_what_began_and_drops_the_rest() -> None:
    world = World()
    world.sink.gate.clear()
    await world.receive(*[record(n, f"c{n}") for n in range(50)])
    await world.until(lambda: world.sink.running == 3)
    drain = asyncio.create_task(world.engine.drain([world.partition], 5))
    await asyncio.sleep(0.01)
    assert not drain.done()
    world.engine.receive(world.partition, lots(record(50), 60))
    world.sink.gate.set()
    await drain
    assert sorted(world.sink.done) == list(range(12))
    assert world.partition.offsets.position == 12, "neither late records nor the partition's end may move it"


async def test_a_drain_is_bounded_and_what_it_cuts_off_does_not_count() -> None:
    world = World()
    world.sink.gate.clear()
    await world.receive(record(0), record(1, "other"))
    await world.engine.drain([world.partition], 0.02)
    world.sink.gate.set()
    await asyncio.sleep(0.01)
    assert world.sink.done == []
    assert world.partition.offsets.position == 0
    assert not world.failures


async def test_a_drain_does_not_wait_for_orders_that_wait_to_be_retried() -> None:
    world = World()

    def answer(records: Sequence[Record]) -> None:
        raise UnavailableError("down")

    world.sink.answer = answer
    await world.receive(record(0))
    await world.until(lambda: "sink" in world.troubles.text())
    async with asyncio.timeout(60):
        await world.engine.drain([world.partition], 100)
    assert world.partition.offsets.position == 0


async def test_results_of_an_earlier_assignment_reach_only_that_one() -> None:
    world = World()
    world.sink.gate.clear()
    await world.receive(record(0))
    old, world.partition = world.partition, Partition(0)
    await world.engine.remove([old])
    await world.receive(record(0), record(1))
    world.sink.gate.set()
    await world.until(lambda: world.partition.offsets.position == 2)
    assert old.offsets.position == 0


async def test_a_fence_ends_the_process_only_when_the_partition_is_still_held() -> None:
    world = World()

    def answer(records: Sequence[Record]) -> None:
        raise FencedError("epoch 2")

    world.sink.answer = answer
    await world.receive(record(0))
    await world.until(lambda: bool(world.failures))
    assert isinstance(world.failures[0], FencedError)
    assert world.partition.offsets.position == 0


async def test_dead_letters_are_written_until_they_are_safe_and_the_position_waits() -> None:
    letters = Letters(failures=2)
    world = World(letters)

    def answer(records: Sequence[Record]) -> None:
        if any(one.offset == 1 for one in records):
            raise PermanentError("bad")

    world.sink.answer = answer
    seen: list[int | None] = []
    send = letters.send

    async def noting(one: Record, headers: Headers) -> None:
        seen.append(world.partition.offsets.position)
        await send(one, headers)

    letters.send = noting  # type: ignore[method-assign]
    await world.receive(record(0), record(1), record(2), record(3, "d", poison=True))
    await world.until(lambda: world.partition.offsets.position == 4)
    assert set(seen[:3]) <= {0, 1}
    assert sorted(offset for offset, _ in letters.sent) == [1, 3]
    assert sorted(world.sink.done) == [0, 2]
    headers = dict(dict(letters.sent)[1])
    assert headers[Header.ERROR] == b"PermanentError: bad"
    assert headers[Header.ORIGIN_OFFSET] == b"1"
    assert world.troubles.text() == ""


async def test_what_the_sink_has_already_is_not_handled_again() -> None:
    world = World()
    world.sink.claimed = Claim(position=3, epoch=2)
    await world.receive(*[record(n) for n in range(5)], 5)
    await world.until(lambda: world.partition.offsets.position == 5)
    assert world.sink.done == [3, 4]


async def test_what_comes_before_the_claim_waits_for_it() -> None:
    world = World()
    world.sink.claimed = Claim(position=3, epoch=2)
    world.engine.receive(world.partition, lots(*[record(n) for n in range(5)], 7))
    await asyncio.sleep(0.01)
    assert (world.sink.begun, world.partition.offsets.position) == ([], None)
    assert world.partition.bytes > 0
    world.engine.assign(world.partition)
    await world.until(lambda: world.partition.offsets.position == 7)
    assert world.sink.done == [3, 4]
    assert (world.partition.open, world.partition.bytes, world.partition.received) == (0, 0, 5)


async def test_a_log_that_was_made_anew_is_read_from_its_start() -> None:
    world = World()
    await world.receive(record(7), record(8))
    await world.until(lambda: world.partition.offsets.position == 9)
    await world.receive(record(0), record(1))
    await world.until(lambda: world.partition.offsets.position == 2)
    assert world.sink.done == [7, 8, 0, 1]


async def test_a_log_that_was_made_anew_has_nothing_that_the_sink_has() -> None:
    world = World()
    world.sink.claimed = Claim(position=100, epoch=2)
    await world.receive(record(100), record(101))
    await world.until(lambda: world.partition.offsets.position == 102)
    await world.receive(record(0), record(1))
    await world.until(lambda: world.partition.offsets.position == 2)
    assert world.sink.done == [100, 101, 0, 1]
    assert (world.partition.open, world.partition.claim) == (0, Claim(position=None, epoch=2))


async def test_what_fails_of_an_earlier_log_does_not_count_for_the_new_one() -> None:
    world = World()
    world.sink.gate.clear()
    failed: list[int] = []

    def answer(records: Sequence[Record]) -> None:
        failed.append(records[0].offset)
        raise UnavailableError("down")

    world.sink.answer = answer
    await world.receive(record(1, "a"), record(2, "a"))
    await world.until(lambda: world.sink.running == 1)
    world.engine.receive(world.partition, lots(record(0, "a"), record(1, "a")))
    world.sink.gate.set()
    await world.until(lambda: 1 in failed)
    await asyncio.sleep(0.02)
    assert world.partition.open == 2
    world.sink.answer = lambda _: None
    await world.until(lambda: world.partition.offsets.position == 2)
    assert world.sink.done == [0, 1]
    assert (world.partition.open, world.partition.bytes) == (0, 0)


async def test_after_a_drain_nothing_is_tried_again() -> None:
    world = World()

    def answer(records: Sequence[Record]) -> None:
        raise UnavailableError("down")

    world.sink.answer = answer
    await world.receive(record(0))
    await world.until(lambda: "sink" in world.troubles.text())
    await world.engine.drain([world.partition], 1)
    begun = len(world.sink.begun)
    await asyncio.sleep(0.05)
    assert len(world.sink.begun) == begun, "it would run beside the partition's next owner"


async def test_the_end_of_a_partition_that_drains_does_not_pass_records_that_were_not_taken() -> None:
    world = World()
    await world.receive(record(0))
    await world.until(lambda: world.partition.offsets.position == 1)
    await world.engine.drain([world.partition], 1)
    world.engine.receive(world.partition, lots(record(1), 2))
    assert world.partition.offsets.position == 1


async def test_an_order_that_heals_comes_before_its_customers_later_ones() -> None:
    world = World(Letters())
    tries = 0

    def answer(records: Sequence[Record]) -> None:
        nonlocal tries
        if any(one.offset == 1 for one in records):
            tries += 1
            if tries < 5:
                raise ValueError("not yet")

    world.sink.answer = answer
    await world.receive(*[record(n) for n in range(4)])
    await world.until(lambda: world.partition.offsets.position == 4)
    assert world.sink.done == [0, 1, 2, 3]
    assert world.partition.attempts == {}


async def test_a_handler_that_never_waits_gets_whole_batches_and_others_get_their_turn() -> None:
    world = World(batch_size=3)
    whole: list[bool] = []
    handle = world.sink.handle

    async def noting(batch: Batch) -> None:
        whole.append(isinstance(batch.records, Part))
        await handle(batch)

    world.sink.handle = noting  # type: ignore[method-assign]
    await world.receive(*[record(n, f"c{n}") for n in range(3000)], 3001)
    turns = 0
    while world.partition.offsets.position != 3001:
        await asyncio.sleep(0)
        turns += 1
    assert all(whole)
    assert len(whole) == 1000
    assert turns > 1
    assert (world.partition.open, world.partition.bytes, world.partition.running) == (0, 0, 0)


async def test_partitions_of_a_sink_that_takes_one_batch_of_each_at_a_time() -> None:
    world = World(side_by_side=False)
    world.sink.gate.clear()
    await world.receive(*[record(n, f"c{n}") for n in range(20)])
    await world.until(lambda: world.sink.running == 1)
    await asyncio.sleep(0.01)
    assert world.sink.running == 1
    world.sink.gate.set()
    await world.until(lambda: world.partition.offsets.position == 20)
    assert (world.sink.most, world.sink.done) == (1, list(range(20)))
