"""Tasks, threads and timers that end, raise or hang: restarted or told, and never unseen."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from orderpipeline_common.background import Background, Timer
from orderpipeline_common.supervision import Activity, Rule

LOOP = Rule("loop", 10.0)
VITAL = Rule("vital loop", 10.0, restart=False)


class Time:
    """A clock that only sleeping moves, and a sleep that lets others run."""

    def __init__(self) -> None:
        self.now, self.slept = 1000.0, list[float]()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def raises() -> None:
    raise KeyError("a bug")


def exits() -> None:
    raise SystemExit(1)


def cancels() -> None:
    raise asyncio.CancelledError


def returns() -> None:
    pass


ENDS = [raises, cancels, returns]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0)


@pytest.mark.parametrize("end", ENDS)
async def test_a_task_that_ends_is_started_again(end: Callable[[], None]) -> None:
    time = Time()
    background, starts, hang = Background(time, time.sleep), list[Activity](), asyncio.Event()

    async def work(activity: Activity) -> None:
        starts.append(activity)
        if len(starts) < 4:
            end()
        else:
            await hang.wait()

    task = background.task(LOOP, work, "a")
    await until(lambda: len(starts) == 4)
    assert time.slept == [0.5, 1.0, 2.0]
    assert background.supervisor.problem() == ""
    assert len(background.supervisor.warnings()) == 1
    time.now += 11
    assert background.supervisor.problem() == "loop a has made no turn for 11 s"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert background.supervisor.names() == []
    assert background.failure == ""


@pytest.mark.parametrize("end", ENDS)
async def test_the_end_of_a_vital_task_is_told(end: Callable[[], None]) -> None:
    background = Background()

    async def work(_: Activity) -> None:
        end()

    task = background.task(VITAL, work)
    await asyncio.wait_for(background.wait_failed(), 60)
    assert "vital loop has ended" in background.failure
    assert background.supervisor.problem() == background.failure
    await task


@pytest.mark.parametrize("end", [*ENDS, exits])
async def test_a_thread_that_ends_is_started_again(end: Callable[[], None]) -> None:
    background, stop, starts = Background(), Stop(), list[Activity]()

    def work(activity: Activity) -> None:
        starts.append(activity)
        if len(starts) == 3:
            stop.set()
            return
        end()

    background.run_here(LOOP, work, stop)
    assert len(starts) == 3
    assert stop.waits == [0.5, 1.0]
    assert background.supervisor.names() == []


async def test_the_end_of_a_vital_thread_is_told() -> None:
    background = Background()
    thread = background.thread(VITAL, lambda _: raises(), threading.Event(), "b")
    await asyncio.wait_for(background.wait_failed(), 60)
    assert background.supervisor.problem() == "vital loop b has ended: KeyError('a bug')"
    await until(lambda: not thread.is_alive())


async def test_a_thread_that_hangs_is_named_while_the_loop_lives() -> None:
    time = Time()
    background, stop, hangs, go_on = Background(time), threading.Event(), threading.Event(), threading.Event()

    def work(activity: Activity) -> None:
        activity.turn()
        hangs.set()
        go_on.wait(60)

    thread = background.thread(LOOP, work, stop)
    await until(hangs.is_set)
    time.now += 11
    assert background.supervisor.problem() == "loop has made no turn for 11 s"
    stop.set()
    go_on.set()
    await until(lambda: not thread.is_alive())
    assert background.supervisor.names() == []


async def test_a_timer_goes_on_after_an_exception() -> None:
    background, calls = Background(), list[int]()

    def step() -> float:
        calls.append(len(calls))
        if len(calls) == 1:
            raises()
        return 0.0

    timer = Timer(background, LOOP, step)
    await until(lambda: len(calls) == 1)
    timer.call_in(0.0)  # not after the backoff, which takes real time
    await until(lambda: len(calls) > 3)
    timer.stop()
    assert background.supervisor.names() == []


class Stop(threading.Event):
    """Notes how long it was waited for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = list[float]()

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()
