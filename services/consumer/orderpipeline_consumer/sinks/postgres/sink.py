"""Stores orders in PostgreSQL, each exactly once: the order and the partition's offset in one transaction."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection

from orderpipeline_common.runtime import SettingsError
from orderpipeline_consumer.errors import FencedError, PermanentError, UnavailableError
from orderpipeline_consumer.records.batch import BatchSlice
from orderpipeline_consumer.records.record import Record
from orderpipeline_consumer.records.topic_partition import TopicPartition
from orderpipeline_consumer.sinks.base import Batch, PartitionLease
from orderpipeline_consumer.sinks.postgres import schema


def parameters(records: Sequence[Record]) -> dict[str, Any]:
    """The records as parameters of the STORE statement: the orders as one JSON array, their offsets and timestamps."""
    if isinstance(records, BatchSlice):
        orders, offsets, timestamps = records.json_array, records.offsets, records.timestamps
    else:
        orders = b"[" + b",".join(record.value or b"" for record in records) + b"]"
        offsets, timestamps = [record.offset for record in records], [record.timestamp for record in records]
    return {"orders": orders.decode(), "offsets": offsets, "timestamps": timestamps}


def reason(error: psycopg.Error) -> str:
    """The error without its detail and context, which quote the order's content."""
    return f"{type(error).__name__}: {error.diag.message_primary or error}"


class PostgresSink:
    """`dsn` is called for each connection, so that an updated Secret takes effect. At most `connections` are open.

    Batches of one partition are stored one after the other, because each updates the same row of the offsets table;
    partitions are stored concurrently."""

    concurrent_batches: Final = False

    def __init__(
        self,
        dsn: Callable[[], str],
        *,
        table: str,
        group: str,
        topic_id: Callable[[str], Awaitable[str]],
        timeout_seconds: float,
        connections: int = 4,
    ) -> None:
        self._dsn = dsn
        self._table = table
        self._group = group
        self._topic_id = topic_id
        self._timeout = timeout_seconds
        self._idle: list[AsyncConnection[Any]] = []
        self._slots = asyncio.Semaphore(connections)
        self._locks: defaultdict[TopicPartition, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._acquire = schema.statement(schema.ACQUIRE, table)
        self._store = schema.statement(schema.STORE, table)
        self._tables_exist = False
        self._topic_ids: dict[str, asyncio.Future[str]] = {}

    async def acquire(self, topic_partition: TopicPartition) -> PartitionLease:
        """Become the partition's owner in the database; creates missing tables. Raises UnavailableError."""
        topic, partition = topic_partition
        topic_id = await self._request_topic_id(topic)
        async with self._connection() as connection:
            if not self._tables_exist:
                await schema.ensure_tables(connection, self._table)
                self._tables_exist = True
            cursor = await connection.execute(self._acquire, (self._group, topic, topic_id, partition))
            row = await cursor.fetchone()
            assert row is not None
            return PartitionLease(position=row[0], epoch=row[1], topic_id=topic_id)

    async def handle(self, batch: Batch) -> None:
        """Store the batch; an order whose order_id is already there has no second effect.

        Raises FencedError if another owner has acquired the partition, PermanentError for what no table could hold.
        """
        orders = parameters(batch.records)
        topic, partition = batch.topic_partition
        async with self._locks[batch.topic_partition], self._connection() as connection:
            cursor = await connection.execute(
                self._store,
                {
                    "group": self._group,
                    "topic": topic,
                    "topic_id": batch.lease.topic_id,
                    "partition": partition,
                    "epoch": batch.lease.epoch,
                    "position": batch.position(),
                    **orders,
                },
            )
            row = await cursor.fetchone()
        assert row is not None
        if not row[0]:
            raise FencedError(f"partition {batch.topic_partition} has a later owner than epoch {batch.lease.epoch}")

    async def close(self) -> None:
        """Close the connections."""
        while self._idle:
            await self._idle.pop().close()

    async def _request_topic_id(self, topic: str) -> str:
        # All partitions of an assignment need it at once, and each request opens a connection to Kafka.
        request = self._topic_ids.get(topic)
        if request is None:
            request = self._topic_ids[topic] = asyncio.ensure_future(self._topic_id(topic))
            request.add_done_callback(partial(self._on_topic_id, topic))
        return await asyncio.shield(request)

    def _on_topic_id(self, topic: str, request: "asyncio.Future[str]") -> None:
        del self._topic_ids[topic]
        if not request.cancelled():
            request.exception()  # retrieved, even when everyone who waited for it was cancelled

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection, within the time limit; one that failed or was interrupted half-way is discarded."""
        connection: AsyncConnection[Any] | None = None
        healthy = False
        try:
            async with self._slots, asyncio.timeout(self._timeout):
                try:
                    connection = self._idle.pop() if self._idle else await self._connect()
                    yield connection
                    healthy = True
                finally:
                    if connection is not None:
                        if healthy and not connection.closed:
                            self._idle.append(connection)
                        else:
                            await connection.close()
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise PermanentError(reason(error)) from error
        except psycopg.Error as error:
            raise UnavailableError(f"postgres: {reason(error)}") from error
        except (OSError, TimeoutError, SettingsError) as error:
            raise UnavailableError(f"postgres: {type(error).__name__}: {error}") from error

    async def _connect(self) -> AsyncConnection[Any]:
        connection = await AsyncConnection.connect(
            self._dsn(),
            autocommit=True,
            connect_timeout=max(2, int(self._timeout)),
            application_name="orderpipeline-consumer",
        )
        # The server must time out as well, or a statement that waits for a lock would outlive the client's timeout.
        await connection.execute("SELECT set_config('statement_timeout', %s, false)", (str(int(self._timeout * 1000)),))
        return connection
