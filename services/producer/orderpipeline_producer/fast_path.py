"""The fast path: from the segment of a single order to the reply, without a task, a future or a timer.

It accepts a segment that is exactly one order without special headers, by itself or as a batch of one. Anything else
is left to the API, which finds out what is wrong and says so. With the accelerator's own Kafka client, the fast path is
one call of compiled code. Only `http.request_head` parses HTTP: the accelerator gets the heads that allow the fast
path, and accepts a segment if it begins with exactly the same bytes.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
from confluent_kafka import KafkaError

from orderpipeline_producer.api.admission import ANONYMOUS
from orderpipeline_producer.api.orders import Orders
from orderpipeline_producer.api.quota import PythonTokenBucket, TokenBucket
from orderpipeline_producer.api.routes import BATCH_PATH, ORDER_PATH
from orderpipeline_producer.decoding.elements import only_element
from orderpipeline_producer.decoding.record_batch import RECORD_OVERHEAD, Record, Refused
from orderpipeline_producer.http.handler import OnReply
from orderpipeline_producer.http.request_head import END_OF_HEAD, MAX_HEAD, parse_head
from orderpipeline_producer.http.responses import Responses
from orderpipeline_producer.kafka.accelerated_client import AcceleratedClient
from orderpipeline_producer.kafka.delivery import Delivery, explain, log_failures
from orderpipeline_producer.kafka.producer_client import ProducerClient
from orderpipeline_producer.metrics import BUCKETS
from orderpipeline_producer.web import problems
from orderpipeline_producer.web.problems import Problem
from orderpipeline_producer.web.tokens import media_type

if TYPE_CHECKING:
    from orderpipeline_accelerator import DirectProducer

CUSTOMER: Final = b'"customer_id"'
"""More of these are a larger batch, which need not be read to know that."""
ACCEPTED_ONE: Final = b'{"accepted":1}'
"""The answer to a batch of one order."""
LATER: Final = b""
"""Stands for a reply that comes later."""
SPECIAL: Final = ("content-encoding", "idempotency-key", "traceparent")
"""Header fields that the fast path does not support."""
ROUTES: Final = (ORDER_PATH, BATCH_PATH)
"""Where a single order may be sent: by itself, or as a batch of one."""
CACHED_HEADS: Final = 512
"""Clients send the same head again and again."""


class AllowedHead(msgspec.Struct, frozen=True, gc=False):
    """A head that allows the fast path: the route, the length of the body in bytes, and the Authorization header."""

    route: str
    length: int
    authorization: str


@lru_cache(maxsize=CACHED_HEADS)
def allowed_head(raw: bytes) -> AllowedHead | None:
    """The head in these bytes if it allows the fast path: an order without special headers, and keep-alive."""
    try:
        head = parse_head(raw)
    except Problem:
        return None
    content_type = media_type(head.fields.get("content-type", ""))
    plain = head.method == "POST" and head.path in ROUTES and content_type == "application/json"
    special = head.expect or any(head.fields.getall(name, ()) for name in SPECIAL)
    if not plain or special or not head.length or not head.keep_alive:
        return None
    return AllowedHead(head.path, head.length, head.fields.get("authorization", ""))


class PythonFastPath:
    """The fast path for any Kafka client and any HTTP client. `clock` is the event loop's, in seconds."""

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
        self._timers = {route: orders.metrics.timer(route, 202) for route in ROUTES}
        self._encode = msgspec.json.Encoder().encode
        self._responses = responses
        self._clock = clock
        self.pending: dict[OnReply, PendingOrder] = {}

    def try_now(self, data: bytes, on_reply: OnReply) -> bytes | None:
        """Implements `http.handler.FastPath`."""
        end = data.find(END_OF_HEAD, 0, MAX_HEAD)
        head = allowed_head(data[:end]) if end >= 0 else None
        if head is None or head.length > self._limit or end + 4 + head.length != len(data):
            return None
        started = self._clock()
        client = ANONYMOUS if self._open else self._admission.client_now(head.authorization)
        if client is None or self._problem():
            return None
        body = data[end + 4 :]
        if head.route == BATCH_PATH:
            if body.count(CUSTOMER) != 1:
                return None
            body = only_element(body)
        record = self._read(body, 0, self._limit, self._ids)
        if not isinstance(record, Record):
            return None
        pending = PendingOrder(self, head.route, record.order_id, started, on_reply) if self._wait else None
        if self._send(record, (), pending).refused is not None:
            return None
        if not self._open:
            self._admission.charge(client, 1)
        if pending is None:
            return self.accepted(head.route, record.order_id, started)
        self.pending[on_reply] = pending
        return LATER

    def give_up(self, on_reply: OnReply) -> bytes:
        """Implements `http.handler.FastPath`."""
        pending = self.pending.pop(on_reply)
        problem = failed(pending.route, 503, problems.NO_ANSWER, pending.order_id)
        return self.failed(pending.route, problem, pending.started)

    def accepted(self, route: str, order_id: str, started: float) -> bytes:
        """Count an order that was accepted; returns the reply."""
        self._timers[route](self._clock() - started)
        return self._responses.accepted(self._encode({"order_id": order_id}) if route == ORDER_PATH else ACCEPTED_ONE)

    def failed(self, route: str, problem: Problem, started: float) -> bytes:
        """Count an order that failed; returns the reply."""
        self._metrics.request(route, problem.status, self._clock() - started)
        return self._responses.reply(problem.reply(), with_body=True, close=False)

    def add_counts(self) -> None:
        """Nothing to add: every order is counted at once."""


class PendingOrder(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An order whose reply waits for Kafka. It is the callback of the delivery."""

    path: PythonFastPath
    route: str
    order_id: str
    started: float
    on_reply: OnReply

    def __call__(self, delivery: Delivery) -> None:
        """The delivery is complete: send the reply."""
        path, on_reply = self.path, self.on_reply
        if path.pending.get(on_reply) is not self:
            return  # the deadline has passed
        del path.pending[on_reply]
        if delivery.clean:
            on_reply(path.accepted(self.route, self.order_id, self.started))
            return
        (refused,) = delivery.failures()
        problem = failed(self.route, refused.status, refused.detail, self.order_id)
        on_reply(path.failed(self.route, problem, self.started))


def failed(route: str, status: int, detail: str, order_id: str) -> Problem:
    """The problem with an order that Kafka did not acknowledge, as the API would reply it."""
    if route == ORDER_PATH:
        return problems.failed_order(status, detail, order_id)
    body = {"accepted": 0, "failed": [Refused(0, status, detail, order_id=order_id)]}
    return problems.nothing_accepted(body, again=status == 503)


class Compiled(Protocol):
    """The compiled part of the fast path."""

    def try_now(self, data: bytes, on_reply: OnReply) -> bytes | None:
        """Like `http.handler.FastPath.try_now`."""

    def allow_head(self, head: bytes, length: int, bucket: Any = None, batch: bool = False) -> None:
        """Allow bodies of this length after this head, which is given without its empty line, as long as the bucket of
        its client, the accelerator's `TokenBucket`, is not empty: an order, or a batch of one.
        """

    def forget_heads(self) -> None:
        """Allow no head until each is allowed again."""

    def set_reply_prefix(self, prefix: bytes) -> None:
        """Set what replies begin with, up to the value of Content-Length."""

    def drain_counts(self) -> tuple[int, list[tuple[list[int], float]]]:
        """Counts since the previous call: accepted orders, and of orders and of batches of one their replies by BUCKETS
        and the total seconds of these."""

    def give_up(self, on_reply: OnReply) -> tuple[bytes, float, bool] | None:
        """Stop waiting; returns `{"order_id":"…"}`, the seconds since the request, and whether it is a batch."""


MakeCompiled = Callable[..., Compiled]
"""Creates the compiled part, with the arguments that `AcceleratedFastPath` passes."""


class AcceleratedFastPath:
    """The fast path in compiled code; what it leaves is tried in Python.

    A head that Python accepted is allowed, with the quota of its client: since the API key is in the head, the same
    bytes are the same client until the keys change.
    """

    def __init__(self, make: MakeCompiled, orders: Orders, responses: Responses, clock: Callable[[], float]) -> None:
        self._metrics = orders.metrics
        self._in_flight = in_flight = orders.client.in_flight
        self._admission = orders.admission
        self._problem = orders.admission.problem
        self._compiled = make(
            wait=orders.wait, order_bytes=orders.limits.order_bytes, in_flight_bytes=in_flight.limit,
            in_flight=in_flight.counter, overhead=RECORD_OVERHEAD, bounds=BUCKETS, new_id_prefix=orders.ids.block,
            on_acked=self._on_acked, on_failed=self._on_failed,
        )  # fmt: skip
        self._try_now = self._compiled.try_now
        self._clock = clock
        self._python = PythonFastPath(orders, responses, clock)
        responses.on_date(lambda: self._compiled.set_reply_prefix(responses.accepted_prefix))
        orders.admission.on_change(self._compiled.forget_heads)

    def try_now(self, data: bytes, on_reply: OnReply) -> bytes | None:
        """Implements `http.handler.FastPath`."""
        if self._problem():
            return None
        reply = self._try_now(data, on_reply)
        if reply is not None:
            return reply
        reply = self._python.try_now(data, on_reply)
        if reply is not None:
            self._allow(data[: data.find(END_OF_HEAD)])
        return reply

    def _allow(self, raw: bytes) -> None:
        head = allowed_head(raw)
        client = None if head is None else self._admission.client_now(head.authorization)
        if head is not None and client is not None:
            self._compiled.allow_head(raw, head.length, self._admission.bucket(client), head.route == BATCH_PATH)

    def give_up(self, on_reply: OnReply) -> bytes:
        """Implements `http.handler.FastPath`."""
        if on_reply in self._python.pending:
            return self._python.give_up(on_reply)
        answer, seconds, batch = self._compiled.give_up(on_reply) or (b"", 0.0, False)
        route = BATCH_PATH if batch else ORDER_PATH
        problem = failed(route, 503, problems.NO_ANSWER, _order_id(answer) if answer else "")
        return self._python.failed(route, problem, self._clock() - seconds)

    def add_counts(self) -> None:
        """Add the counts of the compiled part to the metrics."""
        accepted, replies = self._compiled.drain_counts()
        self._in_flight.accepted += accepted
        for route, (counts, seconds) in zip(ROUTES, replies, strict=True):
            self._metrics.add(route, 202, counts, seconds)

    def _on_acked(self, orders: int) -> None:
        self._in_flight.settle(0, orders, 0)

    def _on_failed(self, on_reply: OnReply | None, code: int, answer: bytes, seconds: float, batch: bool) -> None:
        error = KafkaError(code)
        log_failures(1, error)
        self._in_flight.settle(0, 0, 1)
        if on_reply is not None:
            route = BATCH_PATH if batch else ORDER_PATH
            problem = failed(route, *explain(error), _order_id(answer))
            on_reply(self._python.failed(route, problem, self._clock() - seconds))


def make_fast_path(
    orders: Orders, responses: Responses, clock: Callable[[], float]
) -> PythonFastPath | AcceleratedFastPath:
    """The accelerator's if its own Kafka client is used, else Python's."""
    direct = _direct_producer(orders.client)
    if direct is None:
        return PythonFastPath(orders, responses, clock)
    return AcceleratedFastPath(direct.fast_path, orders, responses, clock)


def bucket_factory(client: ProducerClient, clock: Callable[[], float]) -> Callable[[int], TokenBucket]:
    """Makes the buckets of a quota: those that the fast path of this client can charge."""
    if _direct_producer(client) is None:
        return lambda orders_per_second: PythonTokenBucket(orders_per_second, clock)
    import orderpipeline_accelerator

    return orderpipeline_accelerator.TokenBucket


def _direct_producer(client: ProducerClient) -> "DirectProducer | None":
    """The accelerator's own Kafka client, if it is used."""
    if not isinstance(client, AcceleratedClient):
        return None
    from orderpipeline_accelerator import DirectProducer

    return client.compiled if isinstance(client.compiled, DirectProducer) else None


def _order_id(answer: bytes) -> str:
    order_id: str = msgspec.json.decode(answer)["order_id"]
    return order_id
