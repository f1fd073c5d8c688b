#!/usr/bin/env bash
# One guesses: statement_timeout bounds every statement, idle_in_transaction_session_timeout every client that has
# stopped in the middle of a transaction, and pg_cancel_backend ends a statement that neither of them has ended.
# What happens: none of the three ends COPY FROM STDIN while it waits for its client's next bytes. The server holds
# cancels back there, so that it does not lose its place in the stream; the session counts as active, not as idle. The
# rows it has inserted, and what the transaction has updated before, stay locked. Only pg_terminate_backend ends it, or
# the connection's end, which a client that is merely frozen does not bring.
# Versions: PostgreSQL as installed (seen with 15.18), psycopg 3.3.9.
# Costs who does not know: a consumer that writes its offset and COPYs its rows in one transaction freezes (a paused
# container, a stopped virtual machine); its partition goes to another consumer, which waits for the offset's row until
# somebody looks.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

postgres_programs
version "$("$programs/postgres" --version), psycopg 3.3.9; every timeout is 1 s"
expected 'a COPY whose client has stopped ends after 1 s, or when it is cancelled, and its locks with it'

postgres

wheels 'psycopg[binary]==3.3.9'
ask "$port" <<'PYTHON'
import os, sys, time
import psycopg

server = f"host=127.0.0.1 port={sys.argv[1]} user=shop dbname=postgres"
for _ in range(300):
    try:
        other = psycopg.connect(server, autocommit=True)
        break
    except psycopg.OperationalError:
        time.sleep(0.2)
other.execute("CREATE TABLE offsets (position int)")
other.execute("CREATE TABLE orders (id int PRIMARY KEY)")
other.execute("INSERT INTO offsets VALUES (0)")
timeouts = "-c statement_timeout=1s -c idle_in_transaction_session_timeout=1s -c lock_timeout=1s"
consumer = psycopg.connect(server, options=timeouts)
pid = consumer.info.backend_pid
consumer.execute("UPDATE offsets SET position = 1")
state = "SELECT state, wait_event FROM pg_stat_activity WHERE pid = %s"
with consumer.cursor().copy("COPY orders FROM STDIN") as copy:
    copy.write("1\n")  # and now it freezes
    time.sleep(5)
    after = other.execute(state, (pid,)).fetchone()
    cancelled = other.execute("SELECT pg_cancel_backend(%s)", (pid,)).fetchone()[0]
    time.sleep(2)
    then = other.execute(state, (pid,)).fetchone()
    other.execute("SET lock_timeout = '1s'")
    try:
        other.execute("UPDATE offsets SET position = 2")
        locked = False
    except psycopg.errors.LockNotAvailable:
        locked = True
    other.execute("SELECT pg_terminate_backend(%s)", (pid,))
    for _ in range(100):
        if other.execute(state, (pid,)).fetchone() is None:
            break
        time.sleep(0.1)
    other.execute("UPDATE offsets SET position = 2")
    seen = (f"after 5 s {after}; pg_cancel_backend {cancelled}, 2 s later {then}; the row is locked: {locked};"
          " pg_terminate_backend frees it")
    print("seen:    ", seen, flush=True)
    assert after == then == ("active", "ClientRead") and cancelled and locked
    os._exit(0)  # this connection is gone
PYTHON
