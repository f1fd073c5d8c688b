#!/usr/bin/env bash
# One guesses: a scaler on lag is active while any partition has unread records.
# What happens: a commit past the end of the log, as after a restore or a switch to a mirror whose offsets ran ahead of
# the records, counts as negative lag and is set off against the other partitions. The sum is below 0, is reported as
# 0, inactive, and KEDA takes the workload to zero.
# Versions: KEDA 2.21.0's scalers kafka and apache-kafka, Apache Kafka 4.3.1, confluent-kafka 2.16.1.
# Costs who does not know: after a failover the consumers sleep although orders wait, until the ends have caught up.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'KEDA 2.21.0, kafka and apache-kafka; Apache Kafka 4.3.1; 12 partitions, lagThreshold 10'
expected '20 unread records on each of four partitions, commits 30 past the end on eight: value 80, active'

wheels confluent-kafka==2.16.1
keda_lag
kafka 4.3.1
ask "$port" <<'PYTHON'
import sys
from cluster import Cluster
from confluent_kafka import Producer

cluster = Cluster(sys.argv[1])
cluster.make("orders", partitions=12)
producer = Producer(cluster.servers)
for number in range(1200):
    producer.produce("orders", b"1", partition=number % 12)
assert producer.flush(60) == 0
cluster.commit("even", "orders", [100] * 8 + [80] * 4)
cluster.commit("ahead", "orders", [130] * 8 + [80] * 4)
PYTHON
even=$("$work/keda-lag" "127.0.0.1:$port" orders even 2>"$work/keda.log" | paste -sd';')
ahead=$("$work/keda-lag" "127.0.0.1:$port" orders ahead 2>"$work/keda.log" | paste -sd';')
seen "eight partitions read to the end: $even"
seen "eight with commits past the end:  $ahead"
[ "$even" = 'kafka: value 80, active true;apache-kafka: value 80, active true' ] || changed 'without negative lag'
[ "$ahead" = 'kafka: value 0, active false;apache-kafka: value 0, active false' ] || changed 'with negative lag'
