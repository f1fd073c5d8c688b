#!/usr/bin/env bash
# One guesses: AIOProducer's buffer_timeout is a linger, so that a record is sent one second after it was given at
# the latest.
# What happens: the second starts anew with each produce(). A steady trickle, five records a second, is not sent at
# all until the buffer of 1,000 is full or the trickle pauses; the same pause then delivers all of them.
# Versions: confluent-kafka 2.16.1 with librdkafka's own mock broker.
# Costs who does not know: a quiet shop's orders are minutes late (1,000 at 5/s take 200 s), and a crash loses them.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'confluent-kafka 2.16.1, AIOProducer with its defaults (batch_size=1000, buffer_timeout=1.0)'
expected 'a record every 0.2 s for 10 s: all but the last second are delivered by then'

wheels confluent-kafka==2.16.1
ask <<'PYTHON'
import asyncio, time
from confluent_kafka import Producer
from confluent_kafka.aio import AIOProducer

broker = Producer({"test.mock.num.brokers": 1, "log_level": 3})
servers = ",".join(f"{one.host}:{one.port}" for one in broker.list_topics(timeout=60).brokers.values())


async def main() -> None:
    producer = AIOProducer({"bootstrap.servers": servers})
    deliveries = []
    end = time.monotonic() + 10
    while time.monotonic() < end:
        deliveries.append(await producer.produce("orders", b"1"))
        await asyncio.sleep(0.2)
    during = sum(one.done() for one in deliveries)
    await asyncio.wait(deliveries, timeout=60)
    after = sum(one.done() for one in deliveries)
    await producer.close()
    print(f"seen:     {len(deliveries)} records in 10 s, {during} delivered by then, {after} after a pause")
    assert during == 0 and after == len(deliveries) > 10


asyncio.run(main())
PYTHON
