"""Sleeps that end together."""

import asyncio
import time

import pytest

from orderpipeline_operator import ticks


async def test_sleeps_last_long_enough_and_end_together() -> None:
    ends: list[float] = []

    async def one(seconds: float) -> None:
        started = time.monotonic()
        await ticks.sleep(seconds)
        assert time.monotonic() - started >= seconds - 0.001
        ends.append(asyncio.get_running_loop().time())

    loop = asyncio.get_running_loop()
    due: set[float] = set()
    right = loop.call_at

    def noting(when: float, *given: object, **more: object) -> asyncio.TimerHandle:
        due.add(when)
        return right(when, *given, **more)  # type: ignore[arg-type]

    loop.call_at = noting  # type: ignore[method-assign]
    await asyncio.gather(*(one(0.0001 * n) for n in range(200)))
    assert len(ends) == 200
    assert len(due) <= 3, "within the 20 ms that they differ by"


async def test_a_sleep_can_be_cancelled() -> None:
    sleeping = asyncio.ensure_future(ticks.sleep(3600))
    await asyncio.sleep(0)
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
