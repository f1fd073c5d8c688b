#!/usr/bin/env bash
# One guesses: error_cb is told of every error of the client, and above all of a fatal one, after which it never sends
# again; that is what it is for.
# What happens: a fatal error is not given to error_cb. The binding raises it from the poll() or flush() that happens to
# come next, once; every later poll() returns as if nothing were wrong.
# Versions: Apache Kafka 4.3.1, confluent-kafka 2.16.1; the fatal error is the ordinary one of a second producer that
# takes over a transactional.id.
# Costs who does not know: where poll() runs in a thread or timer of its own, that ends and nobody is told; health
# checks fed by error_cb stay green while no record goes out.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'Apache Kafka 4.3.1, confluent-kafka 2.16.1, a producer with error_cb whose transactional.id is taken over'
expected 'error_cb gets the error (fatal() true), however poll() behaves'

wheels confluent-kafka==2.16.1
kafka 4.3.1
ask "$port" <<'PYTHON'
import sys, time
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

servers = f"127.0.0.1:{sys.argv[1]}"
admin = AdminClient({"bootstrap.servers": servers})
admin.list_topics(timeout=120)
admin.create_topics([NewTopic("orders", 1, 1)])["orders"].result(120)
told = []
settings = {"bootstrap.servers": servers, "transactional.id": "shop", "log_level": 0}
first = Producer({**settings, "error_cb": lambda error: told.append(error.name())})
first.init_transactions(120)
first.begin_transaction()
first.produce("orders", b"1")
first.flush(60)
Producer(settings).init_transactions(120)
raised, polls_after = [], 0
try:
    first.produce("orders", b"2")
except KafkaException as error:
    raised.append(error.args[0])
end = time.monotonic() + 60
while time.monotonic() < end and polls_after < 50:
    try:
        first.poll(0.1)
        polls_after += bool(raised)
    except KafkaException as error:
        raised.append(error.args[0])
try:
    first.produce("orders", b"3")
    state = "takes records"
except KafkaException as error:
    state = f"refuses records ({error.args[0].name()})"
errors = [f"{one.name()}, fatal() {one.fatal()}" for one in raised]
print(f"seen:     error_cb got {told}; poll() raised {errors}, then returned {polls_after} times; produce() {state}")
assert told == [] and errors == ["_FENCED, fatal() True"] and polls_after == 50 and "refuses" in state
PYTHON
