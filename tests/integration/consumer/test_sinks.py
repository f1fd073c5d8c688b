"""The sinks by themselves, on a real database and a real web server."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from orderpipeline_common.order import decode_order
from orderpipeline_consumer.errors import FencedError, PermanentError, UnavailableError, WentBackError
from orderpipeline_consumer.records.log_position import LogPosition
from orderpipeline_consumer.records.record import Record, decode_record
from orderpipeline_consumer.records.topic_partition import TopicPartition
from orderpipeline_consumer.sinks.base import Batch, PartitionLease
from orderpipeline_consumer.sinks.http import HttpSink
from orderpipeline_consumer.sinks.postgres import sink as postgres_sink
from orderpipeline_consumer.sinks.postgres.sink import PostgresSink
from tests.support.postgres import Postgres

pytestmark = pytest.mark.integration

PARTITION = TopicPartition("orders", 0)
TOPIC_ID = "id-1"


def record(offset: int, text: str) -> Record:
    raw = text.encode()
    return Record(PARTITION, offset, 1_000, b"c", raw, (), decode_order(raw))


def order(offset: int, amount: str = "1", customer: str = "c") -> Record:
    head = f'{{"customer_id":"{customer}","product_id":"p","quantity":1,"order_id":"{uuid.uuid4().hex}"'
    return record(offset, f'{head},"amount":{amount}}}')


def batch(lease: PartitionLease, position: int, *records: Record, leader_epoch: int | None = None) -> Batch:
    return Batch(PARTITION, records, lambda: LogPosition(position, leader_epoch), lease)


@asynccontextmanager
async def sink(postgres: Postgres, table: str) -> AsyncIterator[PostgresSink]:
    one = PostgresSink(lambda: postgres.dsn, table=table, group="g", timeout_seconds=60)
    try:
        yield one
    finally:
        await one.close()


def new_table() -> str:
    return f"orders_{uuid.uuid4().hex[:8]}"


async def test_an_earlier_owner_writes_neither_orders_nor_offsets(postgres: Postgres) -> None:
    table = new_table()
    async with sink(postgres, table) as zombie, sink(postgres, table) as owner:
        old = await zombie.acquire(PARTITION, TOPIC_ID)
        await zombie.handle(batch(old, 5, order(4)))
        new = await owner.acquire(PARTITION, TOPIC_ID)
        assert new.position == LogPosition(5)
        assert new.epoch > old.epoch
        await owner.handle(batch(new, 9, order(8), leader_epoch=3))
        with pytest.raises(FencedError) as caught:
            await zombie.handle(batch(old, 7, order(6)))
        assert not isinstance(caught.value, WentBackError)
        with pytest.raises(FencedError):
            await zombie.verify(PARTITION, old)
        await owner.verify(PARTITION, new)
    assert postgres.query(f'SELECT "offset" FROM {table} ORDER BY seq') == [(4,), (8,)]
    assert postgres.query(f"SELECT position, leader_epoch, epoch FROM {table}_offsets") == [(9, 3, new.epoch)]


async def test_the_position_goes_back_with_the_log(postgres: Postgres) -> None:
    table = new_table()
    async with sink(postgres, table) as one:
        lease = await one.acquire(PARTITION, TOPIC_ID)
        await one.handle(batch(lease, 9, order(8), leader_epoch=1))
        await one.handle(batch(lease, 4, order(3), leader_epoch=2))
        await one.handle(batch(lease, 5, order(4), leader_epoch=2))
        assert (await one.acquire(PARTITION, TOPIC_ID)).position == LogPosition(5, 2)
    assert postgres.query(f'SELECT "offset" FROM {table} ORDER BY seq') == [(8,), (3,), (4,)]


async def test_a_database_that_went_back_takes_nothing_more_from_this_owner(postgres: Postgres) -> None:
    table = new_table()
    async with sink(postgres, table) as one:
        lease = await one.acquire(PARTITION, TOPIC_ID)
        await one.handle(batch(lease, 9, order(8)))
        for change in ("SET position = 8", "SET position = NULL", "SET epoch = epoch - 1, position = 9"):
            postgres.execute(f"UPDATE {table}_offsets {change}")
            with pytest.raises(WentBackError):
                await one.verify(PARTITION, lease)
            with pytest.raises(WentBackError):
                await one.handle(batch(lease, 10, order(9)))
        postgres.execute(f"DELETE FROM {table}_offsets")
        with pytest.raises(WentBackError):
            await one.handle(batch(lease, 10, order(9)))
        again = await one.acquire(PARTITION, TOPIC_ID)
        assert (again.position, again.epoch > lease.epoch) == (None, True)
    assert postgres.query(f'SELECT "offset" FROM {table}') == [(8,)]


async def test_amounts_are_exact_and_orders_whole(postgres: Postgres) -> None:
    table = new_table()
    amounts = ["0.1", "0.30", "12345678901234567.89", "1e2", "0"]
    async with sink(postgres, table) as one:
        lease = await one.acquire(PARTITION, TOPIC_ID)
        await one.handle(batch(lease, 5, *[order(n, amount, "Zoë \u2603") for n, amount in enumerate(amounts)]))
    found = postgres.query(
        f"SELECT amount, customer_id, quantity, raw->>'product_id', placed_at IS NULL FROM {table} ORDER BY seq"
    )
    assert [row[0] for row in found] == [Decimal(amount) for amount in amounts]
    assert {row[1:] for row in found} == {("Zoë \u2603", 1, "p", False)}


async def test_orders_that_are_there_already_are_passed_over_and_the_others_stored(postgres: Postgres) -> None:
    table = new_table()
    a, b, c, d = (order(offset) for offset in range(4))
    async with sink(postgres, table) as one:
        lease = await one.acquire(PARTITION, TOPIC_ID)
        await one.handle(batch(lease, 2, a, b))
        await one.handle(batch(lease, 5, b, c, c))
        await one.handle(batch(lease, 7, c, d, leader_epoch=3))
    assert postgres.query(f'SELECT "offset" FROM {table} ORDER BY seq') == [(n,) for n in range(4)]
    assert postgres.query(f"SELECT position, leader_epoch FROM {table}_offsets") == [(7, 3)]


async def test_after_a_while_orders_are_taken_to_be_new_again(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    careful, stored = list[bool](), postgres_sink._stored

    async def noting(connection: Any, statement: Any, values: Any) -> bool:
        careful.append("ON CONFLICT" in statement.as_string(None))
        return await stored(connection, statement, values)

    monkeypatch.setattr(postgres_sink, "REPEATS_BATCHES", 2)
    monkeypatch.setattr(postgres_sink, "_stored", noting)
    table = new_table()
    a, b, c, d = (order(offset) for offset in range(4))
    async with sink(postgres, table) as one:
        lease = await one.acquire(PARTITION, TOPIC_ID)
        for position, records in enumerate([[a], [a], [a, b], [a, c], [a, d]], 1):
            await one.handle(batch(lease, position, *records))
    assert postgres.query(f"SELECT count(*) FROM {table}") == [(4,)]
    assert careful == [False, False, True, True, False, True, True]


async def test_what_no_table_can_hold_is_permanent_and_an_outage_is_not(postgres: Postgres) -> None:
    table = new_table()
    async with sink(postgres, table) as one:
        lease = await one.acquire(PARTITION, TOPIC_ID)
        nul = record(0, '{"customer_id":"c","product_id":"p","quantity":1,"amount":1,"order_id":"x","note":"\\u0000"}')
        with pytest.raises(PermanentError) as caught:
            await one.handle(batch(lease, 1, nul))
        assert str(caught.value) == "UntranslatableCharacter: unsupported Unicode escape sequence"  # nothing quoted
        postgres.execute(f"ALTER TABLE {table} RENAME TO {table}_gone")
        with pytest.raises(WentBackError):
            await one.handle(batch(lease, 1, order(0)))
        with pytest.raises(UnavailableError):
            await one.handle(batch(lease, 1, order(0)))
        postgres.execute(f"ALTER TABLE {table}_gone RENAME TO {table}")
        await one.handle(batch(lease, 1, order(0)))


async def test_many_pods_make_the_tables_at_once_and_columns_are_added(postgres: Postgres) -> None:
    table = new_table()
    postgres.execute(f"CREATE TABLE {table} (order_id text PRIMARY KEY, customer_id text NOT NULL)")

    async def pod(number: int) -> PartitionLease:
        async with sink(postgres, table) as one:
            return await one.acquire(TopicPartition("orders", number % 2), TOPIC_ID)

    leases = await asyncio.gather(*[pod(number) for number in range(12)])
    epochs = [sorted(lease.epoch for lease in leases[number::2]) for number in range(2)]
    assert [len(set(each)) for each in epochs] == [6, 6]
    assert (
        len(postgres.query("SELECT 1 FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", (table,))) == 12
    )


async def test_a_topic_made_anew_starts_without_a_position(postgres: Postgres) -> None:
    table = new_table()
    async with sink(postgres, table) as one:
        lease = await one.acquire(PARTITION, TOPIC_ID)
        await one.handle(batch(lease, 100, order(99)))
        assert (await one.acquire(PARTITION, "another")).position is None
        assert (await one.acquire(PARTITION, TOPIC_ID)).position == LogPosition(100)


async def test_an_order_without_an_id_gets_that_of_its_place(postgres: Postgres) -> None:
    table = new_table()
    unnamed = b'{"customer_id":"c","product_id":"p","quantity":2,"amount":0.10}'
    records = [decode_record(PARTITION, n, placed, None, unnamed, ()) for n, placed in ((5, 1_700), (9, -1))]
    async with sink(postgres, table) as one:
        lease = await one.acquire(PARTITION, TOPIC_ID)
        await one.handle(batch(lease, 10, *records))
    found = postgres.query(f"SELECT order_id, quantity, placed_at IS NULL, raw FROM {table} ORDER BY seq")
    assert [row[0] for row in found] == [one.order and one.order.order_id for one in records]
    assert [row[:3] for row in found] == [("orders/0/5/1700", 2, False), ("orders/0/9/-1", 2, True)]
    assert found[0][3] == json.loads(unnamed)


@asynccontextmanager
async def webhook(statuses: list[int], seen: list[web.Request], bodies: list[bytes]) -> AsyncIterator[str]:
    async def take(request: web.Request) -> web.Response:
        seen.append(request)
        bodies.append(await request.read())
        status = statuses.pop(0)
        if status == 0:
            await asyncio.sleep(3600)
        return web.Response(status=status or 200, text="because")

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


async def test_the_webhook_gets_the_orders_own_bytes_and_a_key_that_stays_the_same() -> None:
    seen: list[web.Request] = []
    bodies: list[bytes] = []
    records = [order(0, "0.10"), order(1, "1e2")]
    async with webhook([200, 204], seen, bodies) as url:
        one = HttpSink(url, 60)
        await one.handle(batch(PartitionLease(), 2, *records))
        await one.handle(batch(PartitionLease(), 2, *records))
        await one.close()
    assert bodies[0] == b"[" + (records[0].value or b"") + b"," + (records[1].value or b"") + b"]"
    assert len(json.loads(bodies[0])) == 2
    assert seen[0].headers["Idempotency-Key"] == seen[1].headers["Idempotency-Key"]
    assert seen[0].headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, PermanentError),
        (422, PermanentError),
        (302, UnavailableError),
        (401, UnavailableError),
        (404, UnavailableError),
        (408, UnavailableError),
        (409, UnavailableError),
        (425, UnavailableError),
        (429, UnavailableError),
        (500, RuntimeError),
        (503, UnavailableError),
        (0, UnavailableError),
    ],
)
async def test_what_a_reply_means(status: int, error: type[Exception]) -> None:
    async with webhook([status], [], []) as url:
        one = HttpSink(url, 60 if status else 0.5)
        with pytest.raises(error):
            await one.handle(batch(PartitionLease(), 1, order(0)))
        await one.close()


async def test_a_webhook_that_is_not_there_is_unavailable() -> None:
    one = HttpSink("http://127.0.0.1:9/", 60)
    with pytest.raises(UnavailableError):
        await one.handle(batch(PartitionLease(), 1, order(0)))
    await one.close()
