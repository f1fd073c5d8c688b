"""What becomes of a batch: finished, tried again later, or a dead letter."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from orderpipeline_common.contract import Header
from orderpipeline_consumer.degradations import Troubles
from orderpipeline_consumer.errors import FencedError, PermanentError
from orderpipeline_consumer.metrics import Metrics
from orderpipeline_consumer.processing import dead_letters
from orderpipeline_consumer.processing.backoff import Backoff
from orderpipeline_consumer.processing.bisect_failures import Failure, Outcome, settle
from orderpipeline_consumer.processing.dead_letters import DeadLetters
from orderpipeline_consumer.processing.partition import Partition
from orderpipeline_consumer.records.batch import Part
from orderpipeline_consumer.records.offsets import Offsets
from orderpipeline_consumer.records.record import Headers, Record
from orderpipeline_consumer.sinks.base import Batch, Sink

log = logging.getLogger(__name__)

OUTAGE: Final = Backoff(0.2, 5.0)
Spawn = Callable[[Partition, Coroutine[Any, Any, None]], None]


@dataclass(frozen=True, slots=True)
class Policy:
    """How orders are handled. `outage` is the wait while a sink is down, `backoff` that after an order's own
    failure."""

    topic: str
    workers: int
    batch_size: int
    attempts: int
    backoff: Backoff
    outage: Backoff = OUTAGE


class Handling:
    """Failing orders wait by themselves, and their customers' later orders behind them, while other customers go on.

    `spawn` runs work for a partition in the background, `pump` starts batches that became possible.
    """

    def __init__(
        self,
        policy: Policy,
        sink: Sink,
        dead_letters: DeadLetters | None,
        metrics: Metrics,
        troubles: Troubles,
        *,
        random: Callable[[], float],
        spawn: Spawn,
        pump: Callable[[], None],
    ) -> None:
        self._policy = policy
        self._sink = sink
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._troubles = troubles
        self._random = random
        self._spawn = spawn
        self._pump = pump

    async def work(self, partition: Partition, batch: Sequence[Record]) -> None:
        """Handle the batch and settle what becomes of each order. Raises FencedError."""
        offsets, claim = partition.offsets, partition.claim
        assert claim is not None
        failed: Exception | None = None
        if isinstance(batch, Part):
            try:
                await self._call(Batch(partition.number, batch, partial(offsets.position_with, run=batch.run), claim))
            except FencedError:
                raise
            except Exception as error:
                failed = error
            else:
                offsets.finished_run(batch.run)
                self._account(partition, offsets, len(batch), batch.size)
                partition.finished(batch)
                return
            size = batch.size
            batch = partition.split(batch)
            self._account(partition, offsets, 0, size - sum(record.size for record in batch))

        async def handle(part: Sequence[Record]) -> None:
            position = partial(offsets.position_with, {record.offset for record in part})
            await self._call(Batch(partition.number, part, position, claim))
            self._finish(partition, offsets, part)

        outcome = await settle(batch, handle, failed)
        self._conclude(partition, offsets, batch, outcome)

    async def _call(self, batch: Batch) -> None:
        began = time.monotonic()
        try:
            await self._sink.handle(batch)
        finally:
            self._metrics.seconds.observe(time.monotonic() - began)
        self._metrics.handled.inc(len(batch.records))
        self._troubles.clear("sink")

    def _finish(self, partition: Partition, offsets: Offsets, records: Sequence[Record]) -> None:
        offsets.finished([record.offset for record in records])
        self._account(partition, offsets, len(records), sum(record.size for record in records))

    def _account(self, partition: Partition, offsets: Offsets, orders: int, size: int) -> None:
        if offsets is partition.offsets:  # else they were of a log that is no more
            partition.open -= orders
            partition.bytes -= size

    def _conclude(self, partition: Partition, offsets: Offsets, batch: Sequence[Record], outcome: Outcome) -> None:
        if outcome.unavailable is not None:
            self._troubles.set("sink", str(outcome.unavailable))
        for lane in dict.fromkeys(record.lane for record in batch):
            if offsets is not partition.offsets:  # of a log that is no more: its offsets mean other orders now
                partition.queue.release(lane)
                continue
            waiting = outcome.waiting.get(lane, [])
            failure = outcome.failed.get(lane)
            if failure is not None:
                self._failed(partition, offsets, lane, failure, waiting)
            elif waiting:
                partition.queue.put_back(lane, waiting)
                partition.outages[lane] = outages = partition.outages.get(lane, 0) + 1
                self._metrics.retried.labels("unavailable").inc(len(waiting))
                self._release_later(partition, lane, self._policy.outage.delay(outages, self._random))
            else:
                partition.attempts.pop(lane, None)
                partition.outages.pop(lane, None)
                partition.queue.release(lane)

    def _failed(
        self, partition: Partition, offsets: Offsets, lane: str, failure: Failure, waiting: list[Record]
    ) -> None:
        record, error = failure.record, failure.error
        attempts = partition.attempts.get(lane, 0) + 1
        if self._dead_letters is not None and (isinstance(error, PermanentError) or attempts >= self._policy.attempts):
            partition.attempts.pop(lane, None)
            partition.outages.pop(lane, None)
            partition.queue.put_back(lane, waiting)
            headers = dead_letters.headers(record, self._policy.topic, error, attempts)
            self._spawn(partition, self._bury(partition, offsets, lane, record, headers))
            return
        partition.attempts[lane] = attempts
        partition.queue.put_back(lane, [record, *waiting], alone=True)
        self._metrics.retried.labels("failed").inc()
        wait = self._policy.backoff.delay(attempts, self._random)
        where = f"{self._policy.topic}/{record.partition}/{record.offset}"
        log.warning("order at %s failed (attempt %d), next in %.1f s: %r", where, attempts, wait, error)
        self._release_later(partition, lane, wait)

    async def _bury(self, partition: Partition, offsets: Offsets, lane: str, record: Record, headers: Headers) -> None:
        """Write a dead letter, as often as it takes: until it is safe the order counts as open and the commit waits."""
        assert self._dead_letters is not None
        attempt = 0
        while True:
            try:
                await self._dead_letters.send(record, headers)
            except Exception as error:
                attempt += 1
                self._metrics.dead_failed.inc()
                self._troubles.set("dead-letter", str(error))
                await self._pause(partition, self._policy.backoff.delay(attempt, self._random))
            else:
                break
        self._troubles.clear("dead-letter")
        self._metrics.dead.inc()
        reason = dict(headers).get(Header.ERROR) or b""
        log.warning(
            "order at %s/%d/%d is a dead letter: %s",
            self._policy.topic,
            record.partition,
            record.offset,
            reason.decode(),
        )
        self._finish(partition, offsets, [record])
        partition.queue.release(lane)

    async def _pause(self, partition: Partition, seconds: float) -> None:
        partition.running -= 1  # a drain does not wait for what waits itself
        try:
            await asyncio.sleep(seconds)
        finally:
            partition.running += 1

    def _release_later(self, partition: Partition, lane: str, seconds: float) -> None:
        def release() -> None:
            partition.queue.release(lane)
            self._pump()

        asyncio.get_running_loop().call_later(seconds, release)
