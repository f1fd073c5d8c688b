"""Stores orders in PostgreSQL, each exactly once: the order and the partition's position in one transaction."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
import psycopg
from psycopg import AsyncConnection, sql

from orderpipeline_common.runtime import SettingsError
from orderpipeline_consumer.errors import FencedError, PermanentError, UnavailableError, WentBackError
from orderpipeline_consumer.records.batch import BatchSlice
from orderpipeline_consumer.records.log_position import LogPosition
from orderpipeline_consumer.records.record import Record
from orderpipeline_consumer.records.topic_partition import TopicPartition
from orderpipeline_consumer.sinks.base import Batch, PartitionLease
from orderpipeline_consumer.sinks.postgres import schema
from orderpipeline_consumer.sinks.postgres.arrays import JsonbArray, JsonbArrayDumper, bigint_array, jsonb_array

BATCH_ORDERS: Final = 5000
"""Orders in a transaction if so many wait. From a few hundred on, a transaction costs little next to its orders."""
REPEATS_BATCHES: Final = 20
"""How many batches of a partition are stored with care after one had an order that was there already."""

_elements = msgspec.json.Decoder(list[msgspec.Raw])


def parameters(records: Sequence[Record]) -> dict[str, Any]:
    """The records as parameters of the STORE statement: the orders' JSON, their offsets and timestamps, as arrays."""
    if isinstance(records, BatchSlice):
        values = list(map(bytes, _elements.decode(records.json_array)))
        offsets, timestamps = records.offsets, records.timestamps
    else:
        values = [record.value or b"" for record in records]
        offsets, timestamps = [record.offset for record in records], [record.timestamp for record in records]
    return {
        "orders": jsonb_array(values),
        "offsets": bigint_array(offsets),
        "timestamps": bigint_array(timestamps),
    }


def reason(error: psycopg.Error) -> str:
    """The error without its detail and context, which quote the order's content."""
    return f"{type(error).__name__}: {error.diag.message_primary or error}"


def _refusal(
    topic_partition: TopicPartition, lease: PartitionLease, stored: int | None, row: tuple[Any, ...] | None
) -> FencedError:
    """Why the row of the offsets table, if it is there, is not one that this owner may update."""
    if row is None:
        return WentBackError(f"the database has nothing of partition {topic_partition} any more")
    offset, epoch = row
    if epoch > lease.epoch or (epoch == lease.epoch and (stored is None or (offset is not None and offset >= stored))):
        return FencedError(f"partition {topic_partition} has a later owner than epoch {lease.epoch}")
    return WentBackError(f"the database has gone back: it has stored up to offset {offset}, {stored} had been stored")


async def _stored(connection: AsyncConnection[Any], statement: sql.Composed, values: dict[str, Any]) -> bool:
    row = await (await connection.execute(statement, values)).fetchone()
    assert row is not None
    return bool(row[0])


class PostgresSink:
    """`dsn` is called for each connection, so that an updated Secret takes effect. At most `connections` are open.

    Batches of one partition are stored one after the other, because each updates the same row of the offsets table;
    partitions are stored concurrently. What arrives while a batch is stored goes with the partition's next one."""

    concurrent_batches: Final = False
    batch_orders: Final = BATCH_ORDERS

    def __init__(
        self,
        dsn: Callable[[], str],
        *,
        table: str,
        group: str,
        timeout_seconds: float,
        connections: int = 4,
    ) -> None:
        self._dsn = dsn
        self._table = table
        self._group = group
        self._timeout = timeout_seconds
        self._idle: list[AsyncConnection[Any]] = []
        self._slots = asyncio.Semaphore(connections)
        self._locks: defaultdict[TopicPartition, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._acquire = schema.statement(schema.ACQUIRE, table)
        self._store = schema.statement(schema.STORE, table)
        self._store_unless_there = schema.statement(schema.STORE, table, schema.REPEATS)
        self._careful: defaultdict[TopicPartition, int] = defaultdict(int)
        """By partition, how many of the next batches may have orders that are there already."""
        self._current = schema.statement(schema.CURRENT, table)
        self._tables_exist = False
        self._stored: dict[TopicPartition, int | None] = {}
        """What the database is known to have at least, of the partitions that were acquired."""

    async def acquire(self, topic_partition: TopicPartition, topic_id: str) -> PartitionLease:
        """Become the partition's owner in the database; creates missing tables. Raises UnavailableError."""
        topic, partition = topic_partition
        async with self._connection() as connection:
            if not self._tables_exist:
                await schema.ensure_tables(connection, self._table)
                self._tables_exist = True
            cursor = await connection.execute(self._acquire, (self._group, topic, topic_id, partition))
            row = await cursor.fetchone()
        assert row is not None
        offset, leader_epoch, epoch = row
        self._stored[topic_partition] = offset
        position = None if offset is None else LogPosition(offset, leader_epoch)
        return PartitionLease(position, epoch, topic_id, stores_positions=True)

    async def verify(self, topic_partition: TopicPartition, lease: PartitionLease) -> None:
        """Raises WentBackError or FencedError if the offsets table no longer has what this owner has stored."""
        async with self._locks[topic_partition], self._connection() as connection:
            stored = self._stored.get(topic_partition)
            row = await self._read_row(connection, topic_partition, lease)
        if row is None or row[1] != lease.epoch or (stored is not None and (row[0] is None or row[0] < stored)):
            raise _refusal(topic_partition, lease, stored, row)

    async def handle(self, batch: Batch) -> None:
        """Store the batch; an order whose order_id is already there has no second effect.

        Raises FencedError if another owner has acquired the partition, WentBackError if the database no longer has what
        was stored, PermanentError for what no table could hold.
        """
        orders = parameters(batch.records)
        topic_partition, lease = batch.topic_partition, batch.lease
        async with self._locks[topic_partition], self._connection() as connection:
            stored = self._stored.get(topic_partition)
            offset, leader_epoch = batch.position()
            # Until the answer is there, it may or may not have happened.
            self._stored[topic_partition] = None if stored is None else min(stored, offset)
            values = {
                "group": self._group,
                "topic": topic_partition.topic,
                "topic_id": lease.topic_id,
                "partition": topic_partition.partition,
                "epoch": lease.epoch,
                "stored": stored,
                "position": offset,
                "leader_epoch": leader_epoch,
                **orders,
            }
            if not await self._execute(connection, topic_partition, values):
                raise _refusal(topic_partition, lease, stored, await self._read_row(connection, topic_partition, lease))
            self._stored[topic_partition] = offset

    async def _execute(
        self, connection: AsyncConnection[Any], topic_partition: TopicPartition, values: dict[str, Any]
    ) -> bool:
        """Whether the values were stored; if not, this owner's row is not as it was. Orders are taken to be new until
        one is there already: clients rarely send one again, but if they do, probably several."""
        if not self._careful[topic_partition]:
            try:
                return await _stored(connection, self._store, values)
            except psycopg.errors.UniqueViolation:
                self._careful[topic_partition] = REPEATS_BATCHES
        self._careful[topic_partition] -= 1
        return await _stored(connection, self._store_unless_there, values)

    async def _read_row(
        self, connection: AsyncConnection[Any], topic_partition: TopicPartition, lease: PartitionLease
    ) -> tuple[Any, ...] | None:
        """The partition's row of the offsets table."""
        topic, partition = topic_partition
        cursor = await connection.execute(self._current, (self._group, topic, lease.topic_id, partition))
        return await cursor.fetchone()

    async def close(self) -> None:
        """Close the connections."""
        while self._idle:
            await self._idle.pop().close()

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
        except psycopg.errors.UndefinedTable as error:
            if not self._tables_exist:
                raise UnavailableError(f"postgres: {reason(error)}") from error
            self._tables_exist = False
            raise WentBackError("the database no longer has the tables") from error
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
        connection.adapters.register_dumper(JsonbArray, JsonbArrayDumper)
        # The server must time out as well, or a statement that waits for a lock would outlive the client's timeout.
        await connection.execute("SELECT set_config('statement_timeout', %s, false)", (str(int(self._timeout * 1000)),))
        return connection
