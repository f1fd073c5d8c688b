"""Sleeps that end together, so that a process with a thousand of them wakes up a few times a second, not a thousand."""

import asyncio
import math
from typing import Final

TICK: Final = 0.05
"""Seconds between two times at which sleeps end."""


async def sleep(seconds: float) -> None:
    """At least so long, and up to a tick longer."""
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[None] = loop.create_future()
    timer = loop.call_at(math.ceil((loop.time() + seconds) / TICK) * TICK, _wake, woken)
    try:
        await woken
    finally:
        timer.cancel()


def _wake(woken: "asyncio.Future[None]") -> None:
    if not woken.done():
        woken.set_result(None)
