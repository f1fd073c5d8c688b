#!/usr/bin/env bash
# One guesses: when a source topic is deleted and made again, MirrorMaker 2 notices (topics have ids since Kafka 2.8)
# and copies the new one from its beginning, or at least says that its position is of another topic.
# What happens: it goes on at the old number. If the new topic has grown past it while the mirror was down, all records
# below are never copied, and the mirror goes on as if all were well.
# Versions: Apache Kafka 4.3.1, broker and MirrorMaker 2 (dedicated, one node as source and target).
# Costs who does not know: a standby that lacks the first records of the new topic, with a replication lag of 0.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'Apache Kafka 4.3.1, MirrorMaker 2; 1,000 records copied, topic made again with 1,500 while the mirror is down'
expected 'after the restart all 1,500 new records are copied'

wheels confluent-kafka==2.16.1
mirror_jars
kafka 4.3.1
mirror before
ask "$port" <<'PYTHON'
import sys
from cluster import Cluster

cluster = Cluster(sys.argv[1])
cluster.make("orders")
cluster.send("orders", range(1000))
cluster.wait("a.orders", 1000)
PYTHON
sleep 6 # the positions are stored every two seconds
stop "$last"
ask "$port" <<'PYTHON'
import sys
from cluster import Cluster

cluster = Cluster(sys.argv[1])
cluster.remove("orders")
cluster.make("orders")
cluster.send("orders", range(100000, 101500))
PYTHON
mirror after
ask "$port" <<'PYTHON'
import sys, time
from cluster import Cluster

cluster = Cluster(sys.argv[1])
cluster.wait("a.orders", 1500)
time.sleep(10)
copied = cluster.count("a.orders") - 1000
first = cluster.value("a.orders", 1000) - 100000
print(f"seen:     {copied} of 1,500 copied, the first of them is number {first} of the new topic")
assert copied == 500 and first == 1000
PYTHON
