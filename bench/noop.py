"""A handler that does nothing, so that only the consumer is measured."""

from collections.abc import Sequence

from orderpipeline_common.order import Order


async def handle(orders: Sequence[Order]) -> None:
    """Accept the orders."""
