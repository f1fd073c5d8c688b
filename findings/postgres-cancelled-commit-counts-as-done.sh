#!/usr/bin/env bash
# One guesses: with a synchronous standby COMMIT returns only when the standby has it; statement_timeout bounds the
# wait; and a statement that is cancelled raises an error, so that the client does not take its work as done.
# What happens: statement_timeout does not run while COMMIT waits, and a cancel ends the wait with success: commit()
# returns, the rows are there for all to see, and only a WARNING, which drivers drop by default, says that no standby
# has them. A deadline that cancels therefore turns "not safe yet" into "done".
# Versions: PostgreSQL as installed (seen with 15.18), psycopg 3.3.9.
# Costs who does not know: a consumer commits its Kafka offset after such a commit(), the standby takes over, and the
# acknowledged orders are in neither place.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

postgres_programs
version "$("$programs/postgres" --version), psycopg 3.3.9; the only synchronous standby is away"
expected 'statement_timeout = 1 s ends the COMMIT with an error, and so does a cancel'

postgres synchronous_standby_names=standby

wheels 'psycopg[binary]==3.3.9'
ask "$port" <<'PYTHON'
import sys, threading, time
import psycopg

server = f"host=127.0.0.1 port={sys.argv[1]} user=shop dbname=postgres"
for _ in range(300):
    try:
        psycopg.connect(server).close()
        break
    except psycopg.OperationalError:
        time.sleep(0.2)
with psycopg.connect(server) as made:
    made.execute("SET synchronous_commit = local")
    made.execute("CREATE TABLE orders (id int PRIMARY KEY)")
consumer = psycopg.connect(server, options="-c statement_timeout=1s")
warnings = []
consumer.add_notice_handler(lambda notice: warnings.append(notice.message_primary))
consumer.execute("INSERT INTO orders VALUES (1)")
threading.Timer(5, consumer.cancel).start()
began = time.monotonic()
try:
    consumer.commit()
    end = "returned without an error"
except psycopg.Error as error:
    end = f"raised {error!r}"
seconds = time.monotonic() - began
with psycopg.connect(server) as other:
    rows = other.execute("SELECT count(*) FROM orders").fetchone()[0]
print(f"seen:     commit() {end} after {seconds:.0f} s, at the cancel; rows for others: {rows}; warning: {warnings}")
assert end == "returned without an error" and seconds > 4 and rows == 1
assert warnings == ["canceling wait for synchronous replication due to user request"]
PYTHON
