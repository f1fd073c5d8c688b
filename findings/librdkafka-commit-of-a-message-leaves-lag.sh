#!/usr/bin/env bash
# One guesses: after each record commit(), commit(message) and store_offsets(message) say the same: "done up to here".
# What happens: a transaction ends with a marker, which takes an offset and is no record. commit() and auto-commit write
# the position, behind the marker; the two that name the message write its offset + 1, in front of it. A topic that is
# filled by transactions then shows a lag of 1 for each partition, for good, with everything read.
# Versions: Apache Kafka 4.3.1, confluent-kafka 2.16.1.
# Costs who does not know: the group never looks idle, so it never scales to zero; alarms on "lag > 0" stay on.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'Apache Kafka 4.3.1, confluent-kafka 2.16.1, three transactions of one record each'
expected 'lag 0 for each way to commit, once all three records are handled'

wheels confluent-kafka==2.16.1
kafka 4.3.1
ask "$port" <<'PYTHON'
import sys, time
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

servers = f"127.0.0.1:{sys.argv[1]}"
admin = AdminClient({"bootstrap.servers": servers})
admin.list_topics(timeout=120)
admin.create_topics([NewTopic("orders", 1, 1)])["orders"].result(120)
producer = Producer({"bootstrap.servers": servers, "transactional.id": "shop", "log_level": 3})
producer.init_transactions(120)
for _ in range(3):
    producer.begin_transaction()
    producer.produce("orders", b"1")
    producer.commit_transaction(60)


def lag(way: str) -> int:
    """Of a group that read all, then polled on for 5 s, and left."""
    automatic = way in ("auto-commit", "store_offsets(message)")
    consumer = Consumer({
        "bootstrap.servers": servers, "group.id": way, "auto.offset.reset": "earliest", "enable.auto.commit": automatic,
        "auto.commit.interval.ms": 500, "enable.auto.offset.store": way != "store_offsets(message)",
    })
    consumer.subscribe(["orders"])
    found, end = 0, time.monotonic() + 120
    while time.monotonic() < end:
        message = consumer.poll(0.2)
        if message is None:
            continue
        found += 1
        if found == 3:
            end = time.monotonic() + 5
        if way == "commit(message)":
            consumer.commit(message, asynchronous=False)
        elif way == "store_offsets(message)":
            consumer.store_offsets(message)
    if way == "commit()":
        consumer.commit(asynchronous=False)
    consumer.close()
    assert found == 3
    reader = Consumer({"bootstrap.servers": servers, "group.id": way})
    partition = TopicPartition("orders", 0)
    end = reader.get_watermark_offsets(partition, timeout=60)[1]
    committed = reader.committed([partition], timeout=60)[0].offset
    reader.close()
    return end - committed


lags = {way: lag(way) for way in ("commit()", "auto-commit", "commit(message)", "store_offsets(message)")}
print(f"seen:     lag {lags}")
assert lags == {"commit()": 0, "auto-commit": 0, "commit(message)": 1, "store_offsets(message)": 1}
PYTHON
