"""Faults with a ledger: `python -m tests.e2e.ledger SECONDS` (60 or more; 600 by default).

`orderpipeline run` with a PostgreSQL of its own, customers who send one order after the other, and faults in turn:
kill -9 of a consumer, of everything, of everything with the ends of the logs cut off as by a power cut, the database
restored to what it was up to a minute ago, the topic made anew. At the end one line of JSON:

    {"acked": 52000, "unlogged": 310, "lost": 0, "second_effects": 0, "out_of_order": 0, "sent_again": 870,
     "stored_again": 9400, "faults": {"cut": 9, ...}}

`acked` orders are in a file that is synchronized with the disk before their customer goes on. `lost` are those of them,
and of the log's, that the database has no row of, except the `unlogged`: of these it is known which fault removed them
from the only log, at which offset, and that the database had not come to that offset, or that a restore has removed the
row since. `second_effects` are inserts and changes of rows that a trigger saw, after an order's first. `out_of_order`
are orders whose first effect came after that of a later order of the same customer. So that the zeros mean something,
orders must have been sent again by their customers, and stored again after restores.

Exit status 1 if an order was lost, took effect twice or came out of order, or if one of the faults had no effect.
"""

import json
import random
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.e2e.ledger import segments
from tests.e2e.ledger.customers import AcknowledgedOrders, Customers
from tests.e2e.ledger.database import LedgerDatabase
from tests.e2e.ledger.faults import Faults
from tests.e2e.ledger.run import PipelineRun
from tests.e2e.ledger.verdict import Books
from tests.support.waiting import wait_until


def make_faults(faults: Faults, database: LedgerDatabase, seconds: float) -> None:
    """One fault after the other, all kinds equally often; a backup every minute."""
    end, pause, backup_at = time.monotonic() + seconds, min(12.0, seconds / 12), 0.0
    names: list[str] = []
    while time.monotonic() < end:
        if time.monotonic() > backup_at:
            database.back_up()
            backup_at = time.monotonic() + min(60.0, seconds / 4)
        names = names or random.sample(faults.names, len(faults.names))
        time.sleep(pause * random.random())
        name = names.pop()
        print(f"{end - time.monotonic():.0f} s left: {name}", file=sys.stderr)
        faults.make(name)


def main(seconds: float) -> int:
    """Faults for so long; the exit status."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="orderpipeline-ledger-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        (folder / "postgres").mkdir()
        database = LedgerDatabase(folder / "postgres")
        stack.callback(database.stop)
        database.start()
        run = PipelineRun(folder, database.dsn)
        stack.callback(run.kill)
        run.start()
        database.watch_effects()
        books = Books()
        faults = Faults(run, database, books)
        ledger = AcknowledgedOrders(folder / "acknowledged")
        stack.callback(ledger.close)
        customers = Customers(run.url, ledger)
        customers.start()
        try:
            database.wait_for_orders(100)
            make_faults(faults, database, seconds)
        finally:
            customers.stop()
        records = segments.read_topic(run.logs)
        with suppress(AssertionError):  # then the verdict says what is missing
            wait_until("the consumers have caught up", lambda: database.passed(records), every=0.5)
        acknowledged = ledger.read()
        verdict = books.verdict(acknowledged, [each.order_id for each in records], database.read())
    for name, some in (("lost", sorted(verdict.lost)), ("out of order", verdict.out_of_order)):
        if some:
            print(f"{name}: {some[:20]}", file=sys.stderr)
    figures = {
        "acked": len(acknowledged),
        "unlogged": len(verdict.unlogged),
        "lost": len(verdict.lost),
        "second_effects": len(verdict.second_effects),
        "out_of_order": len(verdict.out_of_order),
        "sent_again": customers.repeated,
        "stored_again": faults.to_be_stored_again,
        "faults": dict(faults.counts),
    }
    print(json.dumps(figures))
    tried = customers.repeated and faults.to_be_stored_again and len(faults.counts) == len(faults.names)
    return 0 if verdict.good and tried else 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 600.0))
