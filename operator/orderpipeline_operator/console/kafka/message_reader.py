"""Reads a bounded number of messages by partition, offset, key or time. It joins no group and commits nothing."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from orderpipeline_operator.console.facts import KafkaAccess
from orderpipeline_operator.console.kafka.client_config import CLIENT_ID, client_config
from orderpipeline_operator.console.kafka.murmur2 import partition_of
from orderpipeline_operator.console.views.messages import Message
from orderpipeline_operator.console.views.overview import QueryError

MOST: Final = 100
"""Messages of one answer."""
SECONDS: Final = 4.0
"""How long one answer may take; what has been found until then is the answer."""
MOST_SCANNED: Final = 50_000
"""Messages that are looked at for a key."""
MOST_BYTES: Final = 4 * 1024 * 1024
"""Of keys and values of one answer."""
MAX_KEY: Final = 1024
_DIGITS: Final = 18


class MessagesUnreadableError(Exception):
    """Kafka did not give the messages; the text says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages. Without `partition`: of all, or of that of the `key`. From `offset` on, or from `since`, in
    milliseconds since 1970; without either, the newest. With `key` only those that have it."""

    partition: int | None = None
    offset: int | None = None
    since: int | None = None
    key: str | None = None
    limit: int = 50

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Self:
        """From the parameters of a URL. Raises QueryError."""
        numbers = {name: _number(parameters, name) for name in ("partition", "offset", "since", "limit")}
        key = parameters.get("key") or None
        if key is not None and len(key) > MAX_KEY:
            raise QueryError(f"key: at most {MAX_KEY} characters")
        if numbers["offset"] is not None and numbers["partition"] is None:
            raise QueryError("offset: needs a partition too")
        if numbers["offset"] is not None and numbers["since"] is not None:
            raise QueryError("since: leave it out, or the offset")
        limit = 50 if numbers["limit"] is None else numbers["limit"]
        if not 1 <= limit <= MOST:
            raise QueryError(f"limit: a number from 1 to {MOST}")
        return cls(numbers["partition"], numbers["offset"], numbers["since"], key, limit)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, newest first if the newest were asked for. `scanned` is how many were looked at; `more`: it ended
    at a limit, so that there may be others."""

    messages: tuple[Message, ...]
    scanned: int
    more: bool


def read_messages(access: KafkaAccess, topic: str, wanted: Wanted, now: Callable[[], float] = time.monotonic) -> Found:
    """Blocks for at most about SECONDS. Raises QueryError for a partition that there isn't, MessagesUnreadableError."""
    until = now() + SECONDS
    config = client_config(access.endpoint) | {
        "group.id": CLIENT_ID,  # the client demands one; without a commit and a subscription the group never exists
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 100,
        "queued.max.messages.kbytes": 8192,
    }
    try:
        with closing(Consumer(config)) as consumer:
            ranges = list(_ranges(consumer, topic, wanted))
            return _read(consumer, topic, ranges, wanted, lambda: until - now())
    except KafkaException as error:
        raise MessagesUnreadableError(f"{topic}: {error.args[0].str()}") from error


def _ranges(consumer: Consumer, topic: str, wanted: Wanted) -> Iterator[tuple[int, int, int]]:
    """Partition, first offset and the offset after the last, for those that may have what is wanted."""
    found = consumer.list_topics(topic, timeout=SECONDS).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    numbers = sorted(found.partitions)
    if wanted.partition is not None and wanted.partition not in numbers:
        raise QueryError(f"partition: {topic} has the partitions 0 to {len(numbers) - 1}")
    if wanted.partition is not None:
        numbers = [wanted.partition]
    elif wanted.key is not None:
        numbers = [partition_of(wanted.key.encode(), len(numbers))]
    starts = _since(consumer, topic, numbers, wanted.since)
    for number in numbers:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=SECONDS)
        first = low
        if wanted.offset is not None:
            first = wanted.offset
        elif wanted.since is not None:
            first = starts[number] if starts[number] >= 0 else high  # none is that new
        else:
            first = high - (MOST_SCANNED if wanted.key is not None else wanted.limit)
        first = max(first, low)
        if first < high:
            yield number, first, high


def _since(consumer: Consumer, topic: str, numbers: Sequence[int], since: int | None) -> dict[int, int]:
    if since is None:
        return {}
    asked = [TopicPartition(topic, number, since) for number in numbers]
    return {one.partition: one.offset for one in consumer.offsets_for_times(asked, timeout=SECONDS)}


def _read(
    consumer: Consumer, topic: str, ranges: Sequence[tuple[int, int, int]], wanted: Wanted, left: Callable[[], float]
) -> Found:
    consumer.assign([TopicPartition(topic, number, first) for number, first, _ in ranges])
    found = _Collected(wanted, {number: high for number, _, high in ranges})
    while not found.enough and left() > 0:
        for record in consumer.consume(500, timeout=min(max(left(), 0.0), 0.2)):
            found.take(record)
    return found.result()


class _Collected:
    """What has been read so far. `ends` has the offset after the last one of each partition that is not done."""

    def __init__(self, wanted: Wanted, ends: dict[int, int]) -> None:
        self._wanted, self._ends = wanted, ends
        self._key = None if wanted.key is None else wanted.key.encode()
        self._newest = wanted.offset is None and wanted.since is None
        self._kept: list[Message] = []
        self._scanned = self._bytes = 0

    @property
    def enough(self) -> bool:
        """Whether all has been read, or a limit is reached; of the newest, later ones take the place of earlier."""
        full = not self._newest and len(self._kept) >= self._wanted.limit
        return not self._ends or full or self._scanned >= MOST_SCANNED or self._bytes >= MOST_BYTES

    def take(self, record: Any) -> None:
        """One record of the client, or the end of a partition. Raises KafkaException for any other error."""
        number, offset = record.partition(), record.offset()
        if record.error() is not None:
            if record.error().code() != KafkaError._PARTITION_EOF:
                raise KafkaException(record.error())
            self._ends.pop(number, None)
            return
        if offset >= self._ends.get(number, 0) - 1:
            self._ends.pop(number, None)
        self._scanned += 1
        if self._key is None or record.key() == self._key:
            self._keep(_message(record))

    def _keep(self, message: Message) -> None:
        self._kept.append(message)
        self._bytes += _size(message)
        if self._newest and self._key is not None and len(self._kept) > self._wanted.limit:
            self._bytes -= _size(self._kept.pop(0))

    def result(self) -> Found:
        """The messages, at most as many as wanted."""
        limit = self._wanted.limit
        kept = sorted(self._kept, key=lambda one: (one.timestamp or 0, one.partition, one.offset), reverse=self._newest)
        return Found(tuple(kept[:limit]), self._scanned, more=bool(self._ends) or len(kept) > limit)


def _size(message: Message) -> int:
    return len(message.key or b"") + len(message.value or b"")


def _message(record: Any) -> Message:
    kind, timestamp = record.timestamp()
    headers = tuple((name, raw) for name, raw in record.headers() or ())
    return Message(
        record.partition(), record.offset(), timestamp if kind else None, record.key(), record.value(), headers
    )


def _number(parameters: Mapping[str, str], name: str) -> int | None:
    text = parameters.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise QueryError(f"{name}: a whole number from 0 on")
    return int(text)
