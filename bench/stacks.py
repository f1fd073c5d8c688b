"""What runs end to end: our order API and consumer, or the same in Go."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bench import peers
from bench.servers import Job, peer_env, plan
from orderpipeline_common.contract import HEALTH_PATH, READY_PATH, Env
from orderpipeline_embedded.ports import HOST

GO: Final = "gin"


@dataclass(frozen=True)
class Task:
    """What the processes work on: Kafka's address, topic, group, the linger time, and whether others share the port."""

    bootstrap: str
    topic: str
    group: str
    linger_ms: int
    reuse_port: bool = False


@dataclass(frozen=True)
class Start:
    """A process to start; `ready` is the path that answers 200 once it is."""

    argv: list[str]
    env: Mapping[str, str]
    ready: str


@dataclass(frozen=True)
class Stack:
    """An order API that replies after all in-sync replicas have an order, and a consumer; both get their port. The
    consumer says under METRICS_PATH how many orders it has handled."""

    name: str
    producer: Callable[[Task, int], Start]
    consumer: Callable[[Task, int], Start]


def our_stack(name: str, env: Mapping[str, str]) -> Stack:
    """Ours, started as `orderpipeline run` would start it. `env` is added to the environment of both."""

    def producer(task: Task, port: int) -> Start:
        program = plan(task.bootstrap, port, linger_ms=task.linger_ms).producer
        own = {Env.REUSE_PORT: "1" if task.reuse_port else "0", Env.TOPIC: task.topic, Env.LOG_LEVEL: "WARNING"}
        return Start([sys.executable, "-m", program.module], {**program.environment, **own, **env}, READY_PATH)

    def consumer(task: Task, port: int) -> Start:
        program = plan(task.bootstrap, port, linger_ms=task.linger_ms).consumer
        own = {Env.TOPIC: task.topic, Env.GROUP: task.group, Env.PORT: str(port), Env.LOG_LEVEL: "WARNING"}
        return Start([sys.executable, "-m", program.module], {**program.environment, **own, **env}, READY_PATH)

    return Stack(name, producer, consumer)


def go_stack() -> Stack:
    """Gin with franz-go, and a franz-go consumer."""

    def producer(task: Task, port: int) -> Start:
        job = Job(task.bootstrap, task.topic, port, "acked", task.linger_ms, acks="all")
        return Start([str(peers.binary(GO))], peer_env(job), HEALTH_PATH)

    def consumer(task: Task, port: int) -> Start:
        env = {"BROKERS": task.bootstrap, "TOPIC": task.topic, "GROUP": task.group, "ADDR": f"{HOST}:{port}"}
        return Start([str(peers.binary("gocons"))], env, HEALTH_PATH)

    return Stack(GO, producer, consumer)
