"""A Kafka client that fails for good is replaced, and its health says so while there is none."""

import asyncio
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from orderpipeline_common.background import Background
from orderpipeline_producer.kafka import successor
from orderpipeline_producer.kafka.confluent_client import ConfluentClient
from orderpipeline_producer.kafka.health import KafkaHealth
from tests.support.waiting import settles
from tests.unit.producer.fakes import FailingProducer
from tests.unit.producer.kafka.test_producer_client import batch


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(successor, "PAUSE_SECONDS", 0.0)


class Made:
    """A client, its health, and all producers that it has made; `errors` has what the next ones raise instead."""

    def __init__(self) -> None:
        self.health = KafkaHealth()
        self.health.unreachable = ""
        self.seen: list[bool | None] = []
        self.producers: list[FailingProducer] = []
        self.errors: list[Exception] = []
        self.client = ConfluentClient({}, "orders", 10**9, self._report, Background(), self._make)

    @property
    def producer(self) -> FailingProducer:
        """The one that is in use."""
        return self.producers[-1]

    def _make(self, config: dict[str, Any]) -> FailingProducer:
        if self.errors:
            raise self.errors.pop()
        self.producers.append(FailingProducer())
        return self.producer

    def _report(self, code: str, text: str, *, fatal: bool | None = None) -> None:
        self.health.report(code, text, fatal=fatal)
        self.seen.append(fatal)


async def test_what_was_in_flight_may_be_in_the_log_and_later_orders_go_through_a_new_client() -> None:
    made = Made()
    delivery = made.client.send(batch(b"v", b"w"))
    made.producer.fail()
    await settles("the client is replaced", lambda: len(made.producers) == 2)
    await asyncio.wait_for(delivery.wait(), 60)
    first, second = delivery.failures()
    assert (first.status, second.status) == (503, 503)
    assert "may already be in the log" in first.detail
    assert (made.client.in_flight.bytes, made.client.in_flight.failed) == (0, 2)
    later = made.client.send(batch(b"x"))
    made.producer.finish()
    await asyncio.wait_for(later.wait(), 60)
    assert later.clean
    assert (made.seen, made.health.problem()) == ([True, False], "")
    made.client.close(0)


async def test_the_failed_client_is_destroyed_in_another_thread() -> None:
    """librdkafka waits for its own threads then, and the event loop would wait with it."""
    made = Made()
    destroyed: list[threading.Thread] = []
    weakref.finalize(made.producers[0], lambda: destroyed.append(threading.current_thread()))
    made.producer.fail()
    await settles("the client is replaced", lambda: len(made.producers) == 2)
    del made.producers[0]
    await settles("the former one is gone", lambda: destroyed)
    assert destroyed != [threading.main_thread()]
    made.client.close(0)


async def test_it_is_unhealthy_until_there_is_a_client_again() -> None:
    made = Made()
    made.errors = [OSError("no file descriptors"), ValueError("the CA's file is gone")]
    found: list[str] = []
    report: Callable[..., None] = made.health.report

    def remember(code: str, text: str, *, fatal: bool | None = None) -> None:
        report(code, text, fatal=fatal)
        found.append(made.health.fatal)

    made.health.report = remember  # type: ignore[method-assign]
    made.producer.fail()
    await settles("the client is replaced", lambda: len(made.producers) == 2)
    lost, gone, full, well = found
    assert "lost its log" in lost
    assert "the CA's file is gone" in gone
    assert "no file descriptors" in full
    assert well == ""
    made.client.close(0)


async def test_a_callback_that_raises_does_not_end_the_polling(caplog: pytest.LogCaptureFixture) -> None:
    made = Made()

    def fault(_: object) -> None:
        raise RuntimeError("a fault")

    made.client.send(batch(b"v"), (), fault)
    made.producer.finish()
    await settles("the fault is seen", lambda: "RuntimeError: a fault" in caplog.text)
    delivery = made.client.send(batch(b"v"))
    made.producer.finish()
    await asyncio.wait_for(delivery.wait(), 60)
    assert delivery.clean
    assert [record.message for record in caplog.records] == ["the callback of a delivery failed"]
    made.client.close(0)


async def test_a_client_that_fails_again_is_replaced_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(successor, "PAUSE_SECONDS", 3600.0)
    made = Made()
    made.producer.fail()
    await settles("it has failed", lambda: made.seen == [True])
    assert "lost its log" in made.health.problem()
    assert made.client.send(batch(b"v")).refused is not None
    assert len(made.producers) == 1
    made.client.close(0)
