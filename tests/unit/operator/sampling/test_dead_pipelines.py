"""A pipeline that works beside many that cannot be read, in simulated time: threads are as many as in the operator."""

import asyncio
import heapq
import itertools
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from orderpipeline_common.background import Background
from orderpipeline_operator.domain.lag.sample import Reading, Unknown
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint
from orderpipeline_operator.sampling.retry import LONGEST_WAIT
from orderpipeline_operator.sampling.sampler import Clock, Sampler
from orderpipeline_operator.sampling.target import Key, Target
from orderpipeline_operator.sampling.threads import THREADS, ReadingThreads
from tests.support.readers import ReadEachTime
from tests.support.waiting import settles
from tests.unit.operator.sampling.test_sampler import POLICY, TARGET, at

INTERVAL = TIMEOUT = 10.0
LOST = Unknown("KafkaUnreachable", "kafka:9092 did not answer in time")
HEALTHY: Key = ("default", "healthy")
KEY: Key = ("default", "dead-0")


class World:
    """Time that stands still while anything runs; then it goes on to whatever is due first."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.alive = lambda _: True
        self.reads: dict[Key, list[float]] = defaultdict(list)
        self.published: dict[Key, list[str]] = defaultdict(list)
        self.threads = ReadingThreads({lane: Threads(self, count) for lane, count in THREADS.items()})
        self.background = Background(lambda: self.now)
        shares = itertools.cycle(n / 97 for n in range(97))
        clock = Clock(lambda: self.now, lambda: self.now, self.sleep, lambda: next(shares))
        self.sampler = Sampler(
            self._on_change, self.background, clock=clock, reader_factory=self.reader, threads=self.threads
        )
        self.tracked: set[Key] = set()
        self.waiting = 0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def track(self, target: Target) -> None:
        self.tracked.add(target.key)
        self.sampler.track(target)

    def reader(self, target: Target) -> "Source":
        return Source(self, target.key)

    def at(self, when: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._due, (when, next(self._numbers), call))

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self.at(self.now + seconds, woken.set)
        self.waiting += 1
        try:
            await woken.wait()
        finally:
            self.waiting -= 1

    async def run(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            await settles("all pipelines wait", lambda: self.waiting == len(self.tracked), every=0)
            if not self._due or self._due[0][0] > end:
                break
            self.now, _, call = heapq.heappop(self._due)
            call()
            await asyncio.sleep(0)
        self.now = end

    async def close(self) -> None:
        """Close the sampler; calls in threads end at once."""
        closing = asyncio.ensure_future(self.sampler.close())
        while not closing.done():
            if self._due:
                heapq.heappop(self._due)[2]()
            await asyncio.sleep(0)
        await closing

    def _on_change(self, key: Key) -> None:
        view = self.sampler.view(key)
        assert view is not None
        self.published[key].append(view.error)


@dataclass
class Source(ReadEachTime):
    world: World
    key: Key

    def read(self) -> Reading | Unknown:
        self.world.reads[self.key].append(self.world.now)
        return at(10, 10) if self.world.alive(self.key) else LOST

    def close(self) -> None: ...


class Threads(Executor):
    """So many threads; a call takes no time, or the timeout when it finds nothing."""

    def __init__(self, world: World, count: int) -> None:
        self._world, self._free = world, count
        self._queue: deque[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = deque()

    def submit(self, call: Callable[..., Any], /, *args: Any, **_: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        self._world.waiting += 1
        self._queue.append((future, call, args))
        self._start()
        return future

    def _start(self) -> None:
        while self._free and self._queue:
            self._free -= 1
            future, call, args = self._queue.popleft()
            found = call(*args)
            if found is None:  # a reader was closed, for which no pipeline waits
                self._end(future, found)
                continue
            took = TIMEOUT if found is LOST else 0.0
            self._world.at(self._world.now + took, partial(self._end, future, found))

    def _end(self, future: "Future[Any]", found: object) -> None:
        self._free += 1
        self._world.waiting -= 1
        if future.set_running_or_notify_cancel():
            future.set_result(found)
        self._start()


def gaps(times: list[float]) -> list[float]:
    return [later - one for one, later in itertools.pairwise(times)]


def even(times: list[float], least: int) -> bool:
    """Whether there are that many, one INTERVAL after the other."""
    return len(times) >= least and all(gap == pytest.approx(INTERVAL) for gap in gaps(times))


def target(name: str, **more: Any) -> Target:
    policy = more.pop("policy", POLICY)
    return replace(TARGET, key=("default", name), policy=replace(policy, poll_interval=INTERVAL), **more)


def healthy(**more: Any) -> Target:
    return target(HEALTHY[1], **more)


def dead(number: int, **more: Any) -> Target:
    return target(f"dead-{number}", **more)


@pytest.fixture
async def world() -> Any:
    made = World()
    yield made
    await made.close()


async def test_a_healthy_one_beside_a_hundred_dead_is_sampled_at_its_interval(world: World) -> None:
    world.alive = lambda key: key == HEALTHY
    world.track(healthy())
    for number in range(100):
        world.track(dead(number))
    for _ in range(60):
        await world.run(INTERVAL)
        views = [world.sampler.live(dead(number).key) for number in range(100)]
        assert all(view is None or view.error.startswith(LOST.reason) for view in views), "none is Stale"
    assert even(world.reads[HEALTHY], 60)
    assert not any(world.published[HEALTHY])
    tries = [len(world.reads[dead(number).key]) for number in range(100)]
    assert 5 <= min(tries) <= max(tries) <= 10, "instead of 60"
    texts = world.published[KEY]
    assert texts[-1] == f"{LOST.reason}: {LOST.message}; tried again within {LONGEST_WAIT:g} s"
    assert len(texts) <= 7, "each wait once, not each attempt"
    assert world.background.supervisor.problem() == ""


async def test_a_hundred_that_die_at_once_make_no_other_one_stale(world: World) -> None:
    world.track(healthy())
    for number in range(100):
        world.track(dead(number))
    await world.run(60)
    world.alive = lambda key: key == HEALTHY
    for _ in range(30):
        await world.run(INTERVAL)
        view = world.sampler.live(HEALTHY)
        assert view is not None
        assert view.error == ""
    assert max(gaps(world.reads[HEALTHY])) <= 4 * INTERVAL
    assert even(world.reads[HEALTHY][-20:], 20)


async def test_after_a_restart_the_dead_do_not_delay_the_others(world: World) -> None:
    world.alive = lambda key: key == HEALTHY
    for number in range(100):
        world.track(dead(number, restored={"latest": {"reason": "Unknown"}}))
    world.track(healthy(restored={"latest": {"reason": "Idle"}}))
    await world.run(6 * INTERVAL)
    assert world.reads[HEALTHY][0] <= 1000 + INTERVAL
    assert even(world.reads[HEALTHY], 6)


@pytest.mark.parametrize("change", ["generation", "policy", "endpoint"])
async def test_a_change_of_the_spec_or_of_a_secret_wakes_it(world: World, change: str) -> None:
    changed: dict[str, Target] = {
        "generation": dead(0, generation=2),
        "policy": dead(0, policy=replace(POLICY, idle_after=1.0)),
        "endpoint": dead(0, endpoint=KafkaEndpoint("kafka:9092", password="new")),
    }
    world.alive = lambda _: False
    world.track(dead(0))
    await world.run(1800)
    tries = len(world.reads[KEY])
    while len(world.reads[KEY]) == tries:
        await world.run(1.0)
    await world.run(TIMEOUT)  # an attempt has just ended, so the next one is far
    world.alive = lambda _: True
    world.sampler.track(changed[change])
    await world.run(2 * INTERVAL)
    view = world.sampler.live(KEY)
    assert view is not None
    assert (view.orders, view.error) == (0, "")


async def test_one_that_comes_back_is_read_at_its_interval_again(world: World) -> None:
    world.alive = lambda _: False
    world.track(dead(0))
    await world.run(1800)
    world.alive = lambda _: True
    await world.run(LONGEST_WAIT + TIMEOUT)
    tries = len(world.reads[KEY])
    await world.run(100)
    assert len(world.reads[KEY]) == tries + 100 / INTERVAL
