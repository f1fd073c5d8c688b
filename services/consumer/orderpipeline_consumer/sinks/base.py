"""What the consumer asks of a sink."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from orderpipeline_consumer.records.record import Record


@dataclass(frozen=True, slots=True)
class Claim:
    """A partition taken over. `position` is the offset from which the sink lacks records, None when it keeps no
    offsets; `epoch` proves to the sink that a batch comes from the partition's latest owner."""

    position: int | None = None
    epoch: int = 0
    topic_id: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition, each customer's in order; every one holds an order.

    `position()` is what may be kept as the partition's offset once this batch is in: all records below it are finished.
    Ask late: it moves on while other batches of the partition finish.
    """

    partition: int
    records: Sequence[Record]
    position: Callable[[], int | None]
    claim: Claim


class Sink(Protocol):
    """Takes orders. Raise PermanentError or UnavailableError to say more than that it failed."""

    @property
    def side_by_side(self) -> bool:
        """Whether batches of one partition gain from running at the same time."""

    async def claim(self, partition: int) -> Claim:
        """Called once per assignment before any record of it. May raise; it is asked again."""

    async def handle(self, batch: Batch) -> None:
        """Return when the batch is safe. May run at the same time for other customers of the same partition."""

    async def close(self) -> None:
        """Let go of connections."""
