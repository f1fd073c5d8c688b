"""Commits of finished offsets."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from orderpipeline_consumer.metrics import Metrics
from orderpipeline_consumer.processing.partition import Partition

log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 0.5
"""Longest that a finished order waits for its batch to fill before it is committed."""
PACE_SECONDS: Final = 0.02
"""Shortest time from one commit to the next: what finishes meanwhile goes with the next one."""
FAILED_SECONDS: Final = 0.25
STALE_TRIES: Final = 5
STALE_SECONDS: Final = 0.1
REBALANCING: Final = (
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.STALE_MEMBER_EPOCH,
)
"""The group has moved on and this member has not followed yet: it does so while it polls, and may commit then."""


class Commits:
    """One commit per `batch_size` finished orders, or after IDLE_SECONDS with fewer; one at a time.

    Commits are synchronous, since the client retries an asynchronous one by itself, which could then overtake a later
    one. Those of `maybe` are made in a thread of their own, so that the Kafka thread goes on meanwhile. All methods are
    the Kafka thread's.
    """

    def __init__(
        self,
        topic: str,
        batch_size: int,
        metrics: Metrics,
        troubled: Callable[[str], None],
        *,
        clock: Callable[[], float],
    ) -> None:
        """`troubled` is told why commits fail, or an empty string when one succeeded."""
        self._topic = topic
        self._batch_size = batch_size
        self._metrics = metrics
        self._troubled = troubled
        self._clock = clock
        self._next = 0.0
        self._not_before = 0.0
        self._thread: threading.Thread | None = None
        self.since: float | None = None
        """The clock's time at which the commit that is under way began; None when there is none."""

    def maybe(self, consumer: Consumer, partitions: Iterable[Partition]) -> None:
        """Begin a commit when it is time. A failure is noted and tried again later."""
        now = self._clock()
        if now < self._not_before or self.since is not None:
            return
        behind = _behind(partitions)
        if not behind:
            return
        orders = sum(position - one.committed for one, position in behind if one.committed is not None)
        if orders >= self._batch_size or now >= self._next:
            self._not_before = now + PACE_SECONDS
            self.since = now
            self._thread = threading.Thread(target=self._beside, args=(consumer, behind), name="commit", daemon=True)
            self._thread.start()

    def _beside(self, consumer: Consumer, behind: list[tuple[Partition, int]]) -> None:
        try:
            self._commit(consumer, behind)
        except KafkaException:
            self._not_before = self._clock() + FAILED_SECONDS
        finally:
            self.since = None

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until no commit is under way; whether that is so."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def now(self, consumer: Consumer, partitions: Iterable[Partition]) -> None:
        """Commit all that is finished. Raises KafkaException when that fails."""
        self.wait()
        behind = _behind(partitions)
        if behind:
            self._commit(consumer, behind)

    def finally_(self, consumer: Consumer, partitions: Iterable[Partition]) -> None:
        """As now, for partitions that are given up. A member whose epoch has just moved on is refused until its next
        heartbeat is answered, which needs no poll: that much is waited for."""
        for _ in range(STALE_TRIES):
            try:
                return self.now(consumer, partitions)
            except KafkaException as error:
                if error.args[0].code() not in REBALANCING:
                    raise
                time.sleep(STALE_SECONDS)
        return self.now(consumer, partitions)

    def _commit(self, consumer: Consumer, behind: list[tuple[Partition, int]]) -> None:
        self._next = self._clock() + IDLE_SECONDS
        offsets = [TopicPartition(self._topic, one.number, position) for one, position in behind]
        try:
            _check(consumer.commit(offsets=offsets, asynchronous=False))
        except KafkaException as error:
            self._metrics.commits.labels("failed").inc()
            if error.args[0].code() not in REBALANCING:
                self._troubled(str(error))
            raise
        self._metrics.commits.labels("ok").inc()
        self._troubled("")
        for one, position in behind:
            one.committed = position


def _check(answers: list[TopicPartition]) -> None:
    for answer in answers:
        if answer.error is not None:
            raise KafkaException(answer.error)


def _behind(partitions: Iterable[Partition]) -> list[tuple[Partition, int]]:
    return [(one, position) for one in partitions if (position := _uncommitted(one)) is not None]


def _uncommitted(partition: Partition) -> int | None:
    """The position to commit, or None when Kafka has it already. Never lower than an earlier commit of the same log."""
    offsets = partition.offsets
    if partition.committed_of is not offsets:
        partition.committed_of = offsets
        partition.committed = None
    position = offsets.position
    if position is None or (partition.committed is not None and position <= partition.committed):
        return None
    return position
