"""Handlers that the tested consumer processes run. What they do to an order stands in its product_id."""

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path

from orderpipeline_common.order import Order
from orderpipeline_consumer.errors import PermanentError


async def record(orders: Sequence[Order]) -> None:
    """Write a line per order when it begins and one when the batch is done. Products: `slow:S` sleeps S seconds,
    `fail` always fails, `heal` fails and `hold` waits while the file beside the record is missing, `permanent` gives up
    at once. With RECORD_HASTE nothing sleeps."""
    path = Path(os.environ["RECORD_FILE"])
    for order in orders:
        _write(path, "begin", order)
    for order in orders:
        what, _, argument = order.product_id.partition(":")
        if what == "slow":
            await asyncio.sleep(0 if "RECORD_HASTE" in os.environ else float(argument))
        elif what == "hold":
            while not path.with_suffix(".released").exists():
                await asyncio.sleep(0.02)
        elif what == "fail":
            raise ValueError(f"cannot handle {order.order_id}")
        elif what == "heal" and not path.with_suffix(".healed").exists():
            raise ValueError("not healed yet")
        elif what == "permanent":
            raise PermanentError("never")
    for order in orders:
        _write(path, "done", order)


def _write(path: Path, event: str, order: Order) -> None:
    line = json.dumps([event, order.customer_id, order.order_id, os.getpid()]) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())  # one write, so lines of several processes do not mix
    finally:
        os.close(descriptor)
