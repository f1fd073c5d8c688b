"""Posts batches to a webhook."""

import hashlib
from collections.abc import Sequence
from typing import Final

import aiohttp

from orderpipeline_common.order import with_order_id
from orderpipeline_consumer.errors import PermanentError, UnavailableError
from orderpipeline_consumer.records.record import Record
from orderpipeline_consumer.sinks.base import Batch, Claim

NOT_NOW: Final = frozenset((401, 403, 404, 405, 407, 408, 421, 425, 429, 502, 503, 504))
"""Replies that speak of the server, or of how it is reached, and not of the orders: tried again until they change. A
wrong address or an expired credential must not turn all orders into dead letters; neither must a redirect."""
EXCERPT_CHARS: Final = 300


def body(records: Sequence[Record]) -> bytes:
    """A JSON array of the orders, each with its own bytes; those without an order_id get the one they are known by."""
    return b"[" + b",".join(_with_id(record) for record in records) + b"]"


def _with_id(record: Record) -> bytes:
    assert record.order is not None
    assert record.value is not None
    if record.minted:
        return with_order_id(record.value, record.order.order_id)
    return record.value


def idempotency_key(records: Sequence[Record]) -> str:
    """The same for the same orders in the same order, whoever posts them."""
    ids = hashlib.sha256()
    for record in records:
        assert record.order is not None
        one = record.order.order_id.encode()
        ids.update(len(one).to_bytes(4, "big") + one)
    return ids.hexdigest()[:32]


class HttpSink:
    """POST of a JSON array with an Idempotency-Key; 2xx is success.

    4xx is the orders' fault (PermanentError); redirects, those in NOT_NOW, timeouts and refused connections are the
    server's (UnavailableError); any other status counts as a failed attempt.
    """

    side_by_side: Final = True

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def claim(self, partition: int) -> Claim:
        """A webhook keeps no offsets."""
        return Claim()

    async def handle(self, batch: Batch) -> None:
        """Raises PermanentError, UnavailableError, or RuntimeError for other failures."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        headers = {"Content-Type": "application/json", "Idempotency-Key": f'"{idempotency_key(batch.records)}"'}
        try:
            async with self._session.post(
                self._url, data=body(batch.records), headers=headers, allow_redirects=False
            ) as reply:
                status = reply.status
                text = "" if status < 300 else (await reply.content.read(EXCERPT_CHARS)).decode("utf-8", "replace")
        except (TimeoutError, aiohttp.ClientError) as error:
            raise UnavailableError(f"{self._url}: {type(error).__name__} {error}") from error
        if status < 300:
            return
        reason = f"{self._url} answered {status}: {text}"
        if status in NOT_NOW or status < 400:
            raise UnavailableError(reason)
        if 400 <= status < 500:
            raise PermanentError(reason)
        raise RuntimeError(reason)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
