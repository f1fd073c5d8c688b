"""Ownership of partitions in the sink: acquired, turned into a place to begin, and verified while it is held."""

import asyncio
import logging
from typing import Final

from orderpipeline_consumer.degradations import Degradations
from orderpipeline_consumer.errors import FencedError, UnavailableError, WentBackError
from orderpipeline_consumer.metrics import Metrics
from orderpipeline_consumer.processing.gaps import Gaps
from orderpipeline_consumer.processing.partition import AssignedPartition
from orderpipeline_consumer.processing.policy import Policy
from orderpipeline_consumer.processing.start import Gap, LogState, choose_start
from orderpipeline_consumer.sinks.base import PartitionLease, Sink

log = logging.getLogger(__name__)

VERIFY_SECONDS: Final = 15.0
"""How often the sink is asked whether it still has what it stored."""
GAP_SECONDS: Final = 5.0
"""How often the sink is asked whether a partition with a gap may go on."""


class Leases:
    """Belongs to the event loop."""

    def __init__(self, sink: Sink, policy: Policy, metrics: Metrics, degradations: Degradations) -> None:
        self._sink = sink
        self._policy = policy
        self._metrics = metrics
        self._degradations = degradations
        self._gaps = Gaps(degradations)

    async def hold(self, partition: AssignedPartition) -> None:
        """Acquire the partition and begin with it, or give it back after a while if it has a gap. While the sink is
        unavailable, it is asked again. Then verify the lease now and then, if it is one that can be lost, for as long
        as the partition is assigned."""
        assert partition.log is not None
        lease = await self._acquire(partition, partition.log)
        start = choose_start(partition.log, lease)
        if isinstance(start, Gap):
            self._gaps.set(partition.topic_partition, start)
            await asyncio.sleep(GAP_SECONDS)
            partition.give_back("its gap may have been closed")
            return
        self._gaps.clear(partition.topic_partition)
        if start.cause:
            self._metrics.restarts.labels(start.cause).inc()
            where = "where it was cut" if start.cut else f"at offset {start.position.offset}"
            log.warning("partition %s begins %s: %s", partition.topic_partition, where, start.note)
        partition.begin(lease, start)
        if lease.stores_positions:
            await self._verify(partition, lease)

    def forget(self, partition: AssignedPartition) -> None:
        """The partition is no longer assigned, unless it was given back and is assigned anew."""
        if not partition.restart:
            self._gaps.clear(partition.topic_partition)

    async def _acquire(self, partition: AssignedPartition, state: LogState) -> PartitionLease:
        attempts = 0
        while True:
            try:
                lease = await self._sink.acquire(partition.topic_partition, state.topic_id)
            except Exception as error:
                attempts += 1
                self._degradations.set("sink", str(error))
                await asyncio.sleep(self._policy.outage_delay(attempts))
            else:
                self._degradations.clear("sink")
                return lease

    async def _verify(self, partition: AssignedPartition, lease: PartitionLease) -> None:
        """Without orders to store, nothing else would show that the sink's database has gone back."""
        while True:
            await asyncio.sleep(VERIFY_SECONDS)
            try:
                await self._sink.verify(partition.topic_partition, lease)
            except WentBackError as error:
                partition.give_back(str(error))
                return
            except (FencedError, UnavailableError) as error:  # the next batch will meet the same
                log.debug("partition %s: %s", partition.topic_partition, error)
