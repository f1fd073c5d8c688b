#!/usr/bin/env bash
# One guesses: asyncio.wait_for(consumer.poll(...), limit) is safe: a poll that is cancelled takes no record, as with
# any awaitable read.
# What happens: the poll goes on in its thread after the cancellation, takes the next record and gives it to nobody.
# The position has moved on, so auto-commit commits the record as handled.
# Versions: confluent-kafka 2.16.1 (AIOConsumer) with librdkafka's own mock broker.
# Costs who does not know: acknowledged orders that no handler ever sees, with lag 0; poll(0.5) without a limit around
# it loses none.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'confluent-kafka 2.16.1, AIOConsumer'
expected 'ten records, each sent just after a wait_for(poll(5.0), 0.5) ran out: all ten are handled by the next polls'

wheels confluent-kafka==2.16.1
ask <<'PYTHON'
import asyncio, time
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.aio import AIOConsumer

producer = Producer({"test.mock.num.brokers": 1, "log_level": 3})
servers = ",".join(f"{one.host}:{one.port}" for one in producer.list_topics(timeout=60).brokers.values())


def send(value: bytes) -> None:
    producer.produce("orders", value, partition=0)
    assert producer.flush(60) == 0


async def main() -> None:
    consumer = AIOConsumer({
        "bootstrap.servers": servers, "group.id": "shop", "auto.offset.reset": "earliest",
        "auto.commit.interval.ms": 500,
    })
    await consumer.subscribe(["orders"])
    send(b"first")
    end = time.monotonic() + 120
    while (message := await consumer.poll(1.0)) is None:
        assert time.monotonic() < end
    handled = 0
    for _ in range(10):
        try:
            message = await asyncio.wait_for(consumer.poll(5.0), 0.5)
            handled += message is not None
        except TimeoutError:
            send(b"1")
            await asyncio.sleep(0.5)
    for _ in range(10):
        handled += await consumer.poll(1.0) is not None
    await asyncio.sleep(2)  # auto-commit, four times over
    committed = (await consumer.committed([TopicPartition("orders", 0)]))[0].offset
    await consumer.close()
    print(f"seen:     {handled} of 10 handled, though the committed offset is {committed} of 11")
    assert handled <= 5 and committed == 11


asyncio.run(main())
PYTHON
