"""One assignment of one partition: what was received, what is queued, what may be committed."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from orderpipeline_consumer.processing.keyed_queue import KeyedQueue
from orderpipeline_consumer.records.batch import Lot, Part
from orderpipeline_consumer.records.offsets import Offsets
from orderpipeline_consumer.records.record import Record
from orderpipeline_consumer.sinks.base import Claim


@dataclass(slots=True, eq=False)
class Partition:
    """State of a partition from assignment to revocation. A new assignment is a new object: results of an earlier one
    reach only the earlier object, which nobody commits any more.

    Records wait in `lots`. As long as one batch is under way at a time, it is cut from there as it is (`whole`). For a
    second one beside it, or after a failure, they go one by one through `queue`, which keeps customers apart.

    The engine (event loop) writes all but the last four fields, which are the Kafka thread's; each side only reads
    single values of the other's."""

    number: int
    offsets: Offsets = field(default_factory=Offsets)
    lots: deque[Part] = field(default_factory=deque)
    queue: KeyedQueue[Record] = field(default_factory=KeyedQueue)
    whole: Part | None = None
    """The batch under way that is not made of single records."""
    attempts: dict[str, int] = field(default_factory=dict)
    """Failed attempts at the first order of a lane."""
    outages: dict[str, int] = field(default_factory=dict)
    running: int = 0
    """Batches and dead letters on their way."""
    started: int = -1
    """Highest offset that was ever handed to the handler."""
    draining: bool = False
    claim: Claim | None = None
    """What the sink said when it took the partition; no record is handled before."""
    early: list[Lot | int] = field(default_factory=list)
    """What came before the claim; its bytes count in `bytes`."""
    open: int = 0
    """Records received and not yet finished."""
    bytes: int = 0
    """Their size."""
    received: int = 0
    """Records that have come over from the Kafka thread, ever."""

    handed: int = 0
    committed: int | None = None
    committed_of: Offsets | None = None
    paused: bool = False

    @property
    def ready(self) -> bool:
        """Whether `take` may give something."""
        return bool(self.lots) or self.queue.ready

    def receive(self, part: Part) -> None:
        """Queue records behind all others."""
        self.offsets.received(part.first, part.last, len(part))
        self.open += len(part)
        self.bytes += part.size
        self.lots.append(part)

    def take(self, limit: int) -> Sequence[Record]:
        """Up to `limit` records that may be handled now, those of a customer in order; none when all have to wait."""
        if self.lots and self.whole is None and self.queue.idle:
            part = self._next(limit)
            if part.plain:
                self.whole = part
                self.started = part.last
                return part
            self._queue(part)
        while self.lots and not self.queue.ready:
            self._queue(self._next(limit))
        batch = self.queue.take(limit)
        self.started = max([self.started, *(record.offset for record in batch)])
        return batch

    def finished(self, part: Part) -> None:
        """The batch `part` is no longer under way."""
        if self.whole is part:
            self.whole = None
            self.queue.let_go()

    def split(self, part: Part) -> list[Record]:
        """The records of the batch `part`, which finish one by one from now on; their customers are out."""
        if self.whole is part:
            self.whole = None
            self.queue.hold(part.customers)
            self.queue.keep()
        return _single(part)

    def forget(self) -> None:
        """Drop what was not begun."""
        self.lots.clear()

    def _next(self, limit: int) -> Part:
        part, rest = self.lots.popleft().cut(limit)
        if rest is not None:
            self.lots.appendleft(rest)
        self.offsets.begun(part.run, self.lots[0].first if self.lots else None)
        return part

    def _queue(self, part: Part) -> None:
        if self.whole is not None:
            self.queue.hold(self.whole.customers)
        records = _single(part)
        self.bytes += sum(record.size for record in records) - part.size
        for record in records:
            self.queue.push(record.lane, record)


def _single(part: Part) -> list[Record]:
    records = list(part)
    part.run.split([record.offset for record in records])
    return records
