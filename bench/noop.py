"""A handler that does nothing, so that what is measured is the consumer."""

from collections.abc import Sequence

from orderpipeline_common.order import Order


async def handle(orders: Sequence[Order]) -> None:
    """Take the orders."""
