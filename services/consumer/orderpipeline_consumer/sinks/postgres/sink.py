"""Stores orders in PostgreSQL, each at most once: the order and the partition's offset in one transaction."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection

from orderpipeline_common.runtime import SettingsError
from orderpipeline_consumer.errors import FencedError, PermanentError, UnavailableError
from orderpipeline_consumer.records.batch import Part
from orderpipeline_consumer.records.record import Record
from orderpipeline_consumer.sinks.base import Batch, Claim
from orderpipeline_consumer.sinks.postgres import schema


def values(records: Sequence[Record]) -> dict[str, Any]:
    """The records as the statement takes them: the orders as one JSON array, their offsets and times."""
    if isinstance(records, Part):
        orders, at, placed = records.array, records.offsets, records.timestamps
    else:
        orders = b"[" + b",".join(record.value or b"" for record in records) + b"]"
        at, placed = [record.offset for record in records], [record.timestamp for record in records]
    return {"orders": orders.decode(), "at": at, "placed": placed}


def reason(error: psycopg.Error) -> str:
    """The error without its detail and context, which quote what the order holds."""
    return f"{type(error).__name__}: {error.diag.message_primary or error}"


class PostgresSink:
    """`dsn` is called for each connection, so that a changed Secret is used. At most `connections` are open.

    Batches of a partition are stored one after the other, since each moves the same offset; partitions run side by
    side."""

    side_by_side: Final = False  # each batch moves the same offset

    def __init__(
        self,
        dsn: Callable[[], str],
        *,
        table: str,
        group: str,
        topic: str,
        topic_id: Callable[[], Awaitable[str]],
        timeout_seconds: float,
        connections: int = 4,
    ) -> None:
        self._dsn = dsn
        self._table = table
        self._scope = {"group": group, "topic": topic}
        self._topic_id = topic_id
        self._timeout = timeout_seconds
        self._free: list[AsyncConnection[Any]] = []
        self._slots = asyncio.Semaphore(connections)
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._claim = schema.statement(schema.CLAIM, table)
        self._store = schema.statement(schema.STORE, table)
        self._made = False
        self._asking: asyncio.Future[str] | None = None

    async def claim(self, partition: int) -> Claim:
        """Become the partition's owner in the database; makes the tables when they are missing. Raises
        UnavailableError."""
        topic_id = await self._ask_topic_id()
        async with self._connection() as connection:
            if not self._made:
                await schema.ensure(connection, self._table)
                self._made = True
            cursor = await connection.execute(self._claim, (*self._scope.values(), topic_id, partition))
            row = await cursor.fetchone()
            assert row is not None
            return Claim(position=row[0], epoch=row[1], topic_id=topic_id)

    async def handle(self, batch: Batch) -> None:
        """Store the batch; an order_id that is there already has no second effect.

        Raises FencedError when another owner has claimed the partition, PermanentError for what no table could hold.
        """
        orders = values(batch.records)
        async with self._turns[batch.partition], self._connection() as connection:
            cursor = await connection.execute(
                self._store,
                {
                    **self._scope,
                    "topic_id": batch.claim.topic_id,
                    "partition": batch.partition,
                    "epoch": batch.claim.epoch,
                    "position": batch.position(),
                    **orders,
                },
            )
            row = await cursor.fetchone()
        assert row is not None
        if not row[0]:
            raise FencedError(f"partition {batch.partition} was taken over after epoch {batch.claim.epoch}")

    async def close(self) -> None:
        """Close the connections."""
        while self._free:
            await self._free.pop().close()

    async def _ask_topic_id(self) -> str:
        # All partitions of an assignment ask at once, and each question is a connection to Kafka.
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._topic_id())
            self._asking.add_done_callback(self._asked)
        return await asyncio.shield(self._asking)

    def _asked(self, asking: "asyncio.Future[str]") -> None:
        self._asking = None
        if not asking.cancelled():
            asking.exception()  # seen, even when all who asked have given up

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection, within the time limit; one that failed or was cut off half-way is thrown away."""
        connection: AsyncConnection[Any] | None = None
        whole = False
        try:
            async with self._slots, asyncio.timeout(self._timeout):
                try:
                    connection = self._free.pop() if self._free else await self._connect()
                    yield connection
                    whole = True
                finally:
                    if connection is not None:
                        if whole and not connection.closed:
                            self._free.append(connection)
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
        # The server gives up too, or a statement that waits for a lock would outlive the client's patience.
        await connection.execute("SELECT set_config('statement_timeout', %s, false)", (str(int(self._timeout * 1000)),))
        return connection
