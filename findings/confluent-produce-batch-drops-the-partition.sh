#!/usr/bin/env bash
# One guesses: what produce_batch() documents, "'partition' (int): Specific partition (optional, overrides batch
# partition)", so that each record of a batch may name its own.
# What happens: the field is accepted and ignored. All records go where the key's hash or the call's own `partition`
# says; nothing is raised, every delivery report is a success. produce() with the same arguments does as asked.
# Versions: confluent-kafka 2.16.1 with librdkafka's own mock broker.
# Costs who does not know: a service that places customers itself, as other clients of the topic do, loses their order.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'confluent-kafka 2.16.1, Producer.produce_batch'
expected "eight records of one key with 'partition' 0, 1, 2, 3, 0, 1, 2, 3 arrive there, two on each partition"

wheels confluent-kafka==2.16.1
ask <<'PYTHON'
from collections import Counter
from confluent_kafka import Producer

producer = Producer({"test.mock.num.brokers": 1, "log_level": 3})
wanted = [number % 4 for number in range(8)]
one_by_one, batch = [], []
for partition in wanted:
    producer.produce("orders", b"1", b"ann", partition, on_delivery=lambda e, m: one_by_one.append((e, m.partition())))
assert producer.flush(60) == 0
records = [{"value": b"1", "key": b"ann", "partition": partition} for partition in wanted]
queued = producer.produce_batch("orders", records, on_delivery=lambda e, m: batch.append((e, m.partition())))
assert producer.flush(60) == 0 and queued == 8 and len(batch) == 8 and {error for error, _ in batch} == {None}
places = [dict(sorted(Counter(partition for _, partition in one).items())) for one in (one_by_one, batch)]
print(f"seen:     records per partition: produce() {places[0]}, produce_batch() {places[1]}")
assert places[0] == {0: 2, 1: 2, 2: 2, 3: 2} and len(places[1]) == 1
PYTHON
