"""The user's own handler, named `module:callable`."""

import importlib
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from orderpipeline_common.contract import Env
from orderpipeline_common.order import Order
from orderpipeline_common.runtime import SettingsError
from orderpipeline_consumer.records.batch import Part
from orderpipeline_consumer.sinks.base import Batch, Claim

Handler = Callable[[Sequence[Order]], Awaitable[None]]


def load(name: str) -> Handler:
    """Import the handler. Raises SettingsError when there is none of that name, or it is not `async def`."""
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise SettingsError(f"{Env.HANDLER}={name!r}; it must be module:callable, such as shop.orders:handle")
    try:
        found: object = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"{Env.HANDLER}={name}: {error}; is the module in the image?") from error
    if not callable(found) or not (
        inspect.iscoroutinefunction(found) or inspect.iscoroutinefunction(getattr(found, "__call__", None))  # noqa: B004
    ):
        raise SettingsError(
            f"{Env.HANDLER}={name} must be `async def {attribute}(orders)`, it is {type(found).__name__}"
        )
    return found


class HandlerSink:
    """Calls the handler with the orders of a batch, those of a customer in the order they were placed."""

    side_by_side: Final = True

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def claim(self, partition: int) -> Claim:
        """A handler keeps no offsets."""
        return Claim()

    async def handle(self, batch: Batch) -> None:
        """Raises what the handler raises."""
        records = batch.records
        if isinstance(records, Part):
            await self._handler(records.orders)
        else:
            await self._handler([record.order for record in records if record.order is not None])

    async def close(self) -> None:
        """Nothing to let go of."""
