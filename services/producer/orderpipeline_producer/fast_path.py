"""A single order from its segment to the reply, without a task, a future or a timer.

A segment that is exactly one plain order is accepted here. Whatever is out of the ordinary is left to the API, which
finds out again what is wrong and says so. With the accelerator's own Kafka client all of it is one call of compiled
code. HTTP is still read by `http.request_head` alone: the accelerator is told which heads are those of plain orders,
and accepts what begins with exactly these bytes.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, Protocol

import msgspec
from confluent_kafka import KafkaError

from orderpipeline_producer.api.admission import ANONYMOUS
from orderpipeline_producer.api.orders import Orders
from orderpipeline_producer.api.routes import ORDER_PATH
from orderpipeline_producer.decoding.record_batch import RECORD_OVERHEAD, Record
from orderpipeline_producer.http.handler import OnReply
from orderpipeline_producer.http.request_head import END_OF_HEAD, MAX_HEAD, parse_head
from orderpipeline_producer.http.responses import Responses
from orderpipeline_producer.kafka.accelerated_client import AcceleratedClient
from orderpipeline_producer.kafka.delivery import Delivery, log_failures, why
from orderpipeline_producer.metrics import BUCKETS
from orderpipeline_producer.web import problems
from orderpipeline_producer.web.problems import Problem

LATER: Final = b""
"""The reply comes later."""
SPECIAL: Final = ("content-encoding", "idempotency-key", "traceparent")
"""Header fields that ask for more than a plain order."""
REMEMBERED: Final = 512
"""Heads that are known at a time: clients send the same one again and again."""


class PlainHead(msgspec.Struct, frozen=True, gc=False):
    """The head of a plain order: the length of its body in bytes, and the Authorization header."""

    length: int
    authorization: str


@lru_cache(maxsize=REMEMBERED)
def plain_head(raw: bytes) -> PlainHead | None:
    """The head in these bytes if it is that of a plain order, on a connection that stays open."""
    try:
        head = parse_head(raw)
    except Problem:
        return None
    media_type = head.fields.get("content-type", "").partition(";")[0].strip().lower()
    plain = (head.method, head.path, media_type) == ("POST", ORDER_PATH, "application/json")
    special = head.expect or any(head.fields.getall(name, ()) for name in SPECIAL)
    if not plain or special or not head.length or not head.keep_alive:
        return None
    return PlainHead(head.length, head.fields.get("authorization", ""))


class PythonFastPath:
    """Accepts plain orders for any Kafka client and any sender. `clock` is the event loop's, in seconds."""

    def __init__(self, orders: Orders, responses: Responses, clock: Callable[[], float]) -> None:
        self._admission = orders.admission
        self._open = orders.admission.open
        self._problem = orders.admission.problem
        self._send = orders.client.send
        self._read = orders.reader.decoder.order
        self._limit = orders.limits.order_bytes
        self._ids = orders.ids
        self._wait = orders.wait
        self._metrics = orders.metrics
        self._timer = orders.metrics.timer(ORDER_PATH, 202)
        self._encode = msgspec.json.Encoder().encode
        self._responses = responses
        self._clock = clock
        self.pending: dict[OnReply, PendingOrder] = {}

    def try_now(self, data: bytes, on_reply: OnReply) -> bytes | None:
        """See `http.handler.FastPath`."""
        end = data.find(END_OF_HEAD, 0, MAX_HEAD)
        head = plain_head(data[:end]) if end >= 0 else None
        if head is None or head.length > self._limit or end + 4 + head.length != len(data):
            return None
        begun = self._clock()
        sender = ANONYMOUS if self._open else self._admission.sender_now(head.authorization)
        if sender is None or self._problem():
            return None
        record = self._read(data[end + 4 :], 0, self._limit, self._ids)
        if not isinstance(record, Record):
            return None
        pending = PendingOrder(self, record.order_id, begun, on_reply) if self._wait else None
        if self._send(record, (), pending).refused is not None:
            return None
        if not self._open:
            self._admission.charge(sender, 1)
        if pending is None:
            return self.accepted(record.order_id, begun)
        self.pending[on_reply] = pending
        return LATER

    def give_up(self, on_reply: OnReply) -> bytes:
        """See `http.handler.FastPath`."""
        pending = self.pending.pop(on_reply)
        return self.failed(problems.unavailable(problems.NO_ANSWER, pending.order_id), pending.begun)

    def accepted(self, order_id: str, begun: float) -> bytes:
        """The reply to an order that was accepted, counted."""
        self._timer(self._clock() - begun)
        return self._responses.accepted(self._encode({"order_id": order_id}))

    def failed(self, problem: Problem, begun: float) -> bytes:
        """The reply to an order that failed, counted."""
        self._metrics.request(ORDER_PATH, problem.status, self._clock() - begun)
        return self._responses.reply(problem.reply(), with_body=True, close=False)

    def add_counts(self) -> None:
        """Everything is counted already."""


class PendingOrder(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An order whose reply waits for Kafka; itself what its delivery calls when it is done."""

    path: PythonFastPath
    order_id: str
    begun: float
    on_reply: OnReply

    def __call__(self, delivery: Delivery) -> None:
        """Kafka has the order, or not."""
        path, on_reply = self.path, self.on_reply
        if path.pending.get(on_reply) is not self:
            return  # its reply was given up
        del path.pending[on_reply]
        if delivery.clean:
            on_reply(path.accepted(self.order_id, self.begun))
            return
        (refused,) = delivery.failures()
        problem = problems.failed_order(refused.status, refused.detail, self.order_id)
        on_reply(path.failed(problem, self.begun))


class Compiled(Protocol):
    """The accelerator's part of the fast path."""

    def try_now(self, data: bytes, on_reply: OnReply) -> bytes | None:
        """As `http.handler.FastPath.try_now`."""

    def allow_head(self, head: bytes, length: int) -> None:
        """Bodies of this length after this head, its empty line left out, are plain orders."""

    def set_reply_prefix(self, prefix: bytes) -> None:
        """Replies begin with this, up to their length."""

    def drain_counts(self) -> tuple[int, list[int], float]:
        """Since it was last asked: orders accepted, replies by BUCKETS, and their seconds together."""

    def give_up(self, on_reply: OnReply) -> tuple[bytes, float] | None:
        """Forget who waits; gives `{"order_id":"…"}` and the seconds since."""


MakeCompiled = Callable[..., Compiled]
"""Makes the accelerator's part for its own Kafka client, of the arguments that `AcceleratedFastPath` gives."""


class AcceleratedFastPath:
    """Accepts plain orders in one call each when neither an API key nor a quota applies; others are for Python."""

    def __init__(self, make: MakeCompiled, orders: Orders, responses: Responses, clock: Callable[[], float]) -> None:
        self._metrics = orders.metrics
        self._in_flight = in_flight = orders.client.in_flight
        self._problem = orders.admission.problem
        self._compiled = make(
            wait=orders.wait, order_bytes=orders.limits.order_bytes, in_flight_bytes=in_flight.limit,
            in_flight=in_flight.counter, overhead=RECORD_OVERHEAD, bounds=BUCKETS, new_id_prefix=orders.ids.block,
            on_acked=self._on_acked, on_failed=self._on_failed,
        )  # fmt: skip
        self._try_now = self._compiled.try_now
        self._clock = clock
        self._python = PythonFastPath(orders, responses, clock)
        responses.on_date(lambda: self._compiled.set_reply_prefix(responses.accepted_begin))

    def try_now(self, data: bytes, on_reply: OnReply) -> bytes | None:
        """See `http.handler.FastPath`."""
        if self._problem():
            return None
        reply = self._try_now(data, on_reply)
        if reply is not None:
            return reply
        reply = self._python.try_now(data, on_reply)
        if reply is not None:
            head = data[: data.find(END_OF_HEAD)]
            self._compiled.allow_head(head, len(data) - len(head) - len(END_OF_HEAD))
        return reply

    def give_up(self, on_reply: OnReply) -> bytes:
        """See `http.handler.FastPath`."""
        if on_reply in self._python.pending:
            return self._python.give_up(on_reply)
        answer, seconds = self._compiled.give_up(on_reply) or (b"", 0.0)
        problem = problems.unavailable(problems.NO_ANSWER, _order_id(answer) if answer else "")
        return self._python.failed(problem, self._clock() - seconds)

    def add_counts(self) -> None:
        """Add what was counted by the accelerator to the metrics, which are about to be read."""
        accepted, counts, seconds = self._compiled.drain_counts()
        self._in_flight.accepted += accepted
        self._metrics.add(ORDER_PATH, 202, counts, seconds)

    def _on_acked(self, orders: int) -> None:
        self._in_flight.settle(0, orders, 0)

    def _on_failed(self, on_reply: OnReply | None, code: int, answer: bytes, seconds: float) -> None:
        error = KafkaError(code)
        log_failures(1, error)
        self._in_flight.settle(0, 0, 1)
        if on_reply is not None:
            on_reply(
                self._python.failed(problems.failed_order(*why(error), _order_id(answer)), self._clock() - seconds)
            )


def make_fast_path(
    orders: Orders, responses: Responses, clock: Callable[[], float]
) -> PythonFastPath | AcceleratedFastPath:
    """The accelerator's where its own Kafka client is used and all senders are alike, else Python's."""
    client = orders.client
    if isinstance(client, AcceleratedClient) and orders.admission.open:
        from orderpipeline_accelerator import DirectProducer

        if isinstance(client.compiled, DirectProducer):
            return AcceleratedFastPath(client.compiled.fast_path, orders, responses, clock)
    return PythonFastPath(orders, responses, clock)


def _order_id(answer: bytes) -> str:
    order_id: str = msgspec.json.decode(answer)["order_id"]
    return order_id
