#!/usr/bin/env bash
# One guesses: a consumer past max.poll.interval.ms leaves its group, as its log says ("leaving group"), and another
# member has its partitions some seconds later; with the new group protocol sooner than before.
# What happens: with group.protocol=consumer it says so and sends nothing. Its partitions stand still until the broker's
# own session timeout (45 s) has run out on top; with the classic protocol they move within about two seconds.
# Versions: Apache Kafka 4.3.1, confluent-kafka 2.16.1 (librdkafka 2.16), max.poll.interval.ms 10 s.
# Costs who does not know: one handler that hangs costs 45 s more of silence after the move to KIP-848.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'Apache Kafka 4.3.1, confluent-kafka 2.16.1, two members, one of which stops polling'
expected 'max.poll.interval.ms of 10 s: the other member has both partitions after some 10 to 20 s, in both protocols'

wheels confluent-kafka==2.16.1
kafka 4.3.1
ask "$port" 2>"$work/librdkafka.log" <<'PYTHON'
import os, sys, threading, time
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, NewTopic

servers = f"127.0.0.1:{sys.argv[1]}"
admin = AdminClient({"bootstrap.servers": servers})
admin.list_topics(timeout=120)
admin.create_topics([NewTopic("orders", 2, 1)])["orders"].result(120)
seconds = {}


def take_over(protocol: str) -> None:
    settings = {
        "bootstrap.servers": servers, "group.id": protocol, "group.protocol": protocol, "max.poll.interval.ms": 10000,
    } | ({"session.timeout.ms": 10000} if protocol == "classic" else {})
    hanging, other = Consumer(settings), Consumer(settings)
    hanging.subscribe(["orders"])
    other.subscribe(["orders"])
    while len(hanging.assignment()) != 1 or len(other.assignment()) != 1:
        hanging.poll(0.1)
        other.poll(0.1)
    hanging.poll(0.1)
    began = time.monotonic()
    while len(other.assignment()) < 2:
        other.poll(0.2)
    seconds[protocol] = round(time.monotonic() - began)


threads = [threading.Thread(target=take_over, args=(one,), daemon=True) for one in ("classic", "consumer")]
for one in threads:
    one.start()
for one in threads:
    one.join(timeout=200)
print(f"seen:     taken over after {seconds['classic']} s (classic), {seconds['consumer']} s (consumer)", flush=True)
good = seconds["classic"] < 30 and seconds["consumer"] > 45
os._exit(0 if good else 1)  # the members that hang are not waited for
PYTHON
said=$(grep -c 'leaving group' "$work/librdkafka.log" || true)
seen "log lines that say \"leaving group\": $said"
[ "$said" = 2 ] || changed 'what the members say'
