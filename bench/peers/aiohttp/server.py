"""The order API on plain aiohttp and confluent-kafka: acks=1, snappy."""

import asyncio
import json
import os
import threading
from typing import Any

import uvloop
from aiohttp import web
from confluent_kafka import Producer

TOPIC = os.environ["TOPIC"]
WAIT = os.environ.get("WAIT") == "1"
PRODUCER = web.AppKey("producer", Producer)


def valid(order: Any) -> bool:
    return (
        isinstance(order, dict)
        and all(isinstance(order.get(name), str) and order[name] for name in ("customer_id", "product_id"))
        and isinstance(order.get("quantity"), int)
        and order["quantity"] > 0
        and isinstance(order.get("amount"), int | float)
        and order["amount"] > 0
    )


async def send(producer: Producer, orders: list[dict[str, Any]]) -> bool:
    """Whether Kafka accepted all, as far as the server waited for it."""
    loop = asyncio.get_running_loop()
    done, left, failed = loop.create_future(), len(orders), 0

    def delivered(error: Any, _message: Any) -> None:
        nonlocal left, failed
        left -= 1
        failed += error is not None
        if not left and WAIT:
            loop.call_soon_threadsafe(done.set_result, None)

    for order in orders:
        value = json.dumps(order, separators=(",", ":"))
        while True:
            try:
                producer.produce(TOPIC, value, order["customer_id"], on_delivery=delivered)
                break
            except BufferError:
                await asyncio.sleep(0.001)
    if WAIT:
        await done
    return not failed


def reply(sent: bool, body: dict[str, Any]) -> web.Response:
    return web.json_response(body, status=202) if sent else web.json_response({"error": "Kafka"}, status=503)


async def one(request: web.Request) -> web.Response:
    try:
        order = await request.json()
    except ValueError:
        return web.json_response({"error": "not JSON"}, status=400)
    if not valid(order):
        return web.json_response({"error": "not an order"}, status=400)
    return reply(await send(request.app[PRODUCER], [order]), {"status": "accepted"})


async def batch(request: web.Request) -> web.Response:
    try:
        orders = await request.json()
    except ValueError:
        return web.json_response({"error": "not JSON"}, status=400)
    if not isinstance(orders, list) or not orders or not all(map(valid, orders)):
        return web.json_response({"error": "not orders"}, status=400)
    return reply(await send(request.app[PRODUCER], orders), {"accepted": len(orders)})


async def health(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def main() -> None:
    config = {
        "bootstrap.servers": os.environ["BROKERS"],
        "acks": 1,
        "linger.ms": int(os.environ["LINGER_MS"]),
        "compression.type": "snappy",
        "queue.buffering.max.messages": 1_000_000,
        "batch.size": 1_000_000,
    }
    producer = Producer(config)

    def poll() -> None:
        while True:
            producer.poll(0.1)

    threading.Thread(target=poll, daemon=True).start()
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app[PRODUCER] = producer
    app.add_routes([web.post("/order", one), web.post("/orders/batch", batch), web.get("/health", health)])
    host, port = os.environ["ADDR"].split(":")
    web.run_app(app, host=host, port=int(port), loop=uvloop.new_event_loop(), print=lambda _: None, access_log=None)


if __name__ == "__main__":
    main()
