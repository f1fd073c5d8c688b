"""The same trace through the real HPA on the local cluster, to see whether the simulator says what happens there.

`python -m bench.sim.cluster` needs a cluster that is up (`make up`), takes about 14 minutes, and writes what it found
to docs/autoscaling/cluster.json. `make sim` plays that trace in the simulator and compares.
"""

import argparse
import asyncio
import json
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import aiohttp
import yaml

from bench.sim.agreement import compare
from bench.sim.record import PATH, Record
from orderpipeline_embedded.replay import Localhost
from tests.e2e.cluster import Cluster, wait_until

PIPELINE = Path(__file__).with_name("cluster.yaml")
ORDERS_URL, COUNT_URL = "http://sim.localhost:8080/orders/batch", "http://pace.localhost:8080/count"
CAPACITY = 20.0
"""Orders per second of one consumer: cluster.yaml's pace."""
PHASES = ((60.0, 60), (120.0, 300), (180.0, 60), (90.0, 260), (120.0, 60))
"""Seconds, orders per second. The most that 12 consumers do is 240, so that each crowd leaves a backlog behind."""
AFTER = 60.0
"""Seconds of watching when all is sent: consumers fall to their minimum meanwhile."""
READY_FOR = 300.0

PATIENCE = 20
"""Times that a batch is sent which the API could not take."""


class Replicas(threading.Thread):
    """What the Deployment is to have, read again and again, and when each pod came up."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(daemon=True)
        self._cluster = cluster
        self._over = threading.Event()
        self.now = 0
        self.start_ups: dict[str, float] = {}

    def run(self) -> None:
        while not self._over.wait(0.5):
            self.now = consumers(self._cluster)
            self._pods()

    def stop(self) -> None:
        self._over.set()
        self.join(timeout=60)

    def _pods(self) -> None:
        labels = "app.kubernetes.io/component=consumer,app.kubernetes.io/instance=sim"
        for pod in self._cluster.get("pods", "-l", labels).get("items", []):
            ready = [c for c in pod["status"].get("conditions", []) if c["type"] == "Ready" and c["status"] == "True"]
            if ready:
                took = _time(ready[0]["lastTransitionTime"]) - _time(pod["metadata"]["creationTimestamp"])
                self.start_ups.setdefault(pod["metadata"]["name"], took)


def _time(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def consumers(cluster: Cluster) -> int:
    return int(cluster.get("deployment", "sim-consumer").get("spec", {}).get("replicas", 0))


def orders(number: int, first: int) -> bytes:
    """A batch of `number` orders, each of a customer of its own, so that they spread over the partitions."""
    lines = (
        {"customer_id": f"customer-{first + i}", "product_id": f"p-{i % 100}", "quantity": 1, "amount": 1.5}
        for i in range(number)
    )
    return json.dumps(list(lines)).encode()


async def drive(replicas: Replicas, phases: Sequence[tuple[float, int]]) -> tuple[list[int], list[int], list[int]]:
    """Sends a batch a second; (sent, waiting, consumers) of every second until AFTER the last."""
    plan = [rate for seconds, rate in phases for _ in range(int(seconds))] + [0] * int(AFTER)
    sent: list[int] = []
    waiting: list[int] = []
    course: list[int] = []
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(resolver=Localhost())) as session:
        before = await count(session)
        began = time.monotonic()
        for second, rate in enumerate(plan):
            await asyncio.sleep(max(began + second - time.monotonic(), 0))
            if rate:
                await send(session, orders(rate, sum(sent)))
            sent.append(rate)
            waiting.append(sum(sent) - (await count(session) - before))
            course.append(replicas.now)
    return sent, waiting, course


async def send(session: aiohttp.ClientSession, body: bytes) -> None:
    """Sends a batch; again each second while the API says that it took none of it, as any client would."""
    for _ in range(PATIENCE):
        async with session.post(ORDERS_URL, data=body, headers={"Content-Type": "application/json"}) as reply:
            if reply.status == 202:
                return
            said = f"the order API answered {reply.status}: {(await reply.text())[:300]}"
        if reply.status != 503 or "none of this was taken" not in said:
            break
        await asyncio.sleep(1.0)
    raise RuntimeError(said)


async def count(session: aiohttp.ClientSession) -> int:
    async with session.get(COUNT_URL) as reply:
        reply.raise_for_status()
        return int((await reply.json())["done"])


async def answers(url: str) -> bool:
    """Whether `url` is served: an Ingress takes a moment."""
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Localhost())) as session,
            session.get(url, timeout=aiohttp.ClientTimeout(total=5)) as reply,
        ):
            return reply.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


def measure(cluster: Cluster, phases: Sequence[tuple[float, int]] = PHASES) -> Record:
    """Brings the pipeline up, plays the trace, takes the pipeline down. AssertionError where a step doesn't come."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "--field-manager", "bench-sim", "-f", str(PIPELINE))
    try:
        wait_until("sim Ready", lambda: cluster.settled("sim"), seconds=READY_FOR)
        wait_until("pace served", lambda: asyncio.run(answers(COUNT_URL)), seconds=120)
        wait_until("order API served", lambda: asyncio.run(answers("http://sim.localhost:8080/ready")), seconds=120)
        wait_until("one consumer", lambda: consumers(cluster) == 1, seconds=240)
        replicas = Replicas(cluster)
        replicas.start()
        wait_until("a first look at the consumers", lambda: replicas.now == 1, seconds=30)
        try:
            sent, waiting, course = asyncio.run(drive(replicas, phases))
        finally:
            replicas.stop()
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "--wait=true", "-f", str(PIPELINE), timeout=300)
    spec = next(yaml.safe_load_all(PIPELINE.read_text()))["spec"]
    return Record(
        at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        partitions=spec["topic"]["partitions"],
        workers=spec["consumer"]["workers"],
        capacity=CAPACITY,
        autoscaling=spec["autoscaling"],
        start_up_s=round(median(replicas.start_ups.values()), 1),
        initial=course[0],
        sent=tuple(sent),
        waiting=tuple(waiting),
        consumers=tuple(course),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the simulator's trace on the local cluster that is up.")
    parser.add_argument("--record", type=Path, default=PATH)
    options = parser.parse_args()
    cluster = Cluster()
    if "ok" not in cluster.kubectl("get", "--raw", "/readyz", check=False):
        print("no local cluster is up: run make up first", file=sys.stderr)
        return 1
    record = measure(cluster)
    options.record.parent.mkdir(parents=True, exist_ok=True)
    options.record.write_text(json.dumps(asdict(record)) + "\n")
    print(json.dumps(compare(record)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
