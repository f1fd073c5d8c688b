"""Single orders in one call of the accelerator each: a segment that is a whole request becomes a record and a reply.

HTTP is read by `head.py` alone. The accelerator is told which heads are those of plain orders, and takes what begins
with exactly these bytes; whatever else comes is left to Python, which finds out again what it is.
"""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from confluent_kafka import KafkaError

from orderpipeline_producer.api.orders import Orders, failed_order
from orderpipeline_producer.api.routes import ORDER_PATH
from orderpipeline_producer.decoding.one_by_one import RECORD_OVERHEAD, Record
from orderpipeline_producer.kafka.producer_client import refusal
from orderpipeline_producer.metrics import BUCKETS
from orderpipeline_producer.singles import order_id_of, too_late
from orderpipeline_producer.web.reply import Problem, Reply

OnReply = Callable[["Seat", bytes | Reply], None]
OnOutcome = Callable[[bytes | Reply], None]


class NativeDesk(Protocol):
    """What the accelerator has."""

    def request(self, data: bytes, others: int, on_reply: OnOutcome) -> bytes | Literal[True] | None:
        """Take a whole request. The reply, or True when `on_reply` will be called with it, or None: nothing was done,
        which is so too when the orders in flight and `others` more bytes leave no room."""

    def remember(self, head: bytes, length: int) -> None:
        """Bodies of this length after this head are plain orders."""

    def begin(self, reply: bytes) -> None:
        """Replies begin with this, up to their length."""

    def in_flight(self) -> int:
        """Bytes of all orders that have not ended."""

    def counted(self) -> tuple[int, list[int], float]:
        """Since it was last asked: orders taken, replies by BUCKETS, and their seconds together."""

    def give_up(self, on_reply: OnOutcome) -> tuple[bytes, float] | None:
        """Forget who waits; gives `{"order_id":"…"}` and the seconds since."""


class MakeDesk(Protocol):
    """Opens the desk of a Kafka client."""

    def __call__(
        self,
        *,
        wait: bool,
        order_bytes: int,
        in_flight_bytes: int,
        overhead: int,
        bounds: Sequence[float],
        block: Callable[[], str],
        on_acked: Callable[[int], None],
        on_failed: Callable[[OnOutcome | None, int, bytes, float], None],
    ) -> NativeDesk:
        """`wait` is whether replies wait for Kafka; `block` begins 4096 ids, see `Ids.blocks`."""


class Desk:
    """Takes single orders whose sender nothing has to be asked of."""

    def __init__(self, make: MakeDesk, orders: Orders, block: Callable[[], str]) -> None:
        self.gateway = orders.gateway
        self.down = orders.down
        self._metrics = orders.metrics
        limits = orders.limits
        self.native = make(
            wait=orders.wait, order_bytes=limits.order_bytes, in_flight_bytes=limits.in_flight_bytes,
            overhead=RECORD_OVERHEAD, bounds=BUCKETS, block=block, on_acked=self._on_acked, on_failed=self._on_failed,
        )  # fmt: skip
        self.begin = self.native.begin
        self.gateway.beside = self.native.in_flight
        self._metrics.before = self._count

    def seat(self, on_reply: OnReply) -> "Seat":
        """A connection's place here. `on_reply` is told the replies that did not come at once."""
        return Seat(self, on_reply)

    def failed(self, problem: Problem, seconds: float) -> Reply:
        """The reply to an order that failed, counted."""
        self._metrics.request(ORDER_PATH, problem.status, seconds)
        return problem.reply()

    def _on_acked(self, orders: int) -> None:
        self.gateway.settle(0, orders, 0)

    def _on_failed(self, on_reply: OnOutcome | None, code: int, answer: bytes, seconds: float) -> None:
        error = KafkaError(code)
        self.gateway.fail(0, error)
        if on_reply is not None:
            record = Record(0, "", b"", order_id_of(answer))
            on_reply(self.failed(failed_order(refusal(record, error)), seconds))

    def _count(self) -> None:
        taken, counts, seconds = self.native.counted()
        self._metrics.accepted += taken
        self._metrics.add(ORDER_PATH, 202, counts, seconds)


class Seat:
    """A connection's place at the desk: at most one order at a time is taken there and not yet replied to."""

    __slots__ = ("_desk", "_request", "on_reply", "remember")

    def __init__(self, desk: Desk, on_reply: OnReply) -> None:
        self._desk = desk
        self._request = desk.native.request
        self.remember = desk.native.remember
        self.on_reply: OnReply | None = on_reply

    def take(self, data: bytes) -> "bytes | Seat | None":
        """Take a whole request. The reply's bytes, or this seat, which will be told, or None: nothing was done."""
        desk = self._desk
        taken = None if desk.down() else self._request(data, desk.gateway.held, self)
        return self if taken is True else taken

    def __call__(self, reply: bytes | Reply) -> None:
        """The reply to the order that was taken."""
        if self.on_reply is not None:
            self.on_reply(self, reply)

    def late(self) -> Reply:
        """The reply when Kafka took too long; what it says afterwards is counted, no more."""
        answer, seconds = self._desk.native.give_up(self) or (b"", 0.0)
        return self._desk.failed(too_late(order_id_of(answer) if answer else None), seconds)


def open_desk(make: MakeDesk | None, orders: Orders, blocks: Callable[[int], list[str]]) -> Desk | None:
    """A desk where the Kafka client has one and all senders are alike."""
    if make is None or not orders.anonymous or orders.quota.limited:
        return None
    return Desk(make, orders, lambda: blocks(1)[0])
