"""The order APIs that are measured: ours, started as `orderpipeline run` would start it, and the peers."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from bench import peers
from bench.access import Access
from bench.settings import PARTITIONS
from orderpipeline_common.contract import HEALTH_PATH, READY_PATH, Env
from orderpipeline_embedded.ports import HOST
from orderpipeline_embedded.run.plan import Plan, make_plan, read_pipeline

ROOT: Final = Path(__file__).parents[1]
OURS: Final = "ours"
PYTHON: Final = "ours-python"
PIPELINE: Final = """
apiVersion: orderpipeline.dev/v1alpha1
kind: OrderPipeline
metadata: {{name: bench}}
spec:
  topic: {{name: orders, partitions: {partitions}}}
  producer: {{replicas: 1, durability: {durability}, linger: {linger}, compression: snappy}}
  consumer: {{handler: "bench.noop:handle", image: none, batchSize: 10000}}
"""


@dataclass(frozen=True)
class Job:
    """The task of a server. With `access` it comes into Kafka by that, with TLS and SCRAM. The peers write with `acks`,
    ours with those that the durability asks for."""

    bootstrap: str
    topic: str
    port: int
    durability: str
    linger_ms: int = 10
    acks: Literal["1", "all"] = "1"
    access: Access | None = None


@dataclass(frozen=True)
class Server:
    """An order API: its title in tables, and its command line and environment for a job."""

    name: str
    title: str
    start: Callable[[Job], tuple[list[str], Mapping[str, str]]]
    ready_path: str = HEALTH_PATH
    once: bool = False
    """Measured in one round only: the difference from ours is large enough."""


def plan(
    bootstrap: str, port: int, durability: str = "acked", partitions: int = PARTITIONS, linger_ms: int = 10
) -> Plan:
    """The plan of `orderpipeline run` for the bench's pipeline."""
    text = PIPELINE.format(partitions=partitions, durability=durability, linger=f"{linger_ms}ms")
    kafka_port = int(bootstrap.rpartition(":")[2])
    return make_plan(read_pipeline(text, "the bench's pipeline"), kafka_port=kafka_port, api_port=port, producers=1)


def _ours(job: Job, extra: Mapping[str, str]) -> tuple[list[str], Mapping[str, str]]:
    program = plan(job.bootstrap, job.port, job.durability, linger_ms=job.linger_ms).producer
    kafka = job.access.ours() if job.access else {Env.BOOTSTRAP_SERVERS: job.bootstrap}
    env = {**program.environment, **kafka, Env.TOPIC: job.topic, Env.LOG_LEVEL: "WARNING", **extra}
    return [sys.executable, "-m", program.module], env


def peer_env(job: Job) -> dict[str, str]:
    """The environment of a peer."""
    wait = "1" if job.durability == "acked" else "0"
    kafka = job.access.peer() if job.access else {"BROKERS": job.bootstrap}
    return {**kafka, "TOPIC": job.topic, "ADDR": f"{HOST}:{job.port}", "WAIT": wait, "LINGER_MS": str(job.linger_ms),
            "ACKS": job.acks}  # fmt: skip


def _go(name: str, job: Job) -> tuple[list[str], Mapping[str, str]]:
    return [str(peers.binary(name))], peer_env(job)


def _fastapi(job: Job) -> tuple[list[str], Mapping[str, str]]:
    options = ["--host", HOST, "--port", str(job.port), "--loop", "uvloop", "--http", "httptools"]
    quiet = ["--no-access-log", "--log-level", "warning", "--app-dir", str(peers.HERE / "fastapi")]
    return [str(peers.python()), "-m", "uvicorn", "server:app", *options, *quiet], peer_env(job)


def _aiohttp(job: Job) -> tuple[list[str], Mapping[str, str]]:
    return [str(peers.python()), str(peers.HERE / "aiohttp/server.py")], peer_env(job)


def accelerated() -> bool:
    """Whether the accelerator is installed."""
    return find_spec("orderpipeline_accelerator") is not None


def variants() -> dict[str, Mapping[str, str]]:
    """Our configurations, the best one first, and what is in their environment."""
    python = {Env.ACCELERATOR: "off"}
    return {OURS: {Env.ACCELERATOR: "on"}, PYTHON: python} if accelerated() else {OURS: python}


def ours() -> list[Server]:
    """Our producer, with and without the compiled part where that is installed."""
    title = "OrderPipeline with its accelerator" if accelerated() else "OrderPipeline"
    titles = {OURS: title, PYTHON: "OrderPipeline, Python only"}
    return [Server(name, titles[name], partial(_ours, extra=env), READY_PATH) for name, env in variants().items()]


def go_peers() -> list[Server]:
    """Gin, and the fastest found."""
    return [
        Server("gin", "Gin + franz-go", partial(_go, "gin")),
        Server("fasthttp", "fasthttp + sonic + franz-go", partial(_go, "fasthttp")),
    ]


def python_peers() -> list[Server]:
    """What a Python team would write."""
    return [
        Server("aiohttp", "aiohttp + confluent-kafka", _aiohttp, once=True),
        Server("fastapi", "FastAPI + aiokafka", _fastapi, once=True),
    ]
