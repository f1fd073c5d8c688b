"""Server-sent events: a page gets its view, and then each change of it."""

import asyncio
from typing import Final

from aiohttp import web

from orderpipeline_operator.console.live import Subscription

MAX_PAGES: Final = 500
QUIET_SECONDS: Final = 10.0
"""After that long without a change a comment is sent, so that both ends notice a broken connection."""
RETRY_MS: Final = 2000
SLOW_SECONDS: Final = 30.0
"""A page that takes no bytes for so long is let go."""


async def stream(request: web.Request, subscription: Subscription, first: bytes) -> web.StreamResponse:
    """Send `first` and then what comes until the page is closed."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    await response.prepare(request)
    try:
        await _write(response, b"retry: %d\nevent: all\ndata: %b\n\n" % (RETRY_MS, first))
        async for view in subscription.updates(QUIET_SECONDS):
            await _write(response, b": still here\n\n" if view is None else b"data: %b\n\n" % view)
    except (ConnectionError, TimeoutError):
        pass  # the page is gone, or asleep
    return response


async def _write(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(SLOW_SECONDS):
        await response.write(data)
