"""Loading the user's handler."""

from collections.abc import Sequence

import pytest

from orderpipeline_common.contract import Env
from orderpipeline_common.order import Order
from orderpipeline_common.runtime import SettingsError
from orderpipeline_consumer.sinks.handler import load_handler

NOT_CALLABLE = 1


async def handler(orders: Sequence[Order]) -> None: ...


def not_async(orders: Sequence[Order]) -> None: ...


def test_a_handler_is_found_by_name() -> None:
    assert load_handler(f"{__name__}:handler") is handler


@pytest.mark.parametrize(
    "name", ["nothing", "no.such:thing", f"{__name__}:missing", f"{__name__}:not_async", f"{__name__}:NOT_CALLABLE"]
)
def test_a_name_that_is_not_a_handler_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=Env.HANDLER):
        load_handler(name)
