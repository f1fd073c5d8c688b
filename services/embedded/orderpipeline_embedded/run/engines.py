"""Asks the services which engine they run."""

import asyncio
from collections.abc import Collection
from typing import Final

import aiohttp

from orderpipeline_common.contract import METRICS_PATH
from orderpipeline_common.engine import engine_in
from orderpipeline_embedded.ports import HOST

UNKNOWN: Final = "unknown"
PATIENCE_SECONDS: Final = 10.0
"""How long services may take to start."""


async def describe_engines(api_port: int, consumer_ports: Collection[int]) -> str:
    """One line, such as `engine: accelerator in the order API, python in the consumers`."""
    consumers = sorted(set(await asyncio.gather(*map(_engine, consumer_ports))))
    line = f"engine: {await _engine(api_port)} in the order API"
    return f"{line}, {' and '.join(consumers)} in the consumers" if consumers else line


async def _engine(port: int) -> str:
    """The engine of the service on `port`, UNKNOWN if it has not said so in time."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"http://{HOST}:{port}{METRICS_PATH}") as reply:
                        return engine_in(await reply.text()) or UNKNOWN
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)  # it does not listen yet
    except TimeoutError:
        return UNKNOWN
