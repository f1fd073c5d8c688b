"""One batch: it is sent in slices as there is capacity, and gets one reply, which lists what failed."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from orderpipeline_producer.decoding.reader import Slice
from orderpipeline_producer.decoding.record_batch import RecordBatch, Refused
from orderpipeline_producer.kafka.delivery import Delivery, Headers
from orderpipeline_producer.kafka.producer_client import ProducerClient
from orderpipeline_producer.metrics import Metrics
from orderpipeline_producer.web import problems
from orderpipeline_producer.web.problems import Problem
from orderpipeline_producer.web.reply import Reply, json_reply, retry_after

START_SECONDS: Final = 1.0
"""How long a batch waits for capacity before its first order is sent: some times as long as Kafka takes for what is in
flight. After that, the client had better try again, perhaps with another pod."""


class Batch:
    """The orders of one request. `charge` counts orders that were read against the client's quota."""

    def __init__(
        self, client: ProducerClient, headers: Headers, metrics: Metrics, charge: Callable[[int], None]
    ) -> None:
        self._client = client
        self._headers = headers
        self._metrics = metrics
        self._charge = charge
        self._refused: list[Refused] = []
        self._deliveries: list[Delivery] = []
        self._started = False
        self._sent = 0

    async def accept(self, slices: Iterable[Slice | None], deadline: float) -> bool:
        """Send orders, waiting for capacity until the deadline. False if no more of this batch will be accepted."""
        for part in slices:
            if part is None or self._started:
                await asyncio.sleep(0)  # let other requests in between
            if part is None:
                continue
            self._started = True
            self._charge(part.count)
            self._refused += part.refused
            if part.last or (part.batch and not await self._send(part.batch, deadline)):
                return False
        return True

    def break_off(self, index: int, problem: Problem) -> None:
        """The request failed at this order. Raises the problem if it is the first."""
        if not self._started:
            raise problem
        self._refused.append(Refused(index, problem.status, problems.broken_off(problem.detail), problem.field))

    async def reply(self, deadline: float | None) -> Reply:
        """The reply, after waiting for Kafka if there is a deadline. Raises Problem if no order was accepted."""
        late = [] if deadline is None else await self._failures(deadline)
        failed = sorted(self._refused + late, key=lambda refused: refused.index)
        for refused in self._refused:
            self._metrics.reject(refused.status)
        accepted = self._sent - len(late)
        if not failed and not accepted:
            raise problems.empty_batch()
        if not failed:
            return json_reply(202, {"accepted": accepted})
        body = {"accepted": accepted, "failed": failed}
        again = any(refused.status == 503 for refused in failed)
        if not accepted:
            raise problems.nothing_accepted(body, again=again)
        return Reply(207, msgspec.json.encode(body), headers=retry_after(1) if again else ())

    async def _send(self, batch: RecordBatch, deadline: float) -> bool:
        size = batch.size
        if not self._client.in_flight.has_capacity(size) and not await self._wait_for_capacity(size, deadline):
            self._refuse(batch)
            return False
        delivery = self._client.send(batch, self._headers)
        self._sent += delivery.count
        self._deliveries = [each for each in self._deliveries if not each.clean]
        self._deliveries.append(delivery)
        if delivery.refused is not None:
            self._refuse(delivery.refused)
        return delivery.refused is None

    async def _wait_for_capacity(self, size: int, deadline: float) -> bool:
        if not self._sent:
            deadline = min(deadline, asyncio.get_running_loop().time() + START_SECONDS)
        try:
            async with asyncio.timeout_at(deadline):
                await self._client.in_flight.wait_for_capacity(size)
        except TimeoutError:
            return False
        return True

    def _refuse(self, batch: RecordBatch) -> None:
        *others, (last, order_id) = batch.places()
        self._refused += [Refused(at, 503, problems.NO_CAPACITY, order_id=own_id) for at, own_id in others]
        self._refused.append(Refused(last, 503, problems.no_capacity_from_here(), order_id=order_id))

    async def _failures(self, deadline: float) -> list[Refused]:
        try:
            async with asyncio.timeout_at(deadline):
                for delivery in self._deliveries:
                    await delivery.wait()
        except TimeoutError:
            pass  # `failures` includes what is still in flight
        return [failure for delivery in self._deliveries for failure in delivery.failures()]
