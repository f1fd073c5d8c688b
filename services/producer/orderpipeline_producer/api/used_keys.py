"""Which order an Idempotency-Key was used for, as far as this process remembers."""

from typing import Final

from orderpipeline_producer.web import problems

MAX_KEYS: Final = 10000
"""Most keys to remember. Beyond that the one used longest ago is forgotten; another order with it has its own effect
then."""


class UsedKeys:
    """Keys of single orders, by client and key, with the order_id that was derived from key and order."""

    def __init__(self) -> None:
        self._orders: dict[tuple[str, str], str] = {}

    def check(self, client: str, key: str, order_id: str) -> None:
        """Raises Problem 422 if the key was used for another order."""
        if self._orders.get((client, key), order_id) != order_id:
            raise problems.key_of_another_order(key)

    def add(self, client: str, key: str, order_id: str) -> None:
        """The order was handed to the Kafka client."""
        self._orders.pop((client, key), None)
        self._orders[client, key] = order_id
        if len(self._orders) > MAX_KEYS:
            del self._orders[next(iter(self._orders))]

    def remove(self, client: str, key: str) -> None:
        """The order was refused after all, so that it may be corrected and sent with the same key."""
        self._orders.pop((client, key), None)
