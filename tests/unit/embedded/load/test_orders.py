"""Generated orders."""

import pytest

from orderpipeline_common.order import decode_order
from orderpipeline_embedded.load.orders import SMALLEST, generated


@pytest.mark.parametrize("size", [SMALLEST, 100, 150, 300, 10_240])
def test_generated_orders_are_valid_and_of_the_given_size(size: int) -> None:
    orders = list(generated(50, 20, size))
    assert {len(order) for order in orders} == {size}
    assert 5 < len({decode_order(order).customer_id for order in orders}) <= 20
    assert orders == list(generated(50, 20, size))


def test_too_small_an_order_is_rejected() -> None:
    with pytest.raises(ValueError, match=f"{SMALLEST} or more"):
        list(generated(1, 1, SMALLEST - 1))
