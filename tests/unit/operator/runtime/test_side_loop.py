"""A server that ends, by whatever, is started again, and the process is not ready meanwhile; one that hangs is left."""

import asyncio
import threading

from orderpipeline_operator.runtime.health import Gate
from orderpipeline_operator.runtime.side_loop import SideLoop, serve_for_ever


async def test_a_server_that_fails_is_started_again() -> None:
    gate, side = Gate("closed"), SideLoop("test")
    problems: list[str] = []
    again = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def serve() -> None:
        problems.append(gate.problem())
        gate.open()
        if len(problems) == 1:
            raise RuntimeError("a bug")
        loop.call_soon_threadsafe(again.set)
        await asyncio.Event().wait()

    assert gate.problem() == ""
    gate.close()
    task = asyncio.ensure_future(serve_for_ever(side, serve, gate, pause=0.01))
    try:
        await asyncio.wait_for(again.wait(), 60)
        assert problems == ["closed", "closed"]
        assert gate.problem() == ""
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        side.close()
    assert gate.problem() == "closed"


async def test_a_loop_that_hangs_does_not_make_the_process_fail() -> None:
    side, hangs, goes_on = SideLoop("test"), threading.Event(), threading.Event()

    async def hang() -> None:
        hangs.set()
        goes_on.wait(60)

    task = asyncio.ensure_future(side.run(hang()))
    assert await asyncio.to_thread(hangs.wait, 60)
    side.close(0.05)
    goes_on.set()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.to_thread(side.close, 60)
