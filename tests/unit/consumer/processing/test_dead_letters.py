"""Dead letters when the Kafka client fails for good while others are on their way."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from orderpipeline_consumer.processing import dead_letters
from orderpipeline_consumer.processing.dead_letters import KafkaDeadLetters
from tests.unit.consumer.parts import record


class Client:
    """A Kafka producer whose deliveries the test decides on; they come out at the next poll."""

    made: "list[Client]"

    def __init__(self, config: object, logger: object) -> None:
        self.sent: list[Callable[[KafkaError | None, object], None]] = []
        self.due: list[tuple[Callable[[KafkaError | None, object], None], KafkaError | None]] = []
        Client.made.append(self)

    def produce(self, topic: str, *, on_delivery: Any, **_: object) -> None:
        self.sent.append(on_delivery)

    def finish(self, index: int, error: KafkaError | None = None) -> None:
        self.due.append((self.sent[index], error))

    def poll(self, seconds: float) -> None:
        due, self.due = self.due, []
        for callback, error in due:
            callback(error, None)


async def test_a_new_client_is_polled_while_the_failed_one_still_owes_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    Client.made = []
    monkeypatch.setattr(dead_letters, "Producer", Client)
    letters = KafkaDeadLetters({}, "dead")
    fatal = KafkaError(KafkaError._FATAL, "fenced", fatal=True)
    one, two = (asyncio.ensure_future(letters.send(record(n), ())) for n in range(2))
    await asyncio.sleep(0)
    old = Client.made[0]
    old.finish(0, fatal)
    with pytest.raises(KafkaException):
        await one
    again = asyncio.ensure_future(letters.send(record(0), ()))
    await asyncio.sleep(0)
    old.finish(1, fatal)
    with pytest.raises(KafkaException):
        await two
    Client.made[1].finish(0)
    await asyncio.wait_for(again, 60)
    third = asyncio.ensure_future(letters.send(record(2), ()))
    await asyncio.sleep(0)
    assert len(Client.made) == 2, "the late failure is not the new client's"
    Client.made[1].finish(1)
    await asyncio.wait_for(third, 60)
    await letters.close()
