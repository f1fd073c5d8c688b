"""One batch on its way: slices handed over as there is room, and in the end one reply that names what failed."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from orderpipeline_producer.decoding.accelerated import Plain
from orderpipeline_producer.decoding.bulk import Bulk, lines_bulk
from orderpipeline_producer.decoding.one_by_one import Mint, Refusal, read_orders
from orderpipeline_producer.kafka.confluent_client import Headers
from orderpipeline_producer.kafka.producer_client import FULL, Delivery, Gateway, Records, places, size_of
from orderpipeline_producer.metrics import Metrics
from orderpipeline_producer.settings import Limits
from orderpipeline_producer.web.reply import Problem, Reply, json_reply, retry_after

SLICE_ORDERS: Final = 1000
"""Orders handed to the Kafka client at a time: the event loop stays free for others in between."""
REST: Final = "this order and all after it were not taken"


class Batch:
    """The orders of one request. `on_orders` is told how many orders were looked at, for the client's quota;
    `own_ids` is whether the ids that orders lack are ours to choose.
    """

    def __init__(
        self, limits: Limits, gateway: Gateway, metrics: Metrics, headers: Headers, mint: Mint, own_ids: bool = True
    ) -> None:
        self._limits = limits
        self._gateway = gateway
        self._metrics = metrics
        self._headers = headers
        self._mint = mint
        self.own_ids = own_ids
        self._refusals: list[Refusal] = []
        self._open: list[Delivery] = []
        self._seen = 0
        self._sent = 0
        self.on_orders: Callable[[int], None] = lambda count: None

    async def take(self, items: list[tuple[int, bytes]], deadline: float) -> bool:
        """Take orders, waiting for room until the deadline; false when no more of this batch will be taken."""
        over = self._seen + len(items) - self._limits.batch_orders
        kept = items[:-over] if over > 0 else items
        self._seen += len(kept)
        self.on_orders(len(kept))
        records: Records | None = lines_bulk(kept, self._limits.order_bytes, self._mint)
        if records is None:
            records, refusals = read_orders(kept, self._limits.order_bytes, self._mint)
            self._refusals += refusals
        taken = not records or await self._send(records, deadline)
        if taken and over > 0:
            detail = f"the most in a batch are {self._limits.batch_orders} orders; {REST}"
            self._refusals.append(Refusal(items[len(kept)][0], 413, detail))
        await asyncio.sleep(0)  # big batches take turns with other requests
        return taken and over <= 0

    @property
    def left(self) -> int:
        """How many more orders there may be."""
        return self._limits.batch_orders - self._seen

    async def take_bulk(self, bulk: Bulk | Plain, deadline: float) -> bool:
        """Take a batch or a part of one in which all is well, in slices that let other requests in between.

        False when no more of this batch will be taken.
        """
        for start in range(0, len(bulk), SLICE_ORDERS):
            part = bulk[start : start + SLICE_ORDERS] if len(bulk) > SLICE_ORDERS else bulk
            self._seen += len(part)
            self.on_orders(len(part))
            if not await self._send(part, deadline):
                return False
            if part is not bulk:
                await asyncio.sleep(0)
        return True

    def break_off(self, index: int, problem: Problem) -> None:
        """The request failed at this place. Raises the problem when nothing was looked at before it."""
        if not self._seen:
            raise problem
        self._refusals.append(Refusal(index, problem.status, f"{problem.detail}; {REST}", problem.field))

    async def reply(self, deadline: float | None) -> Reply:
        """The reply once Kafka has all of it, or at once without a deadline. Raises Problem when nothing was taken."""
        late = self._refusals
        if deadline is not None:
            late = late + await self._settle(deadline)
        failed = sorted(late, key=lambda refusal: refusal.index)
        for refusal in self._refusals:
            self._metrics.reject(refusal.status)
        accepted = self._sent - (len(late) - len(self._refusals))
        if not failed and not accepted:
            raise Problem(422, "the batch is empty; send at least one order")
        if not failed:
            return json_reply(202, {"accepted": accepted})
        again = retry_after(1) if any(refusal.status == 503 for refusal in failed) else ()
        body = {"accepted": accepted, "failed": failed}
        if accepted:
            return Reply(207, msgspec.json.encode(body), headers=again)
        status = 503 if again else 422
        raise Problem(status, "none of the orders was taken; see failed", headers=again, more=body)

    async def _send(self, records: Records, deadline: float) -> bool:
        size = size_of(records)
        if not self._gateway.has_room(size) and not await self._room(size, deadline):
            self._refuse(records)
            return False
        delivery, refused = self._gateway.send(records, self._headers)
        self._sent += len(records) - len(refused)
        self._open = [one for one in self._open if not one.clean()]
        self._open.append(delivery)
        if refused:
            self._refuse(refused)
        return not refused

    async def _room(self, size: int, deadline: float) -> bool:
        # A batch that has begun is worth waiting for; one that has not is better sent again, elsewhere perhaps.
        if not self._sent:
            return False
        try:
            async with asyncio.timeout_at(deadline):
                await self._gateway.room(size)
        except TimeoutError:
            return False
        return True

    def _refuse(self, records: Records) -> None:
        *most, (last, order_id) = places(records)
        self._refusals += [Refusal(index, 503, FULL, "", order_id) for index, order_id in most]
        self._refusals.append(Refusal(last, 503, f"{FULL}; all after it too", "", order_id))

    async def _settle(self, deadline: float) -> list[Refusal]:
        try:
            async with asyncio.timeout_at(deadline):
                for delivery in self._open:
                    await delivery.done
        except TimeoutError:
            pass  # what is still open counts as failed below
        return [failure for delivery in self._open for failure in delivery.failures()]
