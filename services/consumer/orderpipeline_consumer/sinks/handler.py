"""The user's own handler, given as `module:callable`."""

import importlib
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from orderpipeline_common.contract import Env
from orderpipeline_common.order import Order
from orderpipeline_common.runtime import SettingsError
from orderpipeline_consumer.records.batch import BatchSlice
from orderpipeline_consumer.records.topic_partition import TopicPartition
from orderpipeline_consumer.sinks.base import Batch, PartitionLease, SinkContext

Handler = Callable[[Sequence[Order]], Awaitable[None]]


def load_handler(name: str) -> Handler:
    """Import the handler. Raises SettingsError if it does not exist or is not `async def`."""
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


@dataclass(frozen=True, slots=True)
class HandlerConfig:
    """`name` is `module:callable`."""

    name: str

    def check(self) -> None:
        """The handler is imported when the sink is opened, not before."""

    def open(self, _: SinkContext) -> "HandlerSink":
        """Raises SettingsError if the handler cannot be loaded."""
        return HandlerSink(load_handler(self.name))


class HandlerSink:
    """Calls the handler with the orders of a batch, each customer's in the order in which they were placed."""

    concurrent_batches: Final = True
    batch_orders: Final = 1

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def acquire(self, _: TopicPartition, __: str) -> PartitionLease:
        """A handler stores no positions."""
        return PartitionLease()

    async def verify(self, _: TopicPartition, __: PartitionLease) -> None:
        """Nothing was stored."""

    async def handle(self, batch: Batch) -> None:
        """Raises what the handler raises."""
        records = batch.records
        if isinstance(records, BatchSlice):
            await self._handler(records.orders)
        else:
            await self._handler([record.order for record in records if record.order is not None])

    async def close(self) -> None:
        """Holds nothing."""
