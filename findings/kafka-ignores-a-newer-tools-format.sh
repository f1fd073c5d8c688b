#!/usr/bin/env bash
# One guesses: `kafka-storage format --release-version 4.3` is there so that a newer tool can prepare a node that still
# runs 4.3; if it could not, one of the two would refuse.
# What happens: the 4.3.1 node starts on what 4.4.0's tool wrote and takes records, but the SCRAM user of --add-scram
# does not exist: 4.4.0 puts its first records where 4.3.1 does not look for them.
# Versions: Apache Kafka 4.4.0 (tool) and 4.3.1 (tool and node), confluent-kafka 2.16.1.
# Costs who does not know: a cluster prepared during an upgrade is up and green, and no client can log in.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'Apache Kafka 4.4.0 formats with --release-version 4.3, Apache Kafka 4.3.1 runs'
expected 'the node has the SCRAM user that the tool was given, or it refuses to start'

wheels confluent-kafka==2.16.1
jars kafka-4.3.1 org.apache.kafka:kafka_2.13:4.3.1
jars kafka-4.4.0 org.apache.kafka:kafka_2.13:4.4.0

# run NAME VERSION-OF-THE-TOOL ARGUMENT...: formats with that version, runs 4.3.1, and asks it.
run() {
  local name=$1 tool=$2
  shift 2
  kafka_settings "$name"
  kafka_format "kafka-$tool" "$name" --add-scram 'SCRAM-SHA-512=[name=ann,password=example]' "$@"
  background "$name" java_of kafka-4.3.1 kafka.Kafka "$work/$name.properties"
  answers "$port"
  ask "$port" >"$work/$name.seen" <<'PYTHON'
import sys
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

servers = {"bootstrap.servers": f"127.0.0.1:{sys.argv[1]}"}
admin = AdminClient(servers)
admin.list_topics(timeout=120)
admin.create_topics([NewTopic("orders", 1, 1)])["orders"].result(120)
taken = []
producer = Producer(servers)
producer.produce("orders", b"1", on_delivery=lambda error, _: taken.append(error is None))
producer.flush(120)
try:
    admin.describe_user_scram_credentials(["ann"])["ann"].result(60)
    user = "there"
except KafkaException as error:
    user = "missing" if error.args[0].name() == "RESOURCE_NOT_FOUND" else repr(error)
print(f"record taken: {taken == [True]}, user: {user}")
PYTHON
  stop "$last"
}

run own 4.3.1
run newer 4.4.0 --release-version 4.3
seen "formatted by 4.3.1: $(<"$work/own.seen"); formatted by 4.4.0: $(<"$work/newer.seen")"
[ "$(<"$work/own.seen")" = 'record taken: True, user: there' ] || changed 'with its own format'
[ "$(<"$work/newer.seen")" = 'record taken: True, user: missing' ] || changed 'with the newer format'
