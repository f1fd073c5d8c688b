"""Records that Kafka refused as too large are sent again one at a time.

librdkafka fails all records of a Kafka batch when the batch is too large for the topic, also those that are small
enough. Alone, each gets the answer that belongs to it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError

from orderpipeline_producer.decoding.record_batch import RecordBatch
from orderpipeline_producer.kafka.delivery import TOO_LARGE, Completion, Headers

MAX_RESENDS: Final = 2
"""How often a record is sent again: records of other requests may be in its batch again, but hardly too large ones."""

Queue = Callable[[RecordBatch, Headers, Completion], int]
"""Hands records to the client; returns how many it has taken."""


class Resend(msgspec.Struct, eq=False):
    """One record that is to be sent again. It is the client's callback for it."""

    resends: "Resends"
    batch: RecordBatch
    headers: Headers
    on_code: Callable[[int], None]
    """Called with the record's final error code, or 0."""
    count: int = 0

    def __call__(self, error: KafkaError | None, message: Any) -> None:
        """The record was delivered, or has failed with an error."""
        self.resends.completed(self, error.code() if error is not None else 0)

    def complete(self, failed: Sequence[tuple[int, int]]) -> None:
        """The same, if the client reports positions and error codes."""
        self.resends.completed(self, failed[0][1] if failed else 0)


class Resends:
    """The records of one client that are to be sent again, smallest first within a request."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._waiting: deque[Resend] = deque()
        self._busy = False

    def add(self, records: Iterable[tuple[RecordBatch, Callable[[int], None]]], headers: Headers) -> None:
        """Send records again, each a batch of one with what to call with its final error code, or 0."""
        new = [Resend(self, batch, headers, on_code) for batch, on_code in records]
        self._waiting.extend(sorted(new, key=lambda each: each.batch.size))
        self._send_next()

    def completed(self, record: Resend, code: int) -> None:
        """A record that was sent again was delivered, or has failed again."""
        self._busy = False
        if code in TOO_LARGE and record.count < MAX_RESENDS:
            self._waiting.append(record)
        else:
            record.on_code(code)
        self._send_next()

    def _send_next(self) -> None:
        while self._waiting and not self._busy:
            record = self._waiting.popleft()
            record.count += 1
            self._busy = True
            if not self._queue(record.batch, record.headers, record):
                self._busy = False
                record.on_code(KafkaError._QUEUE_FULL)
