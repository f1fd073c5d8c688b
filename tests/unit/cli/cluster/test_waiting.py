"""Waiting for pods: how far a rollout is, and what is said meanwhile."""

import io
from typing import Any

import pytest

from orderpipeline_cli.cluster.waiting import State, rollout, wait_for
from orderpipeline_cli.commands.pausing import has_seen
from orderpipeline_cli.exits import CommandError
from orderpipeline_cli.progress import Progress, line, remaining
from orderpipeline_operator.errors import Unreachable


def deployment(wanted: int = 3, *, generation: int = 2, observed: int = 2, **status: int) -> dict[str, Any]:
    counts = {"replicas": wanted, "updatedReplicas": wanted, "readyReplicas": wanted, **status}
    return {
        "metadata": {"name": "shop-producer", "generation": generation},
        "spec": {"replicas": wanted},
        "status": {"observedGeneration": observed, **counts},
    }


@pytest.mark.parametrize(
    ("found", "done", "complete"),
    [
        (deployment(), 3, True),
        (deployment(observed=1), 0, False),
        (deployment(updatedReplicas=1, replicas=4, readyReplicas=3), 0, False),
        (deployment(updatedReplicas=2, replicas=3, readyReplicas=3), 2, False),
        (deployment(replicas=4), 2, False),
        (deployment(0), 1, True),
        (deployment(0, observed=1), 0, False),
    ],
)
def test_how_far_a_rollout_is(found: dict[str, Any], done: int, complete: bool) -> None:
    state = rollout(found)
    assert (state.done, state.complete) == (done, complete)


def test_an_estimate_needs_something_done() -> None:
    assert remaining(10.0, 0, 4) is None
    assert remaining(10.0, 1, 4) == 30.0
    assert line("pods", 1, 4, 10.0) == "pods: 1 of 4, about 30 s left"
    assert line("pods", 0, 4, 10.0) == "pods: 0 of 4"
    assert line("pods", 4, 4, 10.0) == "pods: 4 of 4"


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def test_it_waits_through_an_api_server_that_does_not_answer() -> None:
    clock, stream, looks = Clock(), io.StringIO(), iter([0, None, 1, 2])

    async def look() -> State:
        done = next(looks)
        if done is None:
            raise Unreachable("get", 0, "Unreachable", "away")
        return State("pods", done, 2)

    await wait_for(look, 60.0, Progress(clock, stream), clock=clock, sleep=clock.sleep)
    assert clock.now == 3.0
    assert stream.getvalue() == "pods: 0 of 2\n"  # not a terminal: a line every five seconds


async def test_it_ends_at_its_time_and_says_that_the_rest_goes_on() -> None:
    clock = Clock()

    async def look() -> State:
        return State("pods", 1, 2)

    with pytest.raises(CommandError, match="not done after 5 s; it goes on by itself"):
        await wait_for(look, 5.0, Progress(clock, io.StringIO()), clock=clock, sleep=clock.sleep)
    assert clock.now == 5.0


def test_whether_the_operator_has_seen_a_pause() -> None:
    def pipeline(observed: int, verdict: str) -> dict[str, Any]:
        conditions = [{"type": "Paused", "status": verdict}]
        return {"metadata": {"generation": 2}, "status": {"observedGeneration": observed, "conditions": conditions}}

    assert has_seen(pipeline(2, "True"), True)
    assert not has_seen(pipeline(1, "True"), True)
    assert not has_seen(pipeline(2, "False"), True)
    assert has_seen(pipeline(2, "False"), False)
    assert not has_seen({"metadata": {"generation": 1}}, False)
