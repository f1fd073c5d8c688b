"""The keys that verify tokens, read from the address at which their issuer publishes them."""

import asyncio
import logging
import ssl
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final

from orderpipeline_producer.api.jwt_clients import JwtClients

REFRESH_SECONDS: Final = 300.0
RETRY_SECONDS: Final = 10.0
"""Least time between two attempts, however many tokens name keys that are not known."""
TURN_SECONDS: Final = 1.0
FETCH_SECONDS: Final = 10.0
MAX_BYTES: Final = 1024 * 1024

_log = logging.getLogger(__name__)


def fetch(address: str, ca: Path | None) -> str:
    """The document at an address. `ca` has the certificates to trust, by default the system's. Raises OSError, or
    ValueError if it is too large or not text.
    """
    end = time.monotonic() + FETCH_SECONDS
    context = ssl.create_default_context(cafile=ca)
    request = urllib.request.Request(address, headers={"Accept": "application/json"})  # noqa: S310 - http(s) by settings
    found = bytearray()
    with urllib.request.urlopen(request, timeout=FETCH_SECONDS / 2, context=context) as response:  # noqa: S310
        while piece := response.read1(65536):
            found += piece
            if len(found) > MAX_BYTES:
                raise ValueError(f"it is longer than {MAX_BYTES} bytes")
            if time.monotonic() > end:
                raise TimeoutError(f"it did not arrive within {FETCH_SECONDS:g} s")
    return found.decode()


async def watch_keys(
    clients: JwtClients, read: Callable[[], str], turn: Callable[[], None], changed: Callable[[], None]
) -> None:
    """Read the keys at once, every few minutes, and soon after a token named an unknown one, until cancelled. After an
    error, the last good ones stay in use. Calls `changed` when a token that was accepted is not good any more.
    """
    clock = asyncio.get_running_loop().time
    due = earliest = 0.0
    refused = ""
    while True:
        turn()
        if clients.forget_expired():
            changed()
        if clock() >= (earliest if clients.keys_wanted else due):
            try:
                if clients.replace(await asyncio.to_thread(read)):
                    changed()
                    _log.info("the keys of tokens have changed")
                refused = ""
            except (OSError, ValueError) as error:
                if str(error) != refused:
                    refused = str(error)
                    _log.error("can't read the keys of tokens, the last ones stay in use: %s", refused)
            due, earliest = clock() + REFRESH_SECONDS, clock() + RETRY_SECONDS
        await asyncio.sleep(TURN_SECONDS)
