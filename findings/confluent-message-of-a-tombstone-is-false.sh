#!/usr/bin/env bash
# One guesses: poll() returns a Message or None, so `if not message: continue` is the usual way to skip "nothing came".
# What happens: a Message has the length of its value, so one without a value (a tombstone) is false, as is one with an
# empty value. The loop skips records that did come, and auto-commit commits them.
# Versions: confluent-kafka 2.16.1 with librdkafka's own mock broker.
# Costs who does not know: every deletion of a compacted topic is lost in silence, with lag 0.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'confluent-kafka 2.16.1'
expected 'a loop with "if not message: continue" handles all four: a value, a tombstone, an empty value, a value'

wheels confluent-kafka==2.16.1
ask <<'PYTHON'
import time
from confluent_kafka import Consumer, Producer, TopicPartition

producer = Producer({"test.mock.num.brokers": 1, "log_level": 3})
servers = ",".join(f"{one.host}:{one.port}" for one in producer.list_topics(timeout=60).brokers.values())
for value in (b"first", None, b"", b"last"):
    producer.produce("orders", key=b"ann", value=value, partition=0)
assert producer.flush(60) == 0
consumer = Consumer({"bootstrap.servers": servers, "group.id": "shop", "auto.offset.reset": "earliest"})
consumer.subscribe(["orders"])
handled = []
end = time.monotonic() + 120
while b"last" not in handled and time.monotonic() < end:
    message = consumer.poll(1.0)
    if not message:
        continue
    assert message.error() is None
    handled.append(message.value())
consumer.commit(asynchronous=False)
committed = consumer.committed([TopicPartition("orders", 0)], timeout=60)[0].offset
consumer.close()
print(f"seen:     handled {handled}, committed offset {committed} of 4")
assert handled == [b"first", b"last"] and committed == 4
PYTHON
