#!/usr/bin/env bash
# One guesses: `a->b.producer.compression.type=gzip` compresses what the flow a -> b writes to b.
# What happens: the records stay uncompressed. The setting is taken, without a word, by the small producer of the flow's
# own bookkeeping (offset syncs); the one of the records is reached by `a->b.producer.override.compression.type`.
# Versions: Apache Kafka 4.3.1, broker and MirrorMaker 2 (dedicated, one node as source and target).
# Costs who does not know: several times the disk and the traffic between two sites, with a file that looks right; the
# same holds for batch.size, acks and security settings under that prefix.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'Apache Kafka 4.3.1, MirrorMaker 2 with a->b.producer.compression.type=gzip'
expected '20,000 records of 200 bytes, very alike, take far less than 4 MB at the target'

wheels confluent-kafka==2.16.1
mirror_jars
kafka 4.3.1
topic() { # NAME make|fill: an empty topic; or 20,000 records in it, and all of them at the target
  ask "$port" "$1" "$2" <<'PYTHON'
import sys
from cluster import Cluster

cluster, topic = Cluster(sys.argv[1]), sys.argv[2]
if sys.argv[3] == "make":
    cluster.make(topic)
else:
    cluster.send(topic, range(20000))
    cluster.wait(f"a.{topic}", 20000)
PYTHON
}
takers() { # NAME: the producers of that run which have the setting, by the end of their client.id
  awk '/client.id = / {id = $3} /compression.type = gzip/ {print id}' "$work/$1.log" |
    sed 's/.*|//' | sort -u | tr '\n' ' '
}
copy() { # NAME SETTING PRODUCER: mirrors a topic once PRODUCER has the setting; $bytes is its size at the target
  topic "orders-$1" make
  mirror "$1" "$2"
  for _ in $(seq 180); do grep -q "$3" <<<"$(takers "$1")" && break; sleep 1; done
  topic "orders-$1" fill
  stop "$last"
  bytes=$(cat "$work/node.data/a.orders-$1-0/"*.log | wc -c)
}
copy plain 'a->b.producer.compression.type=gzip' offset-syncs-source-producer
seen "a->b.producer.compression.type=gzip: $bytes bytes; taken by $(takers plain)"
[ "$bytes" -gt 3500000 ] && [ "$(takers plain)" = 'offset-syncs-source-producer ' ] || changed 'producer.'
copy override 'a->b.producer.override.compression.type=gzip' connector-producer-MirrorSourceConnector
seen "a->b.producer.override.compression.type=gzip: $bytes bytes"
[ "$bytes" -lt 2000000 ] || changed 'producer.override.'
