"""The calls that take orders: one at a time, or many as a JSON array or as NDJSON."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from orderpipeline_common.contract import Header
from orderpipeline_common.order import OrderError, keyed_id
from orderpipeline_producer.api.batch import Batch
from orderpipeline_producer.api.quota import Quota
from orderpipeline_producer.decoding.accelerated import PlainReader
from orderpipeline_producer.decoding.bulk import read_bulk
from orderpipeline_producer.decoding.ndjson import LineSplitter
from orderpipeline_producer.decoding.one_by_one import Mint, Refusal, TooManyOrdersError, read_array, read_order
from orderpipeline_producer.kafka.confluent_client import PLAIN_HEADERS, Headers
from orderpipeline_producer.kafka.producer_client import AMBIGUOUS, FULL, Gateway
from orderpipeline_producer.metrics import Metrics
from orderpipeline_producer.settings import Limits
from orderpipeline_producer.web.reply import Problem, Reply, json_reply, retry_after, unavailable
from orderpipeline_producer.web.request import Held, Request, check_length, pieces, read_body, too_large

NDJSON: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
JSON_TYPES: Final = frozenset({"application/json"})
SLICE_ORDERS: Final = 500
"""Orders decoded and handed over at a time: the event loop stays free for others in between."""
PIECE_BYTES: Final = 65536
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True)
class Orders:
    """The two calls and what they need.

    `identify` names the client of an Authorization header or raises Problem, and neither when all are `anonymous`;
    `mint` makes an id for an order without one, `mint_many` that many; `down` tells why Kafka can't be reached, empty
    when it can; `wait` is whether a reply waits for Kafka's ack; `plain` reads orders quicker, where there is such.
    """

    limits: Limits
    gateway: Gateway
    identify: Callable[[str], str]
    anonymous: bool
    quota: Quota
    metrics: Metrics
    held: Held
    mint: Callable[[], str]
    mint_many: Callable[[int], list[str]]
    down: Callable[[], str]
    wait: bool
    plain: PlainReader | None = None

    def mint_at(self, index: int) -> str:
        """An id, wherever the order stands."""
        return self.mint()

    async def one(self, request: Request) -> Reply:
        """POST /order."""
        client = self._admit(request, JSON_TYPES)
        mint = self._minter(request, client, many=False)
        raw = await read_body(request, self.limits.order_bytes, self.held)
        self.quota.charge(client, 1)
        record = read_order(raw, 0, self.limits.order_bytes, mint)
        if isinstance(record, Refusal):
            self.metrics.reject(record.status)
            raise Problem(record.status, record.detail, record.field)
        if not self.gateway.has_room(record.size):
            self.metrics.reject(503)
            raise unavailable(FULL, {"order_id": record.order_id})
        delivery, refused = self.gateway.send([record], _kafka_headers(request))
        if refused:
            self.metrics.reject(503)
            raise unavailable(FULL, {"order_id": record.order_id})
        if self.wait:
            try:
                async with asyncio.timeout_at(request.deadline):
                    await delivery.done
            except TimeoutError:
                detail = f"Kafka did not answer in time; {AMBIGUOUS}"
                raise unavailable(detail, {"order_id": record.order_id}) from None
            for failure in delivery.failures():
                raise failed_order(failure)
        return json_reply(202, {"order_id": record.order_id})

    async def batch(self, request: Request) -> Reply:
        """POST /orders/batch."""
        client = self._admit(request, JSON_TYPES | NDJSON)
        mint = self._minter(request, client, many=True)
        batch = Batch(self.limits, self.gateway, self.metrics, _kafka_headers(request), mint, mint == self.mint_at)
        batch.on_orders = lambda count: self.quota.charge(client, count)
        if _media_type(request) not in NDJSON:
            mint_many = (
                self.mint_many if mint == self.mint_at else lambda count: [mint(index) for index in range(count)]
            )
            await self._take_array(request, batch, mint_many)
        elif request.headers.get("Content-Encoding", ""):
            # Packed lines are unpacked first: what is cut or damaged at its end must not have been taken at its start.
            await self._take_packed_lines(request, batch)
        else:
            await self._take_lines(request, batch)
        return await batch.reply(request.deadline if self.wait else None)

    async def _take_array(self, request: Request, batch: Batch, mint_many: Callable[[int], list[str]]) -> None:
        raw = await read_body(request, self.limits.body_bytes, self.held)
        with self.held.holding(len(raw)):
            plain = self.plain.array(raw) if self.plain is not None and batch.own_ids else None
            if plain is not None:
                await batch.take_bulk(plain, request.deadline)
                return
            bulk = read_bulk(raw, self.limits.batch_orders, self.limits.order_bytes, mint_many)
            if bulk is not None:
                await batch.take_bulk(bulk, request.deadline)
                return
            try:
                items = read_array(raw, self.limits.batch_orders)
            except TooManyOrdersError as error:
                raise Problem(413, error.detail) from None
            except OrderError as error:
                raise Problem(400 if error.malformed else 422, error.detail, error.field) from None
            await _take_slices(batch, list(enumerate(items)), request.deadline)

    async def _take_packed_lines(self, request: Request, batch: Batch) -> None:
        raw = await read_body(request, self.limits.body_bytes, self.held)
        with self.held.holding(len(raw)):
            splitter = LineSplitter(self.limits.order_bytes)
            # Piece by piece: as a list, a body of short lines is many times its size.
            for at in range(0, len(raw), PIECE_BYTES):
                if not await self._take_piece(batch, splitter, raw[at : at + PIECE_BYTES], request.deadline):
                    return
            await _take_slices(batch, splitter.finish(), request.deadline)

    async def _take_lines(self, request: Request, batch: Batch) -> None:
        check_length(request, self.limits.body_bytes)
        splitter = LineSplitter(self.limits.order_bytes)
        size = 0
        try:
            async for piece in pieces(request):
                size += len(piece)
                if size > self.limits.body_bytes:
                    raise too_large(self.limits.body_bytes)
                if not await self._take_piece(batch, splitter, piece, request.deadline):
                    return
            await _take_slices(batch, splitter.finish(), request.deadline)
        except Problem as problem:
            batch.break_off(splitter.index, problem)

    async def _take_piece(self, batch: Batch, splitter: LineSplitter, piece: bytes, deadline: float) -> bool:
        """Take the orders of the lines that this piece completes; false when no more of this batch will be taken."""
        if self.plain is not None and batch.own_ids and (lines := splitter.lines(piece)):
            plain = self.plain.lines(lines, splitter.index)
            if plain is not None and len(plain) <= batch.left:
                splitter.passed(len(plain))
                piece = piece[piece.rfind(b"\n") + 1 :]
                if not await batch.take_bulk(plain, deadline):
                    return False
        return await _take_slices(batch, splitter.feed(piece), deadline)

    def _admit(self, request: Request, types: frozenset[str]) -> str:
        """The client's name, when it may send now. Raises Problem 401, 403, 415, 429 or 503."""
        client = self.identify(request.headers.get("Authorization", ""))
        media_type = _media_type(request)
        if media_type not in types:
            wanted = " or ".join(sorted(types))
            raise Problem(415, f"Content-Type {media_type!r} is not supported; send {wanted}", "Content-Type")
        if seconds := self.quota.wait(client):
            self.metrics.reject(429)
            detail = f"client {client} is over its quota; wait {seconds:.3f} s"
            raise Problem(429, detail, headers=retry_after(seconds))
        if reason := self.down():
            raise unavailable(f"{reason}; none of this was taken, send it again")
        return client

    def _minter(self, request: Request, client: str, *, many: bool) -> Mint:
        keys = request.headers.getall("Idempotency-Key", ())
        if not keys:
            return self.mint_at
        key = keys[0].strip()
        if len(keys) > 1 or not 1 <= len(key) <= 255 or not key.isprintable():
            raise Problem(400, "send one Idempotency-Key of 1 to 255 printable characters", "Idempotency-Key")
        return lambda index: keyed_id(client, key, index if many else None)


async def _take_slices(batch: Batch, items: list[tuple[int, bytes]], deadline: float) -> bool:
    """Take all items, some at a time; false when no more of this batch will be taken."""
    for start in range(0, len(items), SLICE_ORDERS):
        if not await batch.take(items[start : start + SLICE_ORDERS], deadline):
            return False
    return True


def failed_order(failure: Refusal) -> Problem:
    """The problem of a single order that Kafka did not take."""
    headers = retry_after(1) if failure.status == 503 else ()
    return Problem(failure.status, failure.detail, failure.field, headers, more={"order_id": failure.order_id})


def _media_type(request: Request) -> str:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _kafka_headers(request: Request) -> Headers:
    traceparent = request.headers.get("traceparent", "")
    if traceparent and _TRACEPARENT.fullmatch(traceparent):
        return [*PLAIN_HEADERS, (Header.TRACEPARENT, traceparent.encode("ascii"))]
    return PLAIN_HEADERS
