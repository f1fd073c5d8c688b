"""The delivery of one batch to Kafka: when it is complete, and what failed."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, Protocol

import msgspec
from confluent_kafka import KafkaError

from orderpipeline_producer.decoding.record_batch import RecordBatch, Refused
from orderpipeline_producer.kafka.in_flight import InFlight
from orderpipeline_producer.web import problems

Headers = Sequence[tuple[str, bytes]]
"""Headers of a record, in addition to those of every record."""
TOO_LARGE: Final = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE)
"""Error codes of a batch that is too large, whichever of its records is to blame."""

_log = logging.getLogger(__name__)


class Completion(Protocol):
    """The client's callback for the records of a batch."""

    def __call__(self, error: KafkaError | None, message: Any) -> None:
        """One record was delivered, or has failed with an error."""

    def complete(self, failed: Sequence[tuple[int, int]]) -> None:
        """All records have completed; `failed` has the position and the error code of each that failed."""


class SendsAgain(Protocol):
    """Sends records again that were refused because their batch was too large."""

    def add(self, records: Iterable[tuple[RecordBatch, Callable[[int], None]]], headers: Headers) -> None:
        """Each is a batch of one, with what to call with its final error code, or 0."""


class Delivery(msgspec.Struct, eq=False, gc=False):
    """The records of one batch in flight. It is the client's callback for each of them.

    Thousands are in flight at a time, so the garbage collector does not follow them: nothing that a completed delivery
    refers to may refer to it.

    `count` records were queued; `refused` has the others, None if there are none. `clean` is whether all that were
    queued are in Kafka. `on_done` is called once, when all of them have completed.
    """

    batch: RecordBatch
    size: int
    """Bytes reserved in `in_flight`."""
    in_flight: InFlight
    count: int
    left: int
    """Records that have not completed."""
    on_done: "OnDone | None" = None
    refused: RecordBatch | None = None
    clean: bool = False
    headers: Headers = ()
    resends: SendsAgain | None = None
    """What sends records again that may not be too large themselves; None once it has, or if the client does that."""
    _errors: tuple[tuple[bytes, KafkaError], ...] = ()
    _failed: Sequence[tuple[int, int]] = ()
    _waiter: "asyncio.Future[None] | None" = None

    def __call__(self, error: KafkaError | None, message: Any) -> None:
        """One record was delivered, or has failed with an error."""
        if error is not None:
            self._errors += ((message.value(), error),)
        self.left -= 1
        if not self.left:
            self._finish()

    def complete(self, failed: Sequence[tuple[int, int]]) -> None:
        """All records have completed; `failed` has the position and the error code of each that failed."""
        self._failed = failed
        self.left = 0
        self._finish()

    def refuse_from(self, count: int) -> None:
        """The client has queued only the first `count` records."""
        self.refused = refused = self.batch[count:]
        size = refused.size if count else self.size
        self.left -= self.count - count
        self.count = count
        self.batch = self.batch[:count]
        self.size -= size
        self.in_flight.settle(size, 0, 0)
        if count and not self.left:
            self._finish()

    async def wait(self) -> None:
        """Wait until all records have completed. The caller sets the deadline."""
        if self.left:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def failures(self) -> list[Refused]:
        """The records that failed; before all have completed, those that may have failed."""
        if self.clean:
            return []
        places = list(self.batch.places())
        if self.left:
            return [Refused(index, 503, problems.NO_ANSWER, "", order_id) for index, order_id in places]
        failed = [(*places[at], KafkaError(code)) for at, code in self._failed]
        found = [Refused(index, *explain(error), order_id=order_id) for index, order_id, error in failed]
        return sorted(found, key=lambda refused: refused.index)

    @property
    def code(self) -> int:
        """Kafka's error code of the first record that failed, once all have completed; 0 if none failed."""
        return self._failed[0][1] if self._failed else 0

    def _finish(self) -> None:
        if not (self._errors or self._failed):
            self.clean = True
            self.in_flight.settle(self.size, self.count, 0)
        elif not self._fail():
            return
        if self.on_done is not None:
            self.on_done(self)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self) -> bool:
        """Some have failed. Returns whether all have completed: none is sent again."""
        if self._errors:
            self._failed, self._errors = self._positions(self._errors), ()
        if self.resends is not None and self._send_again(self.resends):
            return False
        log_failures(len(self._failed), KafkaError(self._failed[0][1]))
        self.in_flight.settle(self.size, self.count - len(self._failed), len(self._failed))
        return True

    def _positions(self, errors: tuple[tuple[bytes, KafkaError], ...]) -> list[tuple[int, int]]:
        """The position and the error code of each record that failed, found by its value."""
        positions: dict[bytes, list[int]] = {}
        for at, (_, value) in enumerate(self.batch.entries()):
            positions.setdefault(value, []).append(at)
        return [(positions[value].pop(), error.code()) for value, error in errors]

    def _send_again(self, resends: SendsAgain) -> bool:
        """Send again, once, what was refused as too large. Returns whether there is any."""
        self.resends = None
        again = [at for at, code in self._failed if code in TOO_LARGE]
        self._failed = [(at, code) for at, code in self._failed if code not in TOO_LARGE]
        self.left = len(again)
        resends.add(((self.batch[at : at + 1], partial(self._sent_again, at)) for at in again), self.headers)
        return bool(again)

    def _sent_again(self, at: int, code: int) -> None:
        if code:
            self._failed = [*self._failed, (at, code)]
        self.left -= 1
        if not self.left:
            self._finish()


OnDone = Callable[[Delivery], None]


def log_failures(orders: int, first: KafkaError) -> None:
    """Log how many orders Kafka did not acknowledge, and the error of the first."""
    _log.error("Kafka did not acknowledge orders: %s", first.str(), extra={"orders": orders})


def explain(error: KafkaError) -> tuple[int, str]:
    """The status and the detail for an order that Kafka did not acknowledge."""
    if error.code() in TOO_LARGE:
        return 413, problems.MESSAGE_TOO_LARGE
    return 503, problems.refused_by_kafka(error.name())
