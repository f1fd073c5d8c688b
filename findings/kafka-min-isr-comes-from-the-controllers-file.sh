#!/usr/bin/env bash
# One guesses: min.insync.replicas in the brokers' server.properties is the default of their topics, as it always was.
# What happens: on a new cluster the first active controller writes its own value, 1 if its file has none, as a
# cluster-wide dynamic setting, which wins over every broker's file.
# Versions: Apache Kafka 4.3.1, KRaft, controller and broker apart; confluent-kafka 2.16.1.
# Costs who does not know: acks=all is acknowledged by a single replica, and losing that one broker loses orders.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'Apache Kafka 4.3.1, one controller and one broker, min.insync.replicas=2 in the file of the broker only'
expected 'a topic without a setting of its own has 2, so acks=all on its only replica is refused (NOT_ENOUGH_REPLICAS)'

wheels confluent-kafka==2.16.1
jars kafka-4.3.1 org.apache.kafka:kafka_2.13:4.3.1
quorum=$(free_port)
map=listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
kafka_settings controller process.roles=controller node.id=100 "controller.quorum.voters=100@127.0.0.1:$quorum" \
  "listeners=CONTROLLER://127.0.0.1:$quorum" "$map"
sed -i '/^advertised.listeners/d; /^inter.broker/d' "$work/controller.properties"
kafka_settings broker process.roles=broker node.id=0 "controller.quorum.voters=100@127.0.0.1:$quorum" "$map" \
  min.insync.replicas=2
sed -i "s#^listeners=.*#listeners=PLAINTEXT://127.0.0.1:$port#" "$work/broker.properties"
for node in controller broker; do
  kafka_format kafka-4.3.1 "$node"
  background "$node" java_of kafka-4.3.1 kafka.Kafka "$work/$node.properties"
done
answers "$port"
ask "$port" <<'PYTHON'
import sys, time
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

servers = {"bootstrap.servers": f"127.0.0.1:{sys.argv[1]}"}
admin = AdminClient(servers)
admin.list_topics(timeout=120)
admin.create_topics([NewTopic("orders", 1, 1)])["orders"].result(120)
topic = ConfigResource(ConfigResource.Type.TOPIC, "orders")
for _ in range(60):  # the broker may hear of the topic a moment after the controller
    try:
        setting = admin.describe_configs([topic])[topic].result(60)["min.insync.replicas"]
        break
    except KafkaException:
        time.sleep(1)
errors = []
producer = Producer({**servers, "acks": "all", "message.timeout.ms": 20000})
producer.produce("orders", b"1", on_delivery=lambda error, _: errors.append(error))
producer.flush(60)
sources = {3: "the cluster's dynamic default", 4: "the broker's file", 5: "Kafka's default"}
source = sources.get(int(setting.source), setting.source)
print(f"seen:     min.insync.replicas {setting.value} by {source}; acks=all: {errors[0] or 'acknowledged'}")
assert setting.value == "1" and errors == [None]
PYTHON
