"""A loop in its own thread: one that hangs is named, and does not keep the process from ending."""

import asyncio
import threading

from orderpipeline_common.background import Background
from orderpipeline_common.supervision import Rule
from orderpipeline_operator.runtime.side_loop import SideLoop

RULE = Rule("side loop", 10.0, restart=False)


async def test_a_loop_that_hangs_is_named_and_does_not_make_the_process_fail() -> None:
    now = [1000.0]
    background = Background(lambda: now[0])
    side, hangs, goes_on = SideLoop(background, RULE), threading.Event(), threading.Event()

    async def hang() -> None:
        hangs.set()
        goes_on.wait(60)

    task = asyncio.ensure_future(side.run(hang()))
    assert await asyncio.to_thread(hangs.wait, 60)
    now[0] += 11
    assert background.supervisor.problem() == "side loop has made no turn for 11 s"
    side.close(0.05)
    goes_on.set()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.to_thread(side.close, 60)
    assert background.failure == ""
    assert background.supervisor.names() == []


async def test_one_that_is_closed_has_ended_on_purpose() -> None:
    background = Background()
    side = SideLoop(background, RULE)
    assert await side.run(asyncio.sleep(0, "an answer")) == "an answer"
    assert background.supervisor.names() == ["side loop"]
    await asyncio.to_thread(side.close, 60)
    assert (background.failure, background.supervisor.names()) == ("", [])
