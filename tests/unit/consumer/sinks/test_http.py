"""What the webhook receives."""

from orderpipeline_consumer.sinks.http import idempotency_key
from tests.unit.consumer.builders import record


def test_the_idempotency_key_depends_on_the_orders_and_their_order() -> None:
    a, b = record(1), record(2)
    assert idempotency_key([a, b]) == idempotency_key([a, b])
    assert len({idempotency_key(each) for each in ([a], [b], [a, b], [b, a])}) == 4
