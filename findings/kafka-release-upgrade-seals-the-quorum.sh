#!/usr/bin/env bash
# One guesses: `kafka-features upgrade --release-version 4.4` raises what 4.4 brings, metadata.version above all; how
# the controllers find each other stays as controller.quorum.voters says.
# What happens: it also raises kraft.version from 0 to 1, which makes the quorum a dynamic one, and nothing lowers it.
# `kafka-features upgrade --feature metadata.version=33`, the level of 4.4, leaves it at 0.
# Versions: Apache Kafka 4.4.0 (node and tool), formatted for 4.3.
# Costs who does not know: a controller that comes back with an empty disk no longer counts as a voter, as it did; it
# must be removed and added by command, and until then one more loss stops the cluster.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'Apache Kafka 4.4.0, a node with controller.quorum.voters, formatted with --release-version 4.3'
expected 'kraft.version stays 0, or at least can be lowered again'

jars kafka-4.4.0 org.apache.kafka:kafka_2.13:4.4.0 org.apache.kafka:kafka-tools:4.4.0
kafka_settings node
kafka_format kafka-4.4.0 node --release-version 4.3
background node java_of kafka-4.4.0 kafka.Kafka "$work/node.properties"
answers "$port"

features() {
  (java_of kafka-4.4.0 org.apache.kafka.tools.FeatureCommand --bootstrap-server "127.0.0.1:$port" "$@") \
    >"$work/features.log" 2>&1
}
level() { # FEATURE: its finalized level
  features describe
  sed -n "s/^Feature: $1\b.*FinalizedVersionLevel: \([^ \t]*\).*/\1/p" "$work/features.log"
}
levels() { echo "$(level metadata.version), $(level kraft.version)"; }
raise() { # ARGUMENT...: refused while the controller has not heard from all voters since its start
  for _ in $(seq 20); do
    if features upgrade "$@"; then return; fi
    sleep 3
  done
  cat "$work/features.log" >&2
  return 1
}

before=$(levels)
raise --feature metadata.version=33
alone=$(levels)
raise --release-version 4.4
after=$(levels)
back=lowered
features downgrade --feature kraft.version=0 || back="refused: $(grep -o "Can't downgrade.*" "$work/features.log")"
seen "metadata.version, kraft.version: $before; with --feature metadata.version=33: $alone;" \
  "with --release-version 4.4: $after; kraft.version back to 0: $back"
[ "$before; $alone; $after" = '4.3-IV0, 0; 4.4-IV2, 0; 4.4-IV2, 1' ] || changed 'the levels'
[ "$back" = "refused: Can't downgrade the version of this feature." ] || changed 'the way back'
