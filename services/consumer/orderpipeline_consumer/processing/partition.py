"""One assignment of one partition: what was received, what is queued, what may be committed."""

import logging
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from orderpipeline_consumer.processing.keyed_queue import KeyedQueue
from orderpipeline_consumer.processing.start import LogState, Start
from orderpipeline_consumer.records.arrivals import Arrivals
from orderpipeline_consumer.records.batch import BatchSlice, FetchedBatch
from orderpipeline_consumer.records.completed import Completed, merge
from orderpipeline_consumer.records.log_position import LogPosition
from orderpipeline_consumer.records.offsets import InFlightRange, OffsetTracker
from orderpipeline_consumer.records.record import Record
from orderpipeline_consumer.records.topic_partition import TopicPartition
from orderpipeline_consumer.sinks.base import PartitionLease

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class AssignedPartition:
    """State of a partition from assignment to revocation. A new assignment is a new object, so late results of an
    earlier one only reach the earlier object, which is never committed again.

    Records wait in `slices`. As long as only one batch is in flight, it is cut from there unchanged (`whole`). For a
    concurrent second one, or after a failure, records go one by one through `queue`, which keeps customers apart.

    The dispatcher (event loop) writes the fields up to `received`; those after it belong to the poll loop's thread.
    Each side only reads single values of the other's."""

    topic_partition: TopicPartition
    offsets: OffsetTracker = field(default_factory=OffsetTracker)
    slices: deque[BatchSlice] = field(default_factory=deque)
    queue: KeyedQueue[Record] = field(default_factory=KeyedQueue)
    whole: BatchSlice | None = None
    """The batch in flight that is not split into single records."""
    attempts: dict[str, int] = field(default_factory=dict)
    """Failed attempts at the first order of each ordering key."""
    outages: dict[str, int] = field(default_factory=dict)
    """Attempts at each ordering key for which the sink was unavailable."""
    running: int = 0
    """Batches and dead letters in flight that a drain waits for."""
    last_started: int = -1
    """The highest offset that was ever passed to the sink."""
    draining: bool = False
    lease: PartitionLease | None = None
    """What the sink granted for this assignment."""
    start: Start | None = None
    """Where reading begins; no record is received before this is known."""
    done: Completed | None = None
    """What an earlier owner has completed above `start`."""
    dead_letters: set[int] = field(default_factory=set)
    """Offsets above the position that were written as dead letters."""
    stored: int | None = None
    """The offset up to which the sink has stored the partition."""
    storing: int | None = None
    """The offset that the batch in flight asks the sink to store."""
    restart: str = ""
    """Why the partition must be assigned anew by the poll loop, or an empty string."""
    open: int = 0
    """Records received and not yet complete."""
    bytes: int = 0
    """Their approximate size in memory."""
    received: int = 0
    """Records that have ever arrived from the poll loop's thread."""
    arrivals: Arrivals = field(default_factory=Arrivals)

    log: LogState | None = None
    """The log when it was assigned; None until Kafka has answered."""
    positioned: bool = False
    """Whether the client reads from `start`."""
    fetched: int = 0
    committed: int | None = None
    committed_tracker: OffsetTracker | None = None
    """The tracker that `committed` belongs to."""
    completed: Completed | None = None
    """What was complete above the position when that was last asked for, at `completed_at`."""
    completed_at: float = 0.0
    committed_completed: Completed | None = None
    paused: bool = False

    @property
    def preliminary(self) -> LogPosition | None:
        """An offset that the log has, for the client to begin with until `start` is known; None if that is unknown."""
        if self.log is None:
            return None
        offset = self.log.begin if self.log.commit is None else self.log.commit.position.offset
        return LogPosition(min(max(offset, self.log.begin), self.log.end))

    @property
    def waiting_since(self) -> float | None:
        """When the oldest record that is not complete was received, on the dispatcher's clock; None if there is none.

        Once draining it is unknown: what was dropped is received again, by whoever gets the partition."""
        return self.arrivals.oldest(self.offsets.position) if self.open and not self.draining else None

    @property
    def ready(self) -> bool:
        """Whether `next_batch` may return something."""
        return bool(self.slices) or self.queue.ready

    def begin(self, lease: PartitionLease, start: Start) -> None:
        """Records may be received from `start` on."""
        self.lease = lease
        self.stored = lease.position.offset if lease.position is not None else None
        self.offsets = OffsetTracker(None if start.cut else start.position)
        self.done = start.done
        self.start = start

    def receive(self, batch: FetchedBatch) -> None:
        """Queue a batch behind all others; what an earlier owner has completed is not handled again."""
        first = batch.offset(0)
        expected = self.offsets.next_offset
        if expected is not None and first < expected:
            self._start_over(first)
        done = self.done
        if done is None or done.leader_epoch != batch.leader_epoch or first > done.ranges[-1][1]:
            self._append(BatchSlice(batch, 0, len(batch)))
        else:
            for start, end, complete in done.parts(len(batch), batch.offset):
                self._append(BatchSlice(batch, start, end, complete=complete))
        self._pass_complete()

    def next_batch(self, limit: int) -> Sequence[Record]:
        """Up to `limit` records that may be handled now, each customer's in order; none if all have to wait."""
        if self.slices and self.whole is None and self.queue.idle:
            records = self._next_slice(limit)
            if records.all_valid:
                self.whole = records
                self.last_started = records.last_offset
                return records
            self._queue(records)
        while self.slices and not self.queue.ready:
            self._queue(self._next_slice(limit))
        batch = self.queue.pop_batch(limit)
        self.last_started = max([self.last_started, *(record.offset for record in batch)])
        return batch

    def completed_from(self, position: int) -> Completed | None:
        """What is complete from `position` on, by this assignment and earlier ones. From any thread.

        Of a sink that stores positions only the dead letters: should its database go back while the position stands
        still, what it had stored above has to be stored again, and nothing else would tell.
        """
        own, earlier = self.offsets.completed_from(position), self.done
        if own is not None and self.lease is not None and self.lease.stores_positions:
            own = own.only([offset for offset in list(self.dead_letters) if offset >= position])
        if earlier is None or (own is not None and own.leader_epoch != earlier.leader_epoch):
            return own
        ranges = merge([*(own.ranges if own is not None else ()), *earlier.ranges], position)
        return Completed(earlier.leader_epoch, ranges) if ranges else None

    def position_with(
        self, tracker: OffsetTracker, completed: Collection[int] = (), records: InFlightRange | None = None
    ) -> LogPosition:
        """What the sink may store along with these records."""
        position = tracker.position_if(completed, records)
        self.storing = position.offset
        return position

    def complete(self, tracker: OffsetTracker, records: Sequence[Record]) -> None:
        """These records are handled, or written as dead letters. `tracker` is `offsets` as it was when they were
        started: the partition may have started over since."""
        tracker.complete([record.offset for record in records])
        self._subtract(tracker, len(records), sum(record.size for record in records))

    def complete_dead_letter(self, tracker: OffsetTracker, record: Record) -> None:
        """The record was written as a dead letter; see `complete`."""
        if tracker is self.offsets:
            position = tracker.position or 0
            self.dead_letters = {offset for offset in self.dead_letters if offset >= position} | {record.offset}
        self.complete(tracker, [record])

    def complete_whole(self, tracker: OffsetTracker, records: BatchSlice) -> None:
        """The batch `records` is handled."""
        tracker.complete_range(records.in_flight)
        self._subtract(tracker, len(records), records.size)
        if self.whole is records:
            self.whole = None
            self.queue.release_held()

    def split(self, tracker: OffsetTracker, records: BatchSlice) -> list[Record]:
        """The records of a batch in flight, which complete one by one from now on; their keys are in use."""
        if self.whole is records:
            self.whole = None
            self.queue.hold(records.ordering_keys)
            self.queue.detach_held()
        single = _split(records)
        self._subtract(tracker, 0, records.size - sum(record.size for record in single))
        return single

    def begin_drain(self) -> None:
        """Take no more, and drop what was not started; what is queued below `last_started` is kept, because the orders
        behind it would otherwise be handled twice."""
        self.draining = True
        self.slices.clear()
        self.queue.discard(lambda record: record.offset > self.last_started)

    def abandon(self) -> None:
        """Drop everything that is not in flight, and take no more."""
        self.draining = True
        self.slices.clear()
        self.queue.clear()

    def give_back(self, reason: str) -> None:
        """The poll loop must assign the partition anew: nothing of this assignment counts any more."""
        self.abandon()
        self.restart = reason

    def _start_over(self, offset: int) -> None:
        log.warning(
            "partition %s went back to offset %d: its log was truncated or recreated", self.topic_partition, offset
        )
        self.slices.clear()
        self.queue.clear()
        self.offsets = OffsetTracker()
        self.arrivals.clear()
        self.open = self.bytes = 0
        self.last_started = -1
        self.attempts.clear()
        self.outages.clear()
        self.done = None
        self.dead_letters = set()

    def _subtract(self, tracker: OffsetTracker, records: int, size: int) -> None:
        if tracker is self.offsets:  # otherwise they were records of the earlier log
            self.open -= records
            self.bytes -= size

    def _next_slice(self, limit: int) -> BatchSlice:
        head, rest = self.slices.popleft().split_at(limit)
        if rest is not None:
            self.slices.appendleft(rest)
        self.offsets.start(head.in_flight, self.slices[0].first_offset if self.slices else None)
        self._pass_complete()
        return head

    def _append(self, records: BatchSlice) -> None:
        self.offsets.receive(records.first_offset, records.last_offset, len(records), records.leader_epoch)
        self.slices.append(records)
        if not records.complete:
            self.open += len(records)
            self.bytes += records.size

    def _pass_complete(self) -> None:
        """The first slice is always one that is not complete."""
        while self.slices and self.slices[0].complete:
            records = self.slices.popleft()
            self.offsets.start(records.in_flight, self.slices[0].first_offset if self.slices else None)
            self.offsets.complete_range(records.in_flight)

    def _queue(self, records: BatchSlice) -> None:
        if self.whole is not None:
            self.queue.hold(self.whole.ordering_keys)
        single = _split(records)
        self.bytes += sum(record.size for record in single) - records.size
        for record in single:
            self.queue.push(record.ordering_key, record)


def _split(records: BatchSlice) -> list[Record]:
    single = list(records)
    records.in_flight.split([record.offset for record in single])
    return single
