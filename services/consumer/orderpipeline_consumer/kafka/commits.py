"""Commits of completed offsets."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from orderpipeline_common.supervision import Activity
from orderpipeline_consumer.kafka.client import to_kafka
from orderpipeline_consumer.metrics import Metrics
from orderpipeline_consumer.processing.partition import AssignedPartition
from orderpipeline_consumer.records.commit import Commit

log = logging.getLogger(__name__)

MAX_DELAY_SECONDS: Final = 0.5
"""Longest that a completed order waits for enough others before it is committed."""
MIN_INTERVAL_SECONDS: Final = 0.02
"""Shortest time from one commit to the next: what completes meanwhile is part of the next one."""
RETRY_SECONDS: Final = 0.25
STALE_RETRIES: Final = 5
STALE_RETRY_SECONDS: Final = 0.1
COMPLETED_SECONDS: Final = 1.0
"""How often the records that are complete above the position are looked up, and committed if they are others."""
REBALANCING: Final = (
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.STALE_MEMBER_EPOCH,
)
"""The group has moved on and this member has not followed yet: it does so while it polls, and may commit then."""

Uncommitted = list[tuple[AssignedPartition, Commit]]


class Commits:
    """One commit per `batch_size` completed orders, or after MAX_DELAY_SECONDS with fewer; one at a time.

    Commits are synchronous, since the client retries an asynchronous one by itself, which could then overtake a later
    one. `commit_if_due` commits in a thread of its own, so that the poll loop goes on meanwhile. All methods belong to
    the poll loop's thread.
    """

    def __init__(
        self,
        batch_size: int,
        metrics: Metrics,
        on_result: Callable[[str], None],
        activity: Activity,
        *,
        clock: Callable[[], float],
    ) -> None:
        """`on_result` is called after each commit, from any thread, with why it failed or an empty string. `activity`
        is idle while no commit is in progress."""
        self._batch_size = batch_size
        self._metrics = metrics
        self._on_result = on_result
        self._clock = clock
        self._commits_completed = True
        self._due_at = 0.0
        self._not_before = 0.0
        self._thread: threading.Thread | None = None
        self._in_progress = False
        self.activity = activity
        activity.idle()

    def commit_if_due(self, consumer: Consumer, partitions: Iterable[AssignedPartition]) -> None:
        """Start a commit if it is time for one. A failure is reported, and retried later."""
        now = self._clock()
        if now < self._not_before or self._in_progress:
            return
        uncommitted = self._uncommitted(partitions)
        if not uncommitted:
            return
        orders = sum(
            commit.position.offset - each.committed for each, commit in uncommitted if each.committed is not None
        )
        if orders >= self._batch_size or now >= self._due_at:
            self._not_before = now + MIN_INTERVAL_SECONDS
            self._in_progress = True
            self.activity.turn()
            self._thread = threading.Thread(
                target=self._commit_in_thread, args=(consumer, uncommitted), name="commit", daemon=True
            )
            self._thread.start()

    def commit(self, consumer: Consumer, partitions: Iterable[AssignedPartition]) -> None:
        """Commit everything that is complete. Raises KafkaException."""
        self.join()
        uncommitted = self._uncommitted(partitions, everything=True)
        if uncommitted:
            self._commit(consumer, uncommitted)

    def commit_before_revoke(self, consumer: Consumer, partitions: Iterable[AssignedPartition]) -> None:
        """As `commit`, for partitions that are being revoked. A member whose epoch has just changed is refused until
        its next heartbeat is answered, which needs no poll: that long it is retried."""
        for _ in range(STALE_RETRIES):
            try:
                return self.commit(consumer, partitions)
            except KafkaException as error:
                if error.args[0].code() not in REBALANCING:
                    raise
                time.sleep(STALE_RETRY_SECONDS)
        return self.commit(consumer, partitions)

    def join(self) -> None:
        """Wait until no commit is in progress."""
        if self._thread is not None:
            self._thread.join()

    def _uncommitted(self, partitions: Iterable[AssignedPartition], *, everything: bool = False) -> Uncommitted:
        return [
            (each, commit)
            for each in partitions
            if (commit := self._next_commit(each, everything=everything)) is not None
        ]

    def _next_commit(self, partition: AssignedPartition, *, everything: bool) -> Commit | None:
        """None if there is nothing new. Never lower than an earlier commit of the same log."""
        tracker, lease = partition.offsets, partition.lease
        if partition.committed_tracker is not tracker:
            partition.committed_tracker = tracker
            partition.committed = partition.completed = partition.committed_completed = None
            partition.completed_at = 0.0
        position = tracker.position
        if position is None or partition.log is None or lease is None or not partition.positioned:
            return None
        # `stored` is read after the position: by then it covers what completed below it.
        stored = partition.stored
        if self._commits_completed:
            self._look_up_completed(partition, position, everything=everything)
        completed = None if partition.completed is None else partition.completed.above(position)
        moved = partition.committed is None or position > partition.committed
        if not moved and completed == partition.committed_completed:
            return None
        return Commit(tracker.at(position), partition.log.topic_id, stored, completed)

    def _look_up_completed(self, partition: AssignedPartition, position: int, *, everything: bool) -> None:
        now = self._clock()
        if everything or now >= partition.completed_at + COMPLETED_SECONDS:
            partition.completed_at = now
            partition.completed = partition.completed_from(position)

    def _commit_in_thread(self, consumer: Consumer, uncommitted: Uncommitted) -> None:
        try:
            self._commit(consumer, uncommitted)
        except Exception as error:
            self._not_before = self._clock() + RETRY_SECONDS
            if not isinstance(error, KafkaException):  # a bug: that commit fails, and the next one is tried
                log.exception("a commit failed")
                self._on_result(repr(error))
        finally:
            self.activity.idle()
            self._in_progress = False

    def _commit(self, consumer: Consumer, uncommitted: Uncommitted) -> None:
        self._due_at = self._clock() + MAX_DELAY_SECONDS
        offsets = [to_kafka(each.topic_partition, commit.position, commit.metadata) for each, commit in uncommitted]
        try:
            _raise_first_error(consumer.commit(offsets=offsets, asynchronous=False))
        except KafkaException as error:
            self._metrics.commits.labels("failed").inc()
            if error.args[0].code() == KafkaError.OFFSET_METADATA_TOO_LARGE:
                self._commits_completed = False  # the broker allows less than by default
                for each, _ in uncommitted:
                    each.completed = None
            if error.args[0].code() not in REBALANCING:
                self._on_result(str(error))
            raise
        self._metrics.commits.labels("ok").inc()
        self._on_result("")
        for each, commit in uncommitted:
            each.committed = commit.position.offset
            each.committed_completed = commit.done


def _raise_first_error(results: list[TopicPartition]) -> None:
    for result in results:
        if result.error is not None:
            raise KafkaException(result.error)
