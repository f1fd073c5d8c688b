"""Records for the consumer's unit tests."""

from orderpipeline_common.order import Order
from orderpipeline_consumer.records import Record


def record(offset: int, customer: str = "c", *, product: str = "p", poison: bool = False, partition: int = 0) -> Record:
    """A record at `offset`; poison has no order in it."""
    order = None if poison else Order(customer, product, 1, 1.5, f"o{offset}")
    value = b"?" if poison else b'{"amount":1.5}'
    return Record(partition, offset, 1000 + offset, customer.encode(), value, (), order, "bad" if poison else "")
