"""The tables of the postgres sink and the statements that use them."""

from typing import Any, Final

from psycopg import AsyncConnection, sql

COLUMNS: Final = {
    "order_id": "text PRIMARY KEY",
    "customer_id": "text NOT NULL",
    "product_id": "text NOT NULL",
    "quantity": "bigint NOT NULL",
    "amount": "numeric NOT NULL",
    "topic": "text NOT NULL",
    "partition": "integer NOT NULL",
    "offset": "bigint NOT NULL",
    "placed_at": "timestamptz",
    "received_at": "timestamptz NOT NULL DEFAULT clock_timestamp()",
    "raw": "jsonb NOT NULL",
    "seq": "bigserial NOT NULL",
}
OFFSETS: Final = {
    "consumer_group": "text NOT NULL",
    "topic": "text NOT NULL",
    "topic_id": "text NOT NULL",
    "partition": "integer NOT NULL",
    "position": "bigint",
    "leader_epoch": "integer",
    "epoch": "bigint NOT NULL",
}
_LOCK: Final = 0x6F72646572  # one lock for all pods that might create tables at the same time

ACQUIRE: Final = """
INSERT INTO {offsets} AS o (consumer_group, topic, topic_id, partition, epoch)
VALUES (%s, %s, %s, %s, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
ON CONFLICT (consumer_group, topic, topic_id, partition) DO UPDATE SET epoch = GREATEST(o.epoch + 1, EXCLUDED.epoch)
RETURNING position, leader_epoch, epoch"""
"""Acquiring a partition waits for a statement of the earlier owner that is still running, and fences all later ones. A
topic that was deleted and recreated has a new id, so it starts without a position. The epoch follows the clock, so that
it is a new one also after the database was restored."""

CURRENT: Final = """
SELECT position, epoch FROM {offsets}
WHERE consumer_group = %s AND topic = %s AND topic_id = %s AND partition = %s"""

STORE: Final = """
WITH fence AS (
  UPDATE {offsets} SET position = %(position)s::bigint, leader_epoch = %(leader_epoch)s::integer
  WHERE consumer_group = %(group)s AND topic = %(topic)s AND topic_id = %(topic_id)s
    AND partition = %(partition)s AND epoch = %(epoch)s
    AND (%(stored)s::bigint IS NULL OR position >= %(stored)s)
  RETURNING 1
), stored AS (
  INSERT INTO {orders}
    (order_id, customer_id, product_id, quantity, amount, topic, partition, "offset", placed_at, raw)
  SELECT COALESCE(u.raw->>'order_id', concat_ws('/', %(topic)s, %(partition)s::text, u.pos::text, u.ms::text)),
         u.raw->>'customer_id', u.raw->>'product_id', (u.raw->'quantity')::bigint, (u.raw->'amount')::numeric,
         %(topic)s, %(partition)s, u.pos, to_timestamp(NULLIF(u.ms, -1) / 1000.0), u.raw
  FROM (SELECT unnest(%(orders)s::jsonb[]) AS raw, unnest(%(offsets)s::bigint[]) AS pos,
               unnest(%(timestamps)s::bigint[]) AS ms) AS u
  WHERE EXISTS (SELECT FROM fence)
  {repeats}
)
SELECT count(*) FROM fence"""
"""Orders and position in one statement, so in one transaction and one round trip: both happen, or neither. Neither does
if the position is below what was `stored` before: the database has gone back, so orders are missing. The database
parses the orders: it stores their JSON anyway, and preserves all digits of the amounts. An order without an id gets the
same one as by `derive_order_id`.

The arrays are unnested in the SELECT list, which passes row after row to the INSERT in their sequence; as functions in
FROM they would be copied as a whole first, and sorted by their ordinality."""


REPEATS: Final = "ON CONFLICT (order_id) DO NOTHING"
"""With it, STORE passes over orders that are there already; without it they are a UniqueViolation, and nothing is
stored. It takes the index twice and one more record in the write-ahead log for each order, so it is used only where it
may be needed."""


def statement(text: str, table: str, repeats: str = "") -> sql.Composed:
    """The statement for the orders table `table` and its offsets table; `repeats` is REPEATS or nothing."""
    orders, offsets = sql.Identifier(table), sql.Identifier(f"{table[:55]}_offsets")
    return sql.SQL(text).format(orders=orders, offsets=offsets, repeats=sql.SQL(repeats))


async def ensure_tables(connection: AsyncConnection[Any], table: str) -> None:
    """Create missing tables and columns; a role without that privilege can use tables that were created for it."""
    tables = {table: COLUMNS, f"{table[:55]}_offsets": OFFSETS}
    if not [name for name, columns in tables.items() if await _missing(connection, name, columns)]:
        return
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        for name, columns in tables.items():
            key = ", PRIMARY KEY (consumer_group, topic, topic_id, partition)" if columns is OFFSETS else ""
            parts = sql.SQL(", ").join(_column(column, kind) for column, kind in columns.items())
            await connection.execute(
                sql.SQL("CREATE TABLE IF NOT EXISTS {} ({}{})").format(sql.Identifier(name), parts, sql.SQL(key))
            )
            for column in await _missing(connection, name, columns):
                change = sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {}")
                await connection.execute(change.format(sql.Identifier(name), _column(column, columns[column])))


async def _missing(connection: AsyncConnection[Any], table: str, columns: dict[str, str]) -> list[str]:
    found = await connection.execute(
        "SELECT attname FROM pg_attribute"
        " WHERE attrelid = to_regclass(quote_ident(%s)) AND attnum > 0 AND NOT attisdropped",
        (table,),
    )
    present = {row[0] for row in await found.fetchall()}
    return [column for column in columns if column not in present]


def _column(name: str, kind: str) -> sql.Composed:
    return sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))
