#!/usr/bin/env bash
# One guesses: a live consumer goes on with a topic that is deleted and made again under its name, at the worst from a
# wrong offset, as long as the new topic has more records than the old one.
# What happens: that holds until the old topic's leader has changed once, as by any restart of its broker. From then on
# librdkafka reads nothing of the new topic. It reports that the topic is unknown while it is, and nothing after that:
# the new topic's leader epochs begin at 0, so each metadata answer seems outdated. A second consumer reads everything.
# Versions: Apache Kafka 4.3.1, confluent-kafka 2.16.1 (librdkafka 2.16), classic and consumer protocol alike.
# Costs who does not know: after a roll of the brokers, deleting and recreating a topic stops all its consumers until
# their processes are restarted, while they poll, heartbeat and look healthy. A test on a broker that was never
# restarted shows that recreating works.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'Apache Kafka 4.3.1, confluent-kafka 2.16.1 (librdkafka 2.16)'
expected 'a live consumer reads on after its topic was recreated, whether or not the broker was restarted before'

wheels confluent-kafka==2.16.1
kafka 4.3.1
node=$last
cat >"$work/consume.py" <<'PYTHON'
import sys
from confluent_kafka import Consumer

servers, protocol = sys.argv[1:]
consumer = Consumer({
    "bootstrap.servers": servers, "group.id": protocol, "group.protocol": protocol, "auto.offset.reset": "earliest",
    "topic.metadata.refresh.interval.ms": 1000, "log_level": 0,
})
consumer.subscribe(["orders"])
while True:
    message = consumer.poll(1.0)
    if message is not None:
        print(message.error().name() if message.error() else message.value()[:6].decode(), flush=True)
PYTHON

# fill FROM TO: waits for the broker, makes the topic anew and sends these numbers; `more` only sends.
fill() {
  ask "$port" "$@" <<'PYTHON'
import sys
from cluster import Cluster

port, first, last = sys.argv[1:]
cluster = Cluster(port)
if cluster.count("orders"):
    cluster.remove("orders")
cluster.make("orders")
cluster.send("orders", range(int(first), int(last)))
PYTHON
}
more() {
  ask "$port" "$@" <<'PYTHON'
import sys
from cluster import Cluster

port, first, last = sys.argv[1:]
Cluster(port).send("orders", range(int(first), int(last)))
PYTHON
}
# reads NAME VALUE SECONDS: whether the consumer has read this value within the time.
reads() {
  for _ in $(seq $(($3 * 2))); do grep -qx "$2" "$work/$1.log" 2>/dev/null && return 0; sleep 0.5; done
  return 1
}

fill 0 10
for protocol in classic consumer; do
  background "$protocol" "$python" "$work/consume.py" "127.0.0.1:$port" "$protocol"
  reads "$protocol" 000009 120 || changed "the $protocol consumer does not read at all"
done
fill 100 150
for protocol in classic consumer; do
  reads "$protocol" 000149 90 || changed "$protocol: a topic that is recreated before any change of leader is not read"
done

stop "$node"
background node java_of kafka-4.3.1 kafka.Kafka "$work/node.properties"
answers "$port"
more 200 210
for protocol in classic consumer; do
  reads "$protocol" 000209 120 || changed "$protocol: nothing is read after the restart of the broker"
done
fill 300 500
for protocol in classic consumer; do
  reads "$protocol" 000499 30 && changed "$protocol: the topic that was recreated after the restart is read"
  told=$(sed '/^[0-9]*$/d' "$work/$protocol.log" | sort -u | tr '\n' ' ')
  case $told in '' | 'UNKNOWN_TOPIC_OR_PART ') ;; *) changed "$protocol: the consumer reports $told" ;; esac
done
sed -e 's/protocol = sys.argv\[1:\]/protocol = sys.argv[1:3]/' -e 's/"group.id": protocol/"group.id": "second"/' \
  "$work/consume.py" >"$work/second.py"
background second "$python" "$work/second.py" "127.0.0.1:$port" consumer
reads second 000499 60 || changed 'a second consumer does not read the topic either'
seen 'recreated before the restart: read; recreated after it: 0 of 200 records in 30 s or more, by both protocols;'
seen 'a second consumer read all 200 meanwhile'
