"""The accelerator's Kafka producer clients, with the same configuration and no Python call for each record.

On plain connections that is one of its own, which makes Kafka's batches where the orders arrive; elsewhere librdkafka,
whose own work for each record is most of what an order costs then. Either replaces `KafkaSink` as a whole, so that the
orders of one customer never take two ways to Kafka.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError

from orderpipeline_common.contract import Env
from orderpipeline_common.order import Order
from orderpipeline_common.runtime import SettingsError
from orderpipeline_producer.decoding.accelerated import Plain
from orderpipeline_producer.kafka.confluent_client import (
    CHECK_SECONDS,
    PLAIN_HEADERS,
    Headers,
    KafkaSink,
    OnDelivery,
    OnDone,
    ProducePlain,
    Take,
    leaderless,
)
from orderpipeline_producer.settings import Settings

OWN_COMPRESSION: Final = ("none", "snappy", "lz4")
LEVELS: Final = (50, 50, 50, 40, 30, 20, 20, 10)
"""Python's levels of logging for those of syslog."""

_log = logging.getLogger(__name__)


class Undelivered(msgspec.Struct, frozen=True, gc=False):
    """What a delivery callback gets of a record that failed."""

    payload: bytes

    def value(self) -> bytes:
        """The record's value."""
        return self.payload


class NativeSink:
    """One producer client for one topic; `headers` are on every record, and every record's headers begin with them.

    All calls but `check` belong to the event loop's thread. Raises ImportError without the accelerator, ValueError for
    a configuration that makes no client.
    """

    def __init__(self, config: dict[str, str | int | float | bool], topic: str, headers: Headers) -> None:
        from orderpipeline_accelerator import Appender, Client, Desk, librdkafka  # an older one has no desk

        self.topic = topic
        self.fatal = ""
        """Why the client can never send again; empty while it can."""
        self.on_trouble: Callable[[], None] = lambda: None
        """Called when the client reports any error."""
        self._headers = headers
        given = [(name, _text(value)) for name, value in config.items()]
        always = [(name, _bytes(value)) for name, value in headers]
        self._client: Appender | Client
        if config["security.protocol"] == "PLAINTEXT" and config["compression.type"] in OWN_COMPRESSION:
            self._client = Appender(given, topic, always, self._on_event, self._on_failed)
        else:
            self._client = Client(librdkafka(), given, topic, always, self._on_event, self._on_failed)
        self.fd: int | None = self._client.fd
        """Readable when there is something to `poll`."""
        self.poll = self._client.poll
        """Run the callbacks of what has been delivered or has failed. Never waits."""
        self.flush = self._client.flush
        """Send at once and wait until nothing is in flight; returns how many records still are. Blocks."""
        self.take: Take | None = self._client.take
        self.produce_plain: ProducePlain | None = self._produce_plain
        self.desk: Callable[..., Desk] | None = self._client.desk if isinstance(self._client, Appender) else None

    def produce(self, key: str, value: bytes, headers: Headers, on_delivery: OnDelivery) -> None:
        """Queue one record. Raises BufferError when the client does not take it."""
        if not self._client.produce(key, value, self._more(headers), on_delivery):
            raise BufferError("the Kafka client takes no more")

    def produce_all(
        self, orders: Sequence[Order], values: Sequence[bytes], headers: Headers, on_delivery: OnDelivery
    ) -> int:
        """Queue one record for each order, in turn, until the client takes no more; returns how many it took."""
        more, produce = self._more(headers), self._client.produce
        for sent, (order, value) in enumerate(zip(orders, values, strict=True)):
            if not produce(order.customer_id, value, more, on_delivery):
                return sent
        return len(orders)

    def _produce_plain(self, records: Plain, headers: Headers, on_done: OnDone) -> int:
        return self._client.produce_orders(records.orders, self._more(headers), on_done)

    def check(self) -> str:
        """Look at the topic's metadata: empty when it can take orders, else what is wrong. Blocks its thread."""
        try:
            leaders, error = self._client.leaders(CHECK_SECONDS)
        except OSError as unreachable:
            return f"Kafka is unreachable: {unreachable}"
        return f"topic {self.topic}: {KafkaError(error).str()}" if error else leaderless(self.topic, leaders)

    def _more(self, headers: Headers) -> list[tuple[str, bytes]]:
        own = len(self._headers)
        return [(name, _bytes(value)) for name, value in headers[own:]] if len(headers) > own else []

    def _on_event(self, kind: str, code: int, name: str, text: str) -> None:
        if kind == "log":
            _log.log(LEVELS[min(max(code, 0), 7)], "%s: %s", name, text)
            return
        if kind == "fatal":
            self.fatal = f"the Kafka client failed for good: {text}"
        self.on_trouble()
        _log.warning("kafka: %s", text, extra={"code": name, "fatal": kind == "fatal"})

    def _on_failed(self, on_delivery: OnDelivery, code: int, value: bytes) -> None:
        on_delivery(KafkaError(code), Undelivered(value))


KafkaClient = KafkaSink | NativeSink


def make_sink(config: dict[str, str | int | float | bool], settings: Settings) -> KafkaClient:
    """The Kafka client that the settings ask for. Raises SettingsError when the accelerator is needed and not there."""
    if settings.accelerator != "off":
        try:
            return NativeSink(config, settings.topic, PLAIN_HEADERS)
        except ImportError as error:  # it is not there, or older than this and lacks something
            if settings.accelerator == "on":
                raise SettingsError(
                    f"{Env.ACCELERATOR}=on, but it can't be used: {error}; `make accelerator` builds it"
                ) from None
            _log.info("without the accelerator: %s", error)
    return KafkaSink(config, settings.topic)


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _text(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
