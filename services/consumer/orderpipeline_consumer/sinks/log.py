"""Prints each order as a log line."""

import logging
from typing import Final

from orderpipeline_consumer.sinks.base import Batch, Claim

log = logging.getLogger("orderpipeline.orders")


class LogSink:
    """One line an order, at level INFO."""

    side_by_side: Final = False

    async def claim(self, partition: int) -> Claim:
        """A log keeps no offsets."""
        return Claim()

    async def handle(self, batch: Batch) -> None:
        """Print the orders of the batch in order."""
        for record in batch.records:
            order = record.order
            assert order is not None
            extra = {
                "order_id": order.order_id,
                "customer_id": order.customer_id,
                "product_id": order.product_id,
                "quantity": order.quantity,
                "amount": order.amount,
                "partition": record.partition,
                "offset": record.offset,
            }
            log.info("order", extra=extra)

    async def close(self) -> None:
        """Nothing to let go of."""
