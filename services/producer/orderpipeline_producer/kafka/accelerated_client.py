"""The producer clients of the accelerator, which need no Python call for each record.

Its own client builds Kafka's batches itself; librdkafka takes its place where that can't use the configuration or the
brokers. Either client replaces `ConfluentClient` as a whole, so that there is only one path to Kafka for the orders of
one customer.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec
from confluent_kafka import KafkaError

from orderpipeline_common.activities import ProducerActivity
from orderpipeline_common.background import Background
from orderpipeline_common.engine import ACCELERATOR, Engine
from orderpipeline_common.kafka_config import as_properties
from orderpipeline_producer.decoding.accelerated import AcceleratedBatch
from orderpipeline_producer.decoding.record_batch import RecordBatch
from orderpipeline_producer.kafka.confluent_client import SoloConfluentClient
from orderpipeline_producer.kafka.delivery import Completion, Headers
from orderpipeline_producer.kafka.in_flight import InFlight
from orderpipeline_producer.kafka.producer_client import (
    CHECK_SECONDS,
    RECORD_HEADERS,
    Config,
    NoAnswer,
    ProducerClient,
    leaderless,
)
from orderpipeline_producer.kafka.resends import Resends
from orderpipeline_producer.kafka.successor import Report, Successor, release

if TYPE_CHECKING:
    from orderpipeline_accelerator import DirectProducer, LibrdkafkaProducer

    Compiled = DirectProducer | LibrdkafkaProducer

IDLE_CHECK_SECONDS: Final = 0.05
"""How often to look whether the own client has nothing in flight any more, once librdkafka is to take its place."""
LEVELS: Final = (50, 50, 50, 40, 30, 20, 20, 10)
"""Python's log levels for those of syslog."""

_log = logging.getLogger(__name__)


class FailedRecord(msgspec.Struct, frozen=True, gc=False):
    """A record that failed, with the interface of confluent-kafka's messages."""

    payload: bytes

    def value(self) -> bytes:
        """The record's value."""
        return self.payload


class AcceleratedClient(ProducerClient):
    """Either client of the accelerator. Raises ImportError without it, ValueError for a wrong configuration.

    After a fatal error of librdkafka, a new client takes over; what the former one had in flight has failed. Without
    `own`, librdkafka is used in any case. If a broker lacks what the own client needs, librdkafka takes its place for
    good, as soon as nothing is in flight: until then, orders are refused.
    """

    def __init__(
        self,
        config: Config,
        topic: str,
        max_in_flight: int,
        report: Report,
        background: Background,
        own: bool = True,
    ) -> None:
        from orderpipeline_accelerator import DirectProducer, InFlightBytes, LibrdkafkaProducer, librdkafka

        self._config = config
        self._solo = lambda: SoloConfluentClient(self._config, topic, max_in_flight, report, background)
        super().__init__(InFlight(max_in_flight, InFlightBytes()), Resends(self._solo))
        self._topic = topic
        self._report = report
        self._loop = background.loop()
        self._supervisor = background.supervisor
        self._sender = self._supervisor.add(ProducerActivity.SENDER)
        """Its turns are seen by the regular checks."""
        callbacks = (list(RECORD_HEADERS), self._on_event, self._on_failed)
        self._make: Callable[[], Compiled] = lambda: LibrdkafkaProducer(
            librdkafka(), as_properties(self._config), topic, *callbacks
        )
        self._own: DirectProducer | None = None
        self._unsupported = ""
        """Why librdkafka is to take the own client's place; empty if it is not, or if it has."""
        self._idle_check: asyncio.Handle | None = None
        self.on_engine: Callable[[Engine], None] | None = None
        """Called when another engine runs."""
        if own:
            try:
                self._own = DirectProducer(as_properties(config), topic, *callbacks)  # it never fails for good
            except ValueError as error:
                _log.warning("librdkafka sends the orders, the accelerator's own Kafka client can't: %s", error)
            else:
                self.resends = None  # it takes batches apart itself
        self._successor = Successor(self._take_over, report, self._loop)
        self._former: list[Compiled] = []
        """Clients that have failed, as long as records of theirs have not completed."""
        self._done: list[Compiled] = []
        """Those whose records have."""
        self.compiled: Compiled = self._open(self._own or self._make())
        self.engine = Engine(ACCELERATOR, kafka_client=ACCELERATOR) if self._own else Engine(ACCELERATOR)

    def _open(self, compiled: "Compiled") -> "Compiled":
        self._loop.add_reader(compiled.fd, compiled.poll)
        return compiled

    def _use_librdkafka(self) -> None:
        """Let librdkafka send, once nothing is in flight: until then it could overtake earlier orders."""
        assert self._own is not None
        if not self._own.close_if_idle():
            self._idle_check = self._loop.call_later(IDLE_CHECK_SECONDS, self._use_librdkafka)
            return
        _log.warning("librdkafka sends the orders, the accelerator's own Kafka client can't: %s", self._unsupported)
        try:
            self._take_over()
        except Exception as error:  # nobody waits for this call, so it is told by the probes
            self._report("_FATAL", f"librdkafka can't take over: {error}", fatal=True)
            raise
        self._own, self._unsupported, self.resends = None, "", Resends(self._solo)
        self.engine = Engine(ACCELERATOR)
        if self.on_engine is not None:
            self.on_engine(self.engine)
        self._report("_UNSUPPORTED_FEATURE", "librdkafka has taken over")  # so that it is checked at once

    def _take_over(self) -> None:
        former, self.compiled = self.compiled, self._open(self._make())
        self._former.append(former)
        self._loop.add_reader(former.fd, self._poll_former, former)
        self._poll_former(former)

    def _poll_former(self, former: "Compiled") -> None:
        if not former.flush(0.0):
            self._loop.remove_reader(former.fd)
            self._former.remove(former)
            self._done.append(former)
            self._loop.call_soon(self._release)  # by then the event loop has forgotten it

    def _release(self) -> None:
        done, self._done = self._done, []
        release(done, self._loop)

    def _queue(self, batch: RecordBatch, headers: Headers, delivery: Completion) -> int:
        if isinstance(batch, AcceleratedBatch):
            return self.compiled.produce_orders(batch.orders, headers, delivery.complete)
        produce = self.compiled.produce
        count = 0
        for key, value in batch.entries():
            if not produce(key, value, headers, delivery):
                break
            count += 1
        return count

    def check(self) -> str:
        if self._unsupported:
            self._sender.turn()
            return f"librdkafka is about to take over from the accelerator's own Kafka client: {self._unsupported}"
        try:
            leaders, error = self.compiled.leaders(CHECK_SECONDS)
        except OSError as unreachable:
            self._sender.turn()
            return NoAnswer(f"Kafka is unreachable: {unreachable}")
        except RuntimeError as hanging:
            return NoAnswer(str(hanging))
        self._sender.turn()
        return f"topic {self._topic}: {KafkaError(error).str()}" if error else leaderless(self._topic, leaders)

    @property
    def renews_access(self) -> bool:
        return self._own is not None

    def renew_access(self, config: Config) -> None:
        if self._own is None:
            _log.warning("librdkafka keeps the certificates and credentials it has until the order API is restarted")
            return
        self._own.set_access(as_properties(config))
        self._config = config

    def _close(self, seconds: float) -> int:
        self._supervisor.remove(self._sender)
        self._successor.cancel()
        if self._idle_check is not None:
            self._idle_check.cancel()
        for client in (self.compiled, *self._former):
            self._loop.remove_reader(client.fd)
        return self.compiled.flush(seconds) + sum(former.flush(0.0) for former in self._former)

    def _on_event(self, kind: str, code: int, name: str, text: str) -> None:
        if kind == "log":
            _log.log(LEVELS[min(max(code, 0), 7)], "%s: %s", name, text)
        elif kind == "fatal":
            self._successor.needed(name, text)
        elif kind == "unsupported":
            if self._own is not None and not self._unsupported:
                self._unsupported = text
                self._report(name, text)  # from the next check on, orders are refused
                self._idle_check = self._loop.call_soon(self._use_librdkafka)  # not while it is being polled
        elif kind == "ended":
            self._report(name, text, fatal=True)  # the process has to be restarted
        else:
            self._report(name, text)

    def _on_failed(self, delivery: Completion, code: int, value: bytes) -> None:
        delivery(KafkaError(code), FailedRecord(value))
