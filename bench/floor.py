"""Programs that do one part of the work for an order and nothing else: a lower bound for any order API in Python.

python -m bench.floor http PORT | msgspec SECONDS | rdkafka BOOTSTRAP TOPIC COUNT. The last two print µs per order.
"""

import asyncio
import sys
import time

import msgspec
import uvloop
from confluent_kafka import Producer

from bench.sample_orders import sample_orders, write_orders
from bench.settings import BATCH, ORDER_BYTES
from orderpipeline_common.order import Order
from orderpipeline_embedded.load.orders import generated

REPLY = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Empty(asyncio.Protocol):
    """Replies to anything without reading it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """One request: the load generator sends one at a time."""
        self._transport.write(REPLY)  # type: ignore[attr-defined]


async def http(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Empty, "127.0.0.1", port)
    await server.serve_forever()


def decode(seconds: float) -> float:
    """µs of CPU to validate one order of a batch."""
    body = b"[" + b",".join(generated(BATCH, 100_000, ORDER_BYTES)) + b"]"
    decoder, count = msgspec.json.Decoder(list[Order]), 0
    begun = time.process_time()
    while (took := time.process_time() - begun) < seconds:
        count += len(decoder.decode(body))
    return took / count * 1e6


def rdkafka(bootstrap: str, topic: str, count: int) -> float:
    """µs of CPU, including its threads, in which librdkafka writes one order from Python, idempotent with acks=all."""
    orders = sample_orders()
    producer = Producer(
        {"bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 10,
         "compression.type": "snappy", "queue.buffering.max.messages": 500_000, "delivery.report.only.error": True}
    )  # fmt: skip
    producer.list_topics(topic, 10)
    begun = time.process_time()
    write_orders(producer, topic, orders, count)
    return (time.process_time() - begun) / count * 1e6


def main() -> None:
    """Run one of them."""
    what, *rest = sys.argv[1:]
    if what == "http":
        uvloop.run(http(int(rest[0])))
    elif what == "msgspec":
        print(decode(float(rest[0])))
    else:
        print(rdkafka(rest[0], rest[1], int(rest[2])))


if __name__ == "__main__":
    main()
