#!/usr/bin/env bash
# One guesses: a live consumer whose next records have expired is reset to the end of the log, has nothing left to read,
# and its group's lag is 0.
# What happens: librdkafka goes on from the new offset but has no record whose offset it could commit, so the old
# commit stays, and the lag with it, until the partition gets its next record. aiokafka, as Java's client, commits the
# new position. A consumer that stops cleanly leaves the old commit, too.
# Versions: Apache Kafka 4.3.1, confluent-kafka 2.16.1 (classic and consumer protocol), aiokafka 0.14.0.
# Costs who does not know: a scaler that takes end minus committed keeps consumers for a backlog that nobody can read,
# for days on a quiet partition, and an alarm on lag never clears.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'Apache Kafka 4.3.1, confluent-kafka 2.16.1, aiokafka 0.14.0, auto-commit, earliest'
expected '100 records read, 900 more expired unread: after 15 s of a live consumer the lag is 0'

wheels confluent-kafka==2.16.1 aiokafka==0.14.0
kafka 4.3.1
ask "$port" <<'PYTHON'
import asyncio, sys, time
from aiokafka import AIOKafkaConsumer
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

servers = f"127.0.0.1:{sys.argv[1]}"
admin = AdminClient({"bootstrap.servers": servers})
admin.list_topics(timeout=120)
admin.create_topics([NewTopic("orders", 1, 1)])["orders"].result(120)
partition = TopicPartition("orders", 0)
producer = Producer({"bootstrap.servers": servers})


def send(count: int) -> None:
    for _ in range(count):
        producer.produce("orders", b"1")
    assert producer.flush(60) == 0


def librdkafka(protocol: str, wanted: int, seconds: float) -> int:
    consumer = Consumer({
        "bootstrap.servers": servers, "group.id": protocol, "group.protocol": protocol,
        "auto.offset.reset": "earliest", "auto.commit.interval.ms": 500, "log_level": 3,
    })
    consumer.subscribe(["orders"])
    return count(lambda: int(consumer.poll(0.2) is not None), wanted, seconds, consumer.close)


def count(step, wanted, seconds, close) -> int:
    found, end = 0, time.monotonic() + seconds
    while time.monotonic() < end and (not wanted or found < wanted):
        found += step()
    close()
    return found


async def aio(wanted: int, seconds: float) -> int:
    consumer = AIOKafkaConsumer(
        "orders", bootstrap_servers=servers, group_id="aiokafka",
        auto_offset_reset="earliest", auto_commit_interval_ms=500,
    )
    await consumer.start()
    found, end = 0, time.monotonic() + seconds
    while time.monotonic() < end and (not wanted or found < wanted):
        found += sum(len(batch) for batch in (await consumer.getmany(timeout_ms=200)).values())
    await consumer.stop()
    return found


def lag(group: str) -> int:
    reader = Consumer({"bootstrap.servers": servers, "group.id": group})
    committed = reader.committed([partition], timeout=60)[0].offset
    end = reader.get_watermark_offsets(partition, timeout=60)[1]
    reader.close()
    return end - committed


groups = ("classic", "consumer", "aiokafka")
send(100)
read = [librdkafka("classic", 100, 120), librdkafka("consumer", 100, 120), asyncio.run(aio(100, 120))]
assert read == [100, 100, 100] and {lag(group) for group in groups} == {0}
send(900)
admin.delete_records([TopicPartition("orders", 0, 1000)])[partition].result(60)
read = [librdkafka("classic", 0, 15), librdkafka("consumer", 0, 15), asyncio.run(aio(0, 15))]
lags = {group: lag(group) for group in groups}
print(f"seen:     records read {read}; lag: librdkafka classic {lags['classic']}, consumer {lags['consumer']}; "
      f"aiokafka {lags['aiokafka']}")
assert read == [0, 0, 0] and lags == {"classic": 900, "consumer": 900, "aiokafka": 0}
PYTHON
