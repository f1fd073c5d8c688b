"""The order API on FastAPI, uvicorn and aiokafka, as most Python teams would write it: acks=1, snappy."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from fastapi import FastAPI
from pydantic import BaseModel, Field

TOPIC = os.environ["TOPIC"]
WAIT = os.environ.get("WAIT") == "1"


class Order(BaseModel):
    """One order."""

    customer_id: str = Field(min_length=1, max_length=128)
    product_id: str = Field(min_length=1, max_length=128)
    quantity: int = Field(gt=0)
    amount: float = Field(gt=0)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.producer = AIOKafkaProducer(
        bootstrap_servers=os.environ["BROKERS"],
        acks=1,
        linger_ms=int(os.environ["LINGER_MS"]),
        compression_type="snappy",
        max_batch_size=1_000_000,
    )
    await app.state.producer.start()
    yield
    await app.state.producer.stop()


app = FastAPI(lifespan=lifespan)


async def send(orders: list[Order]) -> None:
    producer = app.state.producer
    sent = [
        await producer.send(TOPIC, order.model_dump_json().encode(), order.customer_id.encode()) for order in orders
    ]
    if WAIT:
        await asyncio.gather(*sent)


@app.post("/order", status_code=202)
async def one(order: Order) -> dict[str, str]:
    await send([order])
    return {"status": "accepted"}


@app.post("/orders/batch", status_code=202)
async def batch(orders: list[Order]) -> dict[str, int]:
    await send(orders)
    return {"accepted": len(orders)}


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}
