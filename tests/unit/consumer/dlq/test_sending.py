"""Dead letters that are sent again by a client that fails on the way."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from orderpipeline_consumer.dlq.letters import DeadLetter
from orderpipeline_consumer.dlq.sending import Sender, SendError

FATAL = KafkaException(KafkaError(KafkaError._FATAL, "out of sequence"))
LETTERS = [DeadLetter(0, offset, offset, b"c-1", b"{}", ()) for offset in range(4)]


class FakeProducer:
    """Acknowledges the first `good` records at once; then `produce` or `flush` raises, or nothing is ever answered."""

    def __init__(self, good: int, *, produce: Exception | None = None, flush: Exception | None = None) -> None:
        self._good, self._produce, self._flush = good, produce, flush

    def produce(self, *_: Any, on_delivery: Callable[[KafkaError | None, Any], None], **__: Any) -> None:
        if self._good:
            self._good -= 1
            on_delivery(None, None)
        elif self._produce is not None:
            raise self._produce

    def flush(self, _: float) -> int:
        if self._flush is not None:
            raise self._flush
        return 0


@pytest.mark.parametrize(
    ("producer", "why"),
    [
        (FakeProducer(2, produce=FATAL), "out of sequence"),
        (FakeProducer(2, produce=BufferError("queue full")), "queue full"),
        (FakeProducer(2, flush=FATAL), "out of sequence"),
        (FakeProducer(2), "no answer"),
    ],
)
def test_what_was_accepted_before_a_failure_is_told(producer: FakeProducer, why: str) -> None:
    sender = Sender({}, "orders", lambda _: producer)  # type: ignore[arg-type, return-value]
    with pytest.raises(SendError, match=f"^the letter at 0:2 was not accepted: .*{why}") as caught:
        sender.send(LETTERS)
    assert list(caught.value.sent) == LETTERS[:2]


def test_nothing_is_raised_when_all_are_accepted() -> None:
    Sender({}, "orders", lambda _: FakeProducer(4)).send(LETTERS)  # type: ignore[arg-type, return-value]
