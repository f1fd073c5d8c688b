"""Dead letters when the Kafka client fails for good while others are on their way."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from orderpipeline_common.contract import Header
from orderpipeline_consumer.processing import dead_letters
from orderpipeline_consumer.processing.dead_letters import (
    DeadLetterTooLargeError,
    KafkaDeadLetters,
    dead_letter_headers,
)
from orderpipeline_consumer.records.record import decode_message
from tests.support.waiting import settles
from tests.unit.consumer.builders import ORDER, Message, orders, record


class Client:
    """A Kafka producer whose deliveries the test decides on; they come out at the next poll."""

    made: "list[Client]"
    raises: Exception | None = None
    refuses = False

    def __init__(self, config: dict[str, object], logger: object) -> None:
        self.config = config
        self.sent: list[Callable[[KafkaError | None, object], None]] = []
        self.due: list[tuple[Callable[[KafkaError | None, object], None], KafkaError | None]] = []
        Client.made.append(self)

    def produce(self, topic: str, *, on_delivery: Any, **_: object) -> None:
        if self.refuses:
            raise KafkaException(KafkaError(KafkaError._FATAL))
        self.sent.append(on_delivery)

    def finish(self, index: int, error: KafkaError | None = None) -> None:
        self.due.append((self.sent[index], error))

    def poll(self, seconds: float) -> None:
        raises, self.raises = self.raises, None
        if raises is not None:
            raise raises
        due, self.due = self.due, []
        for callback, error in due:
            callback(error, None)


async def test_a_new_producer_is_polled_while_the_failed_one_has_deliveries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
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


async def test_a_fatal_error_that_poll_raises_fails_what_waits_and_the_next_one_has_a_new_producer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Client.made = []
    monkeypatch.setattr(dead_letters, "Producer", Client)
    letters = KafkaDeadLetters({}, "dead")
    one, two = (asyncio.ensure_future(letters.send(record(n), ())) for n in range(2))
    await asyncio.sleep(0)
    Client.made[0].raises = KafkaException(KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "lost", fatal=True))
    for waiting in (one, two):
        with pytest.raises(KafkaException, match="lost"):
            await asyncio.wait_for(waiting, 60)
    again = asyncio.ensure_future(letters.send(record(0), ()))
    await asyncio.sleep(0)
    Client.made[1].finish(0)
    await asyncio.wait_for(again, 60)
    assert len(Client.made) == 2
    await letters.close()


async def test_a_producer_that_refuses_for_good_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    Client.made = []
    monkeypatch.setattr(dead_letters, "Producer", Client)
    letters = KafkaDeadLetters({}, "dead")
    one = asyncio.ensure_future(letters.send(record(0), ()))
    await asyncio.sleep(0)
    Client.made[0].refuses = True
    for waiting in (asyncio.ensure_future(letters.send(record(1), ())), one):
        with pytest.raises(KafkaException):
            await asyncio.wait_for(waiting, 60)
    again = asyncio.ensure_future(letters.send(record(0), ()))
    await asyncio.sleep(0)
    Client.made[1].finish(0)
    await asyncio.wait_for(again, 60)
    await letters.close()


async def test_what_is_refused_as_too_large_is_sent_once_more_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    Client.made = []
    monkeypatch.setattr(dead_letters, "Producer", Client)
    letters = KafkaDeadLetters({}, "dead")
    too_large = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
    small, large = (asyncio.ensure_future(letters.send(record(n), ())) for n in range(2))
    await asyncio.sleep(0)
    for index in range(2):
        Client.made[0].finish(index, too_large)
    await settles("both are sent again", lambda: len(Client.made) == 2 and len(Client.made[1].sent) == 2)
    alone = Client.made[1]
    assert (Client.made[0].config.get("batch.num.messages"), alone.config["batch.num.messages"]) == (None, 1)
    alone.finish(0)
    alone.finish(1, too_large)
    await asyncio.wait_for(small, 60)
    with pytest.raises(DeadLetterTooLargeError, match=r"orders/0/1.*max\.message\.bytes"):
        await asyncio.wait_for(large, 60)
    await letters.close()


def test_a_dead_letter_keeps_its_headers_and_has_its_latest_origin() -> None:
    extra = [("traceparent", b"t"), (Header.ORIGIN_TOPIC, b"earlier")]
    found = dead_letter_headers(
        decode_message(Message(ORDER, headers=extra), orders(3)), ValueError("bad \u2603" * 1000), 3
    )
    assert [name for name, _ in found].count(Header.ORIGIN_TOPIC) == 1
    said = dict(found)
    assert said["traceparent"] == b"t"
    assert (said[Header.ORIGIN_TOPIC], said[Header.ORIGIN_PARTITION], said[Header.ORIGIN_OFFSET]) == (
        b"orders",
        b"3",
        b"42",
    )
    assert (said[Header.ORIGIN_TIMESTAMP], said[Header.ATTEMPTS]) == (b"1700", b"3")
    assert (said[Header.ERROR] or b"").decode().startswith("ValueError: bad \u2603")
    assert len((said[Header.ERROR] or b"").decode()) == 1024
