"""The calls that accept orders: a single one, or many as a JSON array or as NDJSON."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Final

from orderpipeline_common.contract import Header
from orderpipeline_producer.api.admission import Admission
from orderpipeline_producer.api.batch import Batch
from orderpipeline_producer.api.used_keys import UsedKeys
from orderpipeline_producer.decoding.ndjson import LineReader
from orderpipeline_producer.decoding.order_ids import KeyedIds, OrderIds, TimeOrderedIds
from orderpipeline_producer.decoding.reader import OrderReader
from orderpipeline_producer.decoding.record_batch import Record, Refused
from orderpipeline_producer.kafka.delivery import Headers
from orderpipeline_producer.kafka.producer_client import ProducerClient
from orderpipeline_producer.metrics import Metrics
from orderpipeline_producer.settings import Limits
from orderpipeline_producer.web import problems
from orderpipeline_producer.web.problems import Problem
from orderpipeline_producer.web.reply import Reply, json_reply
from orderpipeline_producer.web.request import BodyMemoryBudget, Request, check_length, pieces, read_body
from orderpipeline_producer.web.tokens import media_type

NDJSON: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
JSON_TYPES: Final = frozenset({"application/json"})
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True)
class Orders:
    """The two calls and what they need. `ids` is for orders without one; `wait` is whether replies wait for Kafka's
    acknowledgement."""

    reader: OrderReader
    client: ProducerClient
    admission: Admission
    ids: TimeOrderedIds
    body_memory: BodyMemoryBudget
    metrics: Metrics
    wait: bool
    used_keys: UsedKeys = field(default_factory=UsedKeys)

    @property
    def limits(self) -> Limits:
        """Bounds of a request."""
        return self.reader.limits

    async def one(self, request: Request) -> Reply:
        """POST /order."""
        client_name = self._admit(request, JSON_TYPES)
        ids = self._ids(request, client_name)
        raw = await read_body(request, self.limits.order_bytes, self.body_memory)
        self.admission.charge(client_name, 1)
        record = self.reader.order(raw, ids)
        if isinstance(record, Refused):
            self.metrics.reject(record.status)
            raise Problem(record.status, record.detail, record.field)
        claim = ids if isinstance(ids, KeyedIds) and ids.used else None
        if claim is not None:
            self.used_keys.check(claim.client, claim.key, record.order_id)
        await self._send(record, request, claim)
        return json_reply(202, {"order_id": record.order_id})

    async def batch(self, request: Request) -> Reply:
        """POST /orders/batch."""
        client_name = self._admit(request, JSON_TYPES | NDJSON)
        ids = self._ids(request, client_name)
        charge = lambda count: self.admission.charge(client_name, count)  # noqa: E731
        batch = Batch(self.client, _kafka_headers(request), self.metrics, charge)
        if media_type(request.headers.get("Content-Type", "")) not in NDJSON:
            await self._accept_array(request, batch, ids)
        elif request.headers.get("Content-Encoding", ""):
            # Decompressed as a whole first: a body that turns out to be damaged must not have been accepted in part.
            await self._accept_compressed_lines(request, batch, LineReader(self.reader, ids))
        else:
            await self._accept_lines(request, batch, LineReader(self.reader, ids))
        return await batch.reply(request.deadline if self.wait else None)

    async def _send(self, record: Record, request: Request, claim: KeyedIds | None) -> None:
        """Send one order, and wait for Kafka if replies do. `claim` is the key that its id came from, if any. Raises
        Problem 413 or 503.
        """
        delivery = self.client.send(record, _kafka_headers(request))
        if delivery.refused is not None:
            self.metrics.reject(503)
            raise problems.unavailable(problems.NO_CAPACITY, record.order_id)
        if claim is not None:
            self.used_keys.add(claim.client, claim.key, record.order_id)
        if not self.wait:
            return
        try:
            async with asyncio.timeout_at(request.deadline):
                await delivery.wait()
        except TimeoutError:
            raise problems.unavailable(problems.NO_ANSWER, record.order_id) from None
        for failure in delivery.failures():
            if claim is not None and failure.status == 413:
                self.used_keys.remove(claim.client, claim.key)
            raise problems.failed_order(failure.status, failure.detail, failure.order_id)

    async def _accept_array(self, request: Request, batch: Batch, ids: OrderIds) -> None:
        raw = await read_body(request, self.limits.body_bytes, self.body_memory)
        with self.body_memory.holding(len(raw)):
            await batch.accept(self.reader.array(raw, ids), request.deadline)

    async def _accept_compressed_lines(self, request: Request, batch: Batch, lines: LineReader) -> None:
        raw = await read_body(request, self.limits.body_bytes, self.body_memory)
        with self.body_memory.holding(len(raw)):
            if await batch.accept(lines.feed(raw), request.deadline):
                await batch.accept(lines.finish(), request.deadline)

    async def _accept_lines(self, request: Request, batch: Batch, lines: LineReader) -> None:
        check_length(request, self.limits.body_bytes)
        size = 0
        try:
            async for piece in pieces(request):
                size += len(piece)
                if size > self.limits.body_bytes:
                    raise problems.body_too_large(self.limits.body_bytes)
                if not await batch.accept(lines.feed(piece), request.deadline):
                    return
            await batch.accept(lines.finish(), request.deadline)
        except Problem as problem:
            batch.break_off(lines.index, problem)

    def _admit(self, request: Request, types: frozenset[str]) -> str:
        """The client's name, if it may send now. Raises Problem 401, 403, 415, 429 or 503."""
        client_name = self.admission.identify(request.headers.get("Authorization", ""))
        content_type = media_type(request.headers.get("Content-Type", ""))
        if content_type not in types:
            raise problems.unsupported_type(content_type, sorted(types))
        self.admission.check(client_name)
        return client_name

    def _ids(self, request: Request, client_name: str) -> OrderIds:
        """The source of ids for orders without one. Raises Problem 400."""
        keys = request.headers.getall("Idempotency-Key", ())
        if not keys:
            return self.ids
        key = keys[0].strip()
        if len(keys) > 1 or not 1 <= len(key) <= 255 or not key.isprintable():
            raise problems.bad_idempotency_key()
        return KeyedIds(client_name, key)


def _kafka_headers(request: Request) -> Headers:
    traceparent = request.headers.get("traceparent", "")
    if traceparent and _TRACEPARENT.fullmatch(traceparent):
        return [(Header.TRACEPARENT, traceparent.encode("ascii"))]
    return ()
