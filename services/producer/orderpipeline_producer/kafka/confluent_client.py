"""The Kafka producer client, its configuration, and whether Kafka can be reached."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from orderpipeline_common.contract import Header
from orderpipeline_common.order import Order
from orderpipeline_producer.decoding.accelerated import Plain
from orderpipeline_producer.decoding.one_by_one import RECORD_OVERHEAD
from orderpipeline_producer.settings import Settings

Headers = list[tuple[str, str | bytes | None]]
OnDelivery = Callable[[KafkaError | None, Any], None]
OnDone = Callable[[list[tuple[int, int]]], None]
ProducePlain = Callable[[Plain, Headers, OnDone], int]
"""Queues plain orders, in turn, until the client takes no more; gives how many it took. Once all of those are delivered
or have failed, the last argument is told place and error code of each that failed."""
Take = Callable[[bytes, int, str, OnDelivery], tuple[int, bytes] | None]
"""Reads one plain order and queues it, with this id when it has none of its own, if key and value are no more than that
many bytes. Gives those bytes and `{"order_id":"…"}`; None when nothing was done."""

PLAIN_HEADERS: Final[Headers] = [(Header.CONTENT_TYPE, b"application/json")]
"""What every record's headers begin with."""
CHECK_SECONDS: Final = 2.0
"""Longest that one look at the cluster's metadata may take."""
MAX_BATCH_BYTES: Final = 1_000_000
"""Largest Kafka batch; brokers refuse more than 1,048,588 bytes unless told otherwise."""
ANY_PARTITION: Final = -1
"""Let the partitioner choose. `produce` gets its arguments by place: by name, a call takes half as long again."""
NOW: Final = 0
"""The time stamp that stands for the time of the call."""

_log = logging.getLogger(__name__)


def producer_config(settings: Settings, client_id: str) -> dict[str, str | int | float | bool]:
    """The confluent-kafka configuration.

    `acked`: idempotent with acks=all, and an order is given up when the request is. `accepted`: acks=1, and since the
    client already has its reply, tried for as long as the library tries by itself.
    """
    limits = settings.limits
    config = settings.kafka.client_config(client_id)
    config |= {
        "linger.ms": settings.linger_ms,
        "compression.type": settings.compression,
        "partitioner": "murmur2_random",  # as Java clients do: one customer, one partition, whoever produces
        "batch.size": MAX_BATCH_BYTES,
        "message.max.bytes": max(MAX_BATCH_BYTES, limits.order_bytes + 65536),
        # The gateway bounds what is in flight; the library's own bounds stand just behind and never come first.
        "queue.buffering.max.messages": max(100_000, limits.in_flight_bytes // RECORD_OVERHEAD + 1),
        "queue.buffering.max.kbytes": limits.in_flight_bytes // 1024 * 2,
        "socket.keepalive.enable": True,
        "log.connection.close": False,
    }
    if settings.durability == "acked":
        timeout_ms = max(1000, int(limits.request_seconds * 1000))
        config |= {"acks": "all", "enable.idempotence": True, "delivery.timeout.ms": timeout_ms}
    else:
        # Without sequence numbers a batch that is sent again would land behind a later one under way beside it.
        config |= {"acks": 1, "enable.idempotence": False, "max.in.flight.requests.per.connection": 1}
    config["delivery.timeout.ms"] = max(int(config.get("delivery.timeout.ms", 300_000)), settings.linger_ms + 1)
    return config


def leaderless(topic: str, leaders: Sequence[int]) -> str:
    """What is wrong when no partition has a leader, by their leaders' ids (-1 for none); else empty."""
    return f"topic {topic}: no partition has a leader" if leaders and max(leaders) < 0 else ""


class KafkaSink:
    """One producer client for one topic. All calls but `check` belong to the event loop's thread."""

    def __init__(self, config: dict[str, str | int | float | bool], topic: str) -> None:
        self.topic = topic
        self.fd: int | None = None
        """It has to be polled in turns: nothing tells when there is something to poll."""
        self.take: Take | None = None
        self.produce_plain: ProducePlain | None = None
        self.desk = None
        """Only a client of the accelerator's has one."""
        self.fatal = ""
        """Why the client can never send again; empty while it can."""
        self.on_trouble: Callable[[], None] = lambda: None
        """Called when the client reports any error."""
        self._producer = Producer({**config, "error_cb": self._on_error}, logger=_log)
        self._produce = self._producer.produce

    def produce(self, key: str, value: bytes, headers: Headers, on_delivery: OnDelivery) -> None:
        """Queue one record. Raises BufferError when the client's queue is full, KafkaException when it refuses."""
        self._produce(self.topic, value, key, ANY_PARTITION, on_delivery, None, NOW, headers)

    def produce_all(
        self, orders: Sequence[Order], values: Sequence[bytes], headers: Headers, on_delivery: OnDelivery
    ) -> int:
        """Queue one record for each order, in turn, until the client takes no more; returns how many it took."""
        produce, topic = self._produce, self.topic
        sent = 0
        try:
            for order, value in zip(orders, values, strict=True):
                produce(topic, value, order.customer_id, ANY_PARTITION, on_delivery, None, NOW, headers)
                sent += 1
        except (BufferError, KafkaException):
            pass  # the caller sees how many
        return sent

    def poll(self) -> None:
        """Run the callbacks of what has been delivered or has failed. Never waits."""
        self._producer.poll(0)

    def flush(self, seconds: float) -> int:
        """Send at once and wait until nothing is in flight; returns how many records still are. Blocks."""
        left: int = self._producer.flush(seconds)
        return left

    def check(self) -> str:
        """Look at the topic's metadata: empty when it can take orders, else what is wrong. Blocks its thread."""
        try:
            topic = self._producer.list_topics(self.topic, CHECK_SECONDS).topics[self.topic]
        except KafkaException as error:
            return f"Kafka is unreachable: {error.args[0].str()}"
        if topic.error is not None:
            return f"topic {self.topic}: {topic.error.str()}"
        return leaderless(self.topic, [partition.leader for partition in topic.partitions.values()])

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self.fatal = f"the Kafka client failed for good: {error.str()}"
        self.on_trouble()
        _log.warning("kafka: %s", error.str(), extra={"code": error.name(), "fatal": error.fatal()})
