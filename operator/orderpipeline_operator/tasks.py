"""Tasks that end with the block that started them."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any


def end_with(stack: AsyncExitStack, task: "asyncio.Task[None]") -> None:
    """Cancel the task when the stack is left, and wait until it has ended."""

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)


async def first_to_end(*coroutines: Coroutine[Any, Any, Any]) -> int:
    """Index of the one that ended first; the others are cancelled. Raises what the first one raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    first = next(task for task in tasks if task in done)
    first.result()
    return tasks.index(first)
