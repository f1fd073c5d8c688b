"""The pipeline's database: effects that are counted apart from the sink's own constraints, backups and restores."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.e2e.ledger.verdict import Database, LogRecord, Place, Position
from tests.support.postgres import Postgres

TABLES: Final = ("orders", "orders_offsets", "effects")
EFFECTS: Final = """
CREATE TABLE effects (number bigserial, order_id text);
CREATE FUNCTION note_effect() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO effects (order_id) VALUES (NEW.order_id);
  RETURN NULL;
END $$;
CREATE TRIGGER note_effect AFTER INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION note_effect()
"""
"""What somebody would see who acts on the rows of orders: a row that is changed, or removed and inserted once more, is
a second effect, though the primary key allows one row per order only."""

POSITIONS: Final = f"""
SELECT topic_id, partition, position, COALESCE(leader_epoch, {2**31 - 1}) FROM orders_offsets
WHERE position IS NOT NULL"""
"""A position without an epoch claims every record below it."""


class LedgerDatabase:
    """A PostgreSQL of its own in `folder`, which must be there."""

    def __init__(self, folder: Path) -> None:
        self._server = Postgres(folder)
        self.dsn = self._server.dsn

    def start(self) -> None:
        """Returns when it answers."""
        self._server.start()

    def stop(self) -> None:
        """End it at once."""
        self._server.stop()

    def watch_effects(self) -> None:
        """Note every effect from now on; waits for the consumers to create the tables."""
        self._server.wait_for("SELECT to_regclass('orders') IS NOT NULL", True)
        self._server.execute(EFFECTS)

    def wait_for_orders(self, count: int) -> None:
        """Wait until so many are stored."""
        self._server.wait_for(f"SELECT count(*) >= {count} FROM orders", True)

    def read(self) -> Database:
        """The tables as they are now."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            stored = {str(row[0]) for row in connection.execute("SELECT order_id FROM orders")}
            effects = [str(row[0]) for row in connection.execute("SELECT order_id FROM effects ORDER BY number")]
            return Database(stored, effects, _positions(connection))

    def passed(self, records: Iterable[LogRecord]) -> bool:
        """Whether the consumers have come past all these records."""
        with psycopg.connect(self.dsn) as connection:
            return all(map(Database(set(), (), _positions(connection)).passed, records))

    def back_up(self) -> None:
        """Remember the tables as they are now, instead of an earlier backup."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for table in TABLES:
                connection.execute(f"DROP TABLE IF EXISTS {table}_backup")
                connection.execute(f"CREATE TABLE {table}_backup AS TABLE {table}")

    def wait_for_more_than_backed_up(self, count: int) -> None:
        """Wait until so many more orders are stored than the backup has."""
        self._server.wait_for(
            f"SELECT (SELECT count(*) FROM orders) >= (SELECT count(*) + {count} FROM orders_backup)", True
        )

    def restore(self) -> tuple[AbstractSet[str], AbstractSet[str]]:
        """Go back to the backup; returns the ids of the orders that were stored before and that are now."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute("SET LOCAL session_replication_role = replica")  # a restore has no effects of its own
            connection.execute(f"LOCK TABLE {', '.join(TABLES)}")
            before = {str(row[0]) for row in connection.execute("SELECT order_id FROM orders")}
            for table in TABLES:
                connection.execute(f"DELETE FROM {table}")
                connection.execute(f"INSERT INTO {table} TABLE {table}_backup")
            after = {str(row[0]) for row in connection.execute("SELECT order_id FROM orders")}
        return before, after


def _positions(connection: psycopg.Connection[Any]) -> dict[Place, Position]:
    return {
        Place(_as_kafka(topic_id), partition): Position(offset, epoch)
        for topic_id, partition, offset, epoch in connection.execute(POSITIONS)
    }


def _as_kafka(topic_id: str) -> str:
    """librdkafka writes ids with the ordinary letters of base64, Kafka with those for URLs."""
    return topic_id.replace("+", "-").replace("/", "_")
