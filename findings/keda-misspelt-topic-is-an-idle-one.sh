#!/usr/bin/env bash
# One guesses: a scaler whose topic does not exist fails, as KEDA's `kafka` does, so that the ScaledObject says so and
# the replicas stay as they are.
# What happens: the other Kafka scaler, `apache-kafka`, reports 0 and inactive without an error, so KEDA takes the
# workload to zero. The same settings, only the trigger's type differs.
# Versions: KEDA 2.21.0's scalers kafka and apache-kafka, Apache Kafka 4.3.1, confluent-kafka 2.16.1.
# Costs who does not know: a slip in a name, or a topic that an operator has not made yet, looks like a quiet day.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'KEDA 2.21.0, kafka and apache-kafka; Apache Kafka 4.3.1'
expected 'an error from both for a topic that does not exist (the right one has a lag of 80, capped at 10)'

wheels confluent-kafka==2.16.1
keda_lag
kafka 4.3.1
ask "$port" <<'PYTHON'
import sys
from cluster import Cluster

cluster = Cluster(sys.argv[1])
cluster.make("orders")
cluster.send("orders", range(100))
cluster.commit("shop", "orders", [20])
PYTHON
right=$("$work/keda-lag" "127.0.0.1:$port" orders shop 2>"$work/keda.log" | paste -sd';')
[ "$right" = 'kafka: value 10, active true;apache-kafka: value 10, active true' ] || changed "the right topic: $right"
lag=$("$work/keda-lag" "127.0.0.1:$port" odrers shop 2>"$work/keda.log")
while read -r line; do seen "$line"; done <<<"$lag"
grep -q '^kafka: error .*does not exist' <<<"$lag" || changed 'kafka'
grep -qx 'apache-kafka: value 0, active false' <<<"$lag" || changed 'apache-kafka'
