"""Replays CDNOW's purchases into an order API, for `orderpipeline run --demo` and `examples/replay.py`.

Each customer belongs to one lane, and a lane sends one request at a time, so that a customer's orders arrive in
order. A request that fails for a transient reason (503, 429, a lost connection) is sent again unchanged: order ids are
fixed, so a repeated order takes effect once. The command ends with one line of JSON.
"""

import argparse
import asyncio
import json
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from socket import AddressFamily
from typing import Any

import aiohttp

from orderpipeline_embedded.demo.cdnow import Purchase, cache_folder, purchases

TRANSIENT = {429, 502, 503, 504}


@dataclass(frozen=True)
class Replay:
    """How to send: requests at a time, orders in a batch, every n-th request a single order (0: none), orders/s (0: as
    fast as they are answered), and how often a request is tried."""

    lanes: int = 8
    batch: int = 100
    single_every: int = 5
    rate: float = 0.0
    attempts: int = 60


@dataclass
class Tally:
    """What has been sent and answered so far."""

    sent: int = 0
    requests: int = 0
    single: int = 0
    retried: int = 0
    refused: list[str] = field(default_factory=list)


class Localhost(aiohttp.ThreadedResolver):
    """Resolves names under .localhost to this machine (RFC 6761), which not every system does."""

    async def resolve(self, host: str, port: int = 0, family: Any = AddressFamily.AF_INET) -> Any:
        return await super().resolve("127.0.0.1" if host.endswith(".localhost") else host, port, family)


def lane_of(customer_id: str, lanes: int) -> int:
    return zlib.crc32(customer_id.encode()) % lanes


def requests_of(lane: Sequence[Purchase], batch: int, single_every: int) -> Iterator[Sequence[Purchase]]:
    """Cut a lane into batches; every `single_every`-th request is a single order."""
    at = count = 0
    while at < len(lane):
        count += 1
        size = 1 if single_every and count % single_every == 0 else batch
        yield lane[at : at + size]
        at += size


async def send(
    session: aiohttp.ClientSession, url: str, orders: Sequence[Purchase], tally: Tally, attempts: int
) -> None:
    """Send one request until it is answered for good. RuntimeError when all `attempts` have failed."""
    single = len(orders) == 1
    path = "/order" if single else "/orders/batch"
    body = orders[0].as_json() if single else b"[" + b",".join(order.as_json() for order in orders) + b"]"
    for attempt in range(attempts):
        try:
            async with session.post(url + path, data=body, headers={"Content-Type": "application/json"}) as reply:
                text = await reply.text()
                status = reply.status
        except (aiohttp.ClientError, TimeoutError) as error:
            status, text = 503, repr(error)
        if status == 202:
            tally.sent += len(orders)
            tally.requests += 1
            tally.single += single
            return
        if status not in TRANSIENT and not (status == 207 and '"status":503' in text.replace(" ", "")):
            tally.refused.append(f"{status} {text[:300]}")
            return
        tally.retried += 1
        await asyncio.sleep(min(0.2 * 2**attempt, 5))
    raise RuntimeError(f"{path} was not accepted in {attempts} attempts; the last reply: {text[:300]}")


async def replay(orders: Sequence[Purchase], url: str, how: Replay, tally: Tally | None = None) -> Tally:
    """Send all orders; returns the tally. A caller that passes a tally shows the progress, a terminal otherwise."""
    quiet, tally = tally is not None, tally or Tally()
    started = time.monotonic()

    async def run(lane: Sequence[Purchase], session: aiohttp.ClientSession) -> None:
        sent = 0
        for request in requests_of(lane, how.batch, how.single_every):
            if how.rate:  # each lane keeps to its share of the rate
                due = started + sent / (how.rate * len(lane) / len(orders))
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            await send(session, url, request, tally, how.attempts)
            sent += len(request)

    split: list[list[Purchase]] = [[] for _ in range(how.lanes)]
    for order in orders:
        split[lane_of(order.customer_id, how.lanes)].append(order)
    timeout = aiohttp.ClientTimeout(total=60)
    connector = aiohttp.TCPConnector(resolver=Localhost(), limit=how.lanes)
    shows = not quiet and sys.stderr.isatty()
    shown = asyncio.create_task(progress(tally, len(orders), started)) if shows else None
    try:
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session, asyncio.TaskGroup() as group:
            for lane in split:
                group.create_task(run(lane, session))
    finally:
        if shown is not None:
            shown.cancel()
            print(file=sys.stderr)
    return tally


async def progress(tally: Tally, total: int, started: float) -> None:
    """Write a line a second to standard error until cancelled."""
    while True:
        elapsed = time.monotonic() - started
        speed = tally.sent / elapsed if elapsed else 0.0
        left = (total - tally.sent) / speed if speed else float("nan")
        print(f"\r{tally.sent:,}/{total:,} orders  {speed:,.0f}/s  {left:.0f} s left ", end="", file=sys.stderr)
        await asyncio.sleep(1)


def main() -> int:
    parser = argparse.ArgumentParser(description="Replay CDNOW's purchases into an order API.")
    parser.add_argument("--url", default="http://shop.localhost:8080")
    parser.add_argument("--rate", type=float, default=0, help="orders per second; 0: as fast as they are answered")
    parser.add_argument("--lanes", type=int, default=8, help="requests in flight at a time")
    parser.add_argument("--batch", type=int, default=100, help="orders per batch request")
    parser.add_argument("--single-every", type=int, default=5, help="every n-th request is a single order; 0: none")
    parser.add_argument("--limit", type=int, default=0, help="only the first n orders by date")
    parser.add_argument("--cache", type=Path, default=cache_folder())
    options = parser.parse_args()
    orders = purchases(options.cache)[: options.limit or None]
    started = time.monotonic()
    how = Replay(options.lanes, options.batch, options.single_every, options.rate)
    tally = asyncio.run(replay(orders, options.url, how))
    summary = {
        "orders_sent": tally.sent,
        "requests": tally.requests,
        "single": tally.single,
        "retried": tally.retried,
        "refused": tally.refused[:5],
        "seconds": round(time.monotonic() - started, 1),
    }
    print(json.dumps(summary))
    return 1 if tally.refused else 0
