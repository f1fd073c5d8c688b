"""Sends orders to the orders topic again, as the order API would: same key, same partition, in sequence."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from orderpipeline_consumer.dlq.letters import DeadLetter
from orderpipeline_consumer.processing.dead_letters import safe_producer

DELIVERY_SECONDS: Final = 60.0


class SendError(RuntimeError):
    """An order was not accepted. `sent`: those of the same call that were."""

    def __init__(self, text: str, sent: Sequence[DeadLetter]) -> None:
        super().__init__(text)
        self.sent = tuple(sent)


class Sender:
    """`config` is the connection part of a client's configuration."""

    def __init__(
        self, config: Mapping[str, Any], topic: str, make: Callable[[dict[str, Any]], Producer] = Producer
    ) -> None:
        self._topic = topic
        self._producer = make(
            {**safe_producer(config, DELIVERY_SECONDS), "partitioner": "murmur2_random"}  # as the order API's
        )

    def send(self, letters: Sequence[DeadLetter]) -> None:
        """Return when all in-sync replicas have them. Raises SendError."""
        failed: dict[int, KafkaError] = {}
        sent: set[int] = set()
        why = "no answer from Kafka in time"

        def report(index: int) -> Any:
            def on_delivery(error: KafkaError | None, _: Message) -> None:
                if error is None:
                    sent.add(index)
                else:
                    failed[index] = error

            return on_delivery

        try:
            for index, letter in enumerate(letters):
                self._producer.produce(
                    self._topic,
                    letter.value,
                    letter.key,
                    headers=list(letter.own_headers),
                    on_delivery=report(index),
                )
            self._producer.flush(DELIVERY_SECONDS + 10.0)
        except (KafkaException, BufferError) as error:  # the client can't send any more; what was accepted still is
            why = str(error)
        missing = sorted(set(range(len(letters))) - sent)
        if missing:
            first = missing[0]
            place = f"{letters[first].partition}:{letters[first].offset}"
            why = failed[first].str() if first in failed else why
            raise SendError(f"the letter at {place} was not accepted: {why}", [letters[each] for each in sorted(sent)])
