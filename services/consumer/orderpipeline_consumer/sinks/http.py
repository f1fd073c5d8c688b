"""Posts batches to a webhook."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp

from orderpipeline_common.contract import Env
from orderpipeline_common.order import with_order_id
from orderpipeline_common.runtime import EnvReader, SettingsError
from orderpipeline_consumer.errors import PermanentError, UnavailableError
from orderpipeline_consumer.records.record import Record
from orderpipeline_consumer.records.topic_partition import TopicPartition
from orderpipeline_consumer.sinks.base import Batch, PartitionLease, SinkContext

RETRYABLE_STATUSES: Final = frozenset((401, 403, 404, 405, 407, 408, 409, 421, 425, 429, 502, 503, 504))
"""Replies that are about the server or how it is reached, not about the orders: retried until they change. A wrong URL
or an expired credential must not turn every order into a dead letter; nor must a redirect, nor a repetition that meets
the first request still under way (409, 425)."""
EXCERPT_CHARS: Final = 300


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """The webhook's URL, and how long one request may take."""

    url: str
    timeout_seconds: float

    @classmethod
    def read(cls, env: EnvReader) -> "HttpConfig":
        """Raises SettingsError for a malformed timeout."""
        return cls(
            url=env.text(Env.SINK_URL, ""),
            timeout_seconds=env.seconds(Env.SINK_TIMEOUT_SECONDS, 10.0, low=0.1, high=3600.0),
        )

    def check(self) -> None:
        """Raises SettingsError if there is no usable URL."""
        if not self.url.startswith(("http://", "https://")):
            raise SettingsError(f"{Env.SINK_URL}={self.url!r}; {Env.SINK}=http needs an http:// or https:// URL")

    def open(self, _: SinkContext) -> "HttpSink":
        """Connects with the first batch."""
        return HttpSink(self.url, self.timeout_seconds)


def json_array(records: Sequence[Record]) -> bytes:
    """A JSON array of the orders, byte for byte; those that came without an order_id have the derived one added."""
    return b"[" + b",".join(_with_id(record) for record in records) + b"]"


def _with_id(record: Record) -> bytes:
    assert record.order is not None
    assert record.value is not None
    if record.id_derived:
        return with_order_id(record.value, record.order.order_id)
    return record.value


def idempotency_key(records: Sequence[Record]) -> str:
    """The same for the same orders in the same order, whichever consumer posts them."""
    ids = hashlib.sha256()
    for record in records:
        assert record.order is not None
        order_id = record.order.order_id.encode()
        ids.update(len(order_id).to_bytes(4, "big") + order_id)
    return ids.hexdigest()[:32]


class HttpSink:
    """POST of a JSON array with an Idempotency-Key; 2xx is success.

    4xx is the orders' fault (PermanentError); redirects, RETRYABLE_STATUSES, timeouts and refused connections are the
    server's (UnavailableError); any other status counts as a failed attempt.
    """

    concurrent_batches: Final = True
    batch_orders: Final = 1

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def acquire(self, _: TopicPartition, __: str) -> PartitionLease:
        """A webhook stores no positions."""
        return PartitionLease()

    async def verify(self, _: TopicPartition, __: PartitionLease) -> None:
        """Nothing was stored."""

    async def handle(self, batch: Batch) -> None:
        """Raises PermanentError, UnavailableError, or RuntimeError for other failures."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        headers = {"Content-Type": "application/json", "Idempotency-Key": f'"{idempotency_key(batch.records)}"'}
        try:
            async with self._session.post(
                self._url, data=json_array(batch.records), headers=headers, allow_redirects=False
            ) as reply:
                status = reply.status
                text = "" if status < 300 else (await reply.content.read(EXCERPT_CHARS)).decode("utf-8", "replace")
        except (TimeoutError, aiohttp.ClientError) as error:
            raise UnavailableError(f"{self._url}: {type(error).__name__} {error}") from error
        if status < 300:
            return
        reason = f"{self._url} returned {status}: {text}"
        if status in RETRYABLE_STATUSES or status < 400:
            raise UnavailableError(reason)
        if 400 <= status < 500:
            raise PermanentError(reason)
        raise RuntimeError(reason)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
