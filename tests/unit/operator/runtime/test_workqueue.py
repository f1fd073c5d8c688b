"""The queue, on a clock that only moves when told."""

import asyncio

import pytest

from orderpipeline_common.backoff import MAX_BACKOFF, backoff
from orderpipeline_operator.runtime.workqueue import WorkQueue


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> WorkQueue[str]:
    return WorkQueue(clock)


async def none_is_due(queue: WorkQueue[str]) -> bool:
    try:
        async with asyncio.timeout(0.01):
            await queue.pop()
    except TimeoutError:
        return True
    return False


async def test_many_events_are_one_look(queue: WorkQueue[str]) -> None:
    for _ in range(100):
        queue.add("a")
    assert await queue.pop() == "a"
    queue.done("a")
    assert await none_is_due(queue)


async def test_a_key_is_with_one_worker_at_a_time_and_nothing_is_lost(queue: WorkQueue[str]) -> None:
    queue.add("a")
    assert await queue.pop() == "a"
    queue.add("a")
    queue.add("b")
    assert await queue.pop() == "b"
    assert await none_is_due(queue)
    queue.done("a")
    assert await queue.pop() == "a"


async def test_the_earlier_time_wins(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add("a", 60)
    queue.add("a", 1)
    queue.add("a", 30)
    assert await none_is_due(queue)
    clock.now = 1.0
    assert await queue.pop() == "a"


async def test_a_waiting_worker_is_woken(queue: WorkQueue[str]) -> None:
    waiting = asyncio.ensure_future(queue.pop())
    await asyncio.sleep(0)
    queue.add("a")
    assert await asyncio.wait_for(waiting, 60) == "a"


async def test_of_many_waiting_workers_one_is_woken_for_each_key() -> None:
    looks: list[float] = []

    def clock() -> float:
        looks.append(0.0)
        return 0.0

    queue = WorkQueue[str](clock)
    waiting = [asyncio.ensure_future(queue.pop()) for _ in range(16)]
    await asyncio.sleep(0)
    for key in ("a", "b"):
        looks.clear()
        queue.add(key)
        while not any(one.done() for one in waiting):
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(looks) <= 4, "to add it, to find it due, and the next worker's look"
        (done,) = [one for one in waiting if one.done()]
        assert done.result() == key
        waiting.remove(done)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_worker_that_is_cancelled_while_it_waits_leaves_its_place_to_another(queue: WorkQueue[str]) -> None:
    first, second = (asyncio.ensure_future(queue.pop()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    queue.add("a")
    assert await asyncio.wait_for(second, 60) == "a"


async def test_failures_wait_longer_and_events_do_not_cut_it_short(queue: WorkQueue[str], clock: Clock) -> None:
    waits = []
    queue.add("a")
    for _ in range(8):
        await queue.pop()
        waits.append(queue.failed("a"))
        queue.add("a")
        assert await none_is_due(queue)
        clock.now += waits[-1]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30]
    await queue.pop()
    queue.again("a", 60)
    queue.add("a", 0)
    assert await queue.pop() == "a", "success ends the wait"


async def test_an_event_during_a_failing_pass_still_waits(queue: WorkQueue[str]) -> None:
    queue.add("a")
    await queue.pop()
    queue.add("a")
    queue.failed("a")
    assert await none_is_due(queue)


async def test_the_oldest_is_first(queue: WorkQueue[str], clock: Clock) -> None:
    for name in ("c", "a", "b"):
        queue.add(name)
        clock.now += 1
    assert [await queue.pop() for _ in range(3)] == ["c", "a", "b"]


def test_backoff_is_bounded() -> None:
    assert backoff(1) == 0.5
    assert backoff(10_000) == MAX_BACKOFF


def test_the_age_is_that_of_the_key_that_has_been_due_longest() -> None:
    now = [100.0]
    queue: WorkQueue[str] = WorkQueue(lambda: now[0])
    assert queue.overdue() == 0.0
    queue.add("a", 5.0)
    queue.add("b", 9.0)
    assert queue.overdue() == 0.0, "nothing is due yet"
    now[0] = 112.0
    assert queue.overdue() == 7.0
