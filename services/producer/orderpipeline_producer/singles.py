"""One order with no more ado: from the bytes of its body to the Kafka client without a task, a future or a timer.

Whatever is out of the ordinary is left to the API's own way, which finds out again what is wrong and says so.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException

from orderpipeline_common.order import OrderError, decode_order
from orderpipeline_producer.api.orders import Orders, failed_order
from orderpipeline_producer.api.routes import ORDER_PATH
from orderpipeline_producer.decoding.one_by_one import RECORD_OVERHEAD, Record
from orderpipeline_producer.http.request_head import Head
from orderpipeline_producer.http.responses import Wire
from orderpipeline_producer.kafka.confluent_client import PLAIN_HEADERS
from orderpipeline_producer.kafka.producer_client import AMBIGUOUS, refusal
from orderpipeline_producer.metrics import Metrics
from orderpipeline_producer.web.reply import Problem, Reply, unavailable

OnReply = Callable[["Single", "bytes | Reply"], None]
BRACE: Final = b"{"


class Single:
    """One order on its way to Kafka; itself the client's delivery callback. `on_reply` is told once, or never.

    `size` is in bytes in flight, `body` that of the reply when all goes well; both are known once it is on its way.
    """

    __slots__ = ("_begun", "_desk", "body", "on_reply", "size")

    def __init__(self, desk: "Singles", begun: float, on_reply: OnReply | None) -> None:
        self._desk = desk
        self._begun = begun
        self.size = 0
        self.body = b""
        self.on_reply = on_reply

    def __call__(self, error: KafkaError | None, message: Any) -> None:
        """Kafka has it (no error) or not."""
        desk, on_reply = self._desk, self.on_reply
        self.on_reply = None
        if error is None:
            desk.gateway.settle(self.size, 1, 0)
            if on_reply is not None:
                on_reply(self, desk.taken(self.body, self._begun))
            return
        desk.gateway.fail(self.size, error)
        if on_reply is not None:
            record = Record(0, "", b"", order_id_of(self.body))
            on_reply(self, desk.count(failed_order(refusal(record, error)), self._begun))

    def late(self) -> Reply:
        """The reply when Kafka took too long; what it says afterwards is counted, no more."""
        self.on_reply = None
        return self._desk.count(too_late(order_id_of(self.body)), self._begun)


def order_id_of(answer: bytes) -> str:
    """The id in `{"order_id":"…"}`."""
    order_id: str = msgspec.json.decode(answer)["order_id"]
    return order_id


def too_late(order_id: str | None) -> Problem:
    """What a client is told of an order when Kafka took too long."""
    return unavailable(f"Kafka did not answer in time; {AMBIGUOUS}", {"order_id": order_id} if order_id else None)


class Singles:
    """Takes single orders. `clock` is the event loop's."""

    def __init__(self, orders: Orders, metrics: Metrics, wire: Wire, clock: Callable[[], float]) -> None:
        self.gateway = orders.gateway
        self._orders = orders
        self._metrics = metrics
        self._timer = metrics.timer(ORDER_PATH, 202)
        self._accepted = wire.accepted
        self._clock = clock
        self._most = orders.limits.order_bytes
        self._wait = orders.wait
        self._fast = orders.gateway.takes_bytes
        self._open = orders.anonymous and not orders.quota.limited

    def take(self, head: Head, body: bytes, begun: float, on_reply: OnReply) -> "bytes | Single | None":
        """Take one order. The reply's bytes, or the order that will call `on_reply`, or None: nothing was done."""
        orders = self._orders
        client = "" if self._open else self._client(head)
        if client is None or len(body) > self._most or orders.down():
            return None
        single = Single(self, begun, on_reply if self._wait else None)
        if not self._native(body, single) and not self._python(body, single):
            return None
        if not self._open:
            orders.quota.charge(client, 1)
        return single if self._wait else self.taken(single.body, begun)

    def _native(self, body: bytes, single: Single) -> bool:
        if not self._fast:
            return False
        taken = self.gateway.take_one(body, self._orders.mint(), single)
        if taken is None:
            return False
        single.size, single.body = taken
        return True

    def _python(self, body: bytes, single: Single) -> bool:
        orders, gateway = self._orders, self.gateway
        try:
            order = decode_order(body)
        except OrderError:
            return False
        if order.order_id:
            value, answer = body, msgspec.json.encode({"order_id": order.order_id})
        else:
            order_id = orders.mint().encode("ascii")
            rest = body[1:] if body.startswith(BRACE) else body.lstrip()[1:]
            value, answer = b'{"order_id":"%b",%b' % (order_id, rest), b'{"order_id":"%b"}' % order_id
        key = order.customer_id
        size = len(key) + len(value) + RECORD_OVERHEAD
        if not gateway.has_room(size):
            return False
        single.size, single.body = size, answer
        try:
            gateway.send_one(key, value, size, PLAIN_HEADERS, single)
        except (BufferError, KafkaException):
            return False
        return True

    def taken(self, body: bytes, begun: float) -> bytes:
        """The reply to an order that was taken, counted."""
        self._timer(self._clock() - begun)
        return self._accepted(body)

    def count(self, problem: Problem, begun: float) -> Reply:
        """The reply to an order that failed, counted."""
        self._metrics.request(ORDER_PATH, problem.status, self._clock() - begun)
        return problem.reply()

    def _client(self, head: Head) -> str | None:
        """Who sends this; None when it may not now."""
        try:
            client = self._orders.identify(head.fields.get("Authorization", ""))
        except Problem:
            return None
        return None if self._orders.quota.wait(client) else client
