"""The same trace through the real HPA on the local cluster, to see whether the simulator says what happens there.

`python -m bench.sim.cluster` needs a cluster that is up (`make up`), takes about 14 minutes, and writes what it found
to docs/autoscaling/cluster.json. `make sim` plays that trace in the simulator and compares.
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import yaml

from bench.sim.agreement import compare
from bench.sim.customers import Customers
from bench.sim.record import PATH, Record
from orderpipeline_embedded.demo.replay import Localhost
from tests.e2e.cluster import Cluster, wait_until

PIPELINE = Path(__file__).with_name("cluster.yaml")
ORDERS_URL, COUNT_URL = "http://sim.localhost:8080/orders/batch", "http://pace.localhost:8080/count"
CAPACITY = 20.0
"""Orders per second of one consumer: cluster.yaml's pace."""
PHASES = ((60.0, 60), (120.0, 270), (150.0, 60), (240.0, 200), (90.0, 60))
"""Seconds, orders per second. The 8 consumers that there are at 60 do 160, so that each crowd leaves a backlog behind;
the second one lasts for long enough that some of those who came for it are spared again."""
PARTITIONS = 24
SHARES = tuple((0.25 + 1.5 * n / (PARTITIONS - 1)) / PARTITIONS for n in range(PARTITIONS))
"""Of the orders, by partition: the last has seven times as many as the first."""
AFTER = 60.0
"""Seconds of watching when all is sent: consumers fall to their minimum meanwhile."""
HPA_SYNC = 5.0
"""Seconds between two looks of the local cluster's HPA controller: a flag that hack/native/up.py gives it."""
READY_FOR = 300.0
PATIENCE = 20
"""Times in a row that a batch is not taken, or that a look fails, before the run is given up."""
NOT_TAKEN = ("none of this was taken", "no healthy upstream")
"""What the order API and the proxy before it say of a batch that may be sent again."""
PODS_EVERY = 10
"""Looks at the Deployment to one at the pods: each takes some of the time of the machine that is measured."""
STALE = 10.0
"""Seconds after which a number of consumers that was read is no longer the present one."""


class Replicas(threading.Thread):
    """What the Deployment is to have, read again and again, and how long each pod took to come up.

    A look that fails is made again; `now` raises RuntimeError when the last good one is too long ago.
    """

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(daemon=True)
        self._cluster = cluster
        self._over = threading.Event()
        self._seen: tuple[float, int] | None = None
        self._start_ups: dict[str, tuple[float, float]] = {}

    @property
    def now(self) -> int:
        if self._seen is None or time.monotonic() - self._seen[0] > STALE:
            raise RuntimeError(f"the consumers' Deployment could not be read for {STALE:g} s")
        return self._seen[1]

    @property
    def known(self) -> bool:
        return self._seen is not None

    @property
    def start_ups(self) -> tuple[float, ...]:
        """Seconds from creation to readiness of the pods that were seen ready, in the order of their creation."""
        return tuple(took for _, took in sorted(self._start_ups.values()))

    def run(self) -> None:
        looks = 0
        while not self._over.wait(0.5):
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                self._seen = time.monotonic(), consumers(self._cluster)
                if looks % PODS_EVERY == 0:
                    self._pods()
                looks += 1

    def stop(self) -> None:
        self._over.set()
        self.join(timeout=60)

    def _pods(self) -> None:
        labels = "app.kubernetes.io/component=consumer,app.kubernetes.io/instance=sim"
        for pod in self._cluster.get("pods", "-l", labels).get("items", []):
            ready = [c for c in pod["status"].get("conditions", []) if c["type"] == "Ready" and c["status"] == "True"]
            if ready:
                created = _time(pod["metadata"]["creationTimestamp"])
                took = _time(ready[0]["lastTransitionTime"]) - created
                self._start_ups.setdefault(pod["metadata"]["name"], (created, took))


def _time(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def consumers(cluster: Cluster) -> int:
    return int(cluster.get("deployment", "sim-consumer").get("spec", {}).get("replicas", 0))


def orders(customers: Sequence[str]) -> bytes:
    """A batch of orders, one of each customer."""
    lines = (
        {"customer_id": customer, "product_id": f"p-{i % 100}", "quantity": 1, "amount": 1.5}
        for i, customer in enumerate(customers)
    )
    return json.dumps(list(lines)).encode()


async def drive(replicas: Replicas, phases: Sequence[tuple[float, int]]) -> tuple[list[int], list[int], list[int]]:
    """Sends a batch a second and looks at the end of each; (sent, waiting, consumers) until AFTER all is sent.

    An order counts in the second in which the API took it. So a batch that it could not take at first makes another
    trace of it, which the simulator then plays too, and no wrong one.
    """
    taken = Taken()
    sent: list[int] = []
    waiting: list[int] = []
    course: list[int] = []
    timeout = aiohttp.ClientTimeout(total=30)
    async with (
        aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(resolver=Localhost())) as session,
        asyncio.TaskGroup() as tasks,
    ):
        done = before = await counted(session, None)
        began = time.monotonic()
        sending = tasks.create_task(send_all(session, phases, began, taken))
        end: float | None = None
        while end is None or time.monotonic() < end:
            await asyncio.sleep(max(began + len(sent) + 1 - time.monotonic(), 0))
            done = await counted(session, done)
            sent.append(taken.orders - sum(sent))
            waiting.append(max(taken.orders - (done - before), 0))
            course.append(replicas.now)
            if end is None and sending.done():
                end = time.monotonic() + AFTER
    return sent, waiting, course


@dataclass
class Taken:
    """How many orders the API has taken."""

    orders: int = 0


async def send_all(
    session: aiohttp.ClientSession, phases: Sequence[tuple[float, int]], began: float, taken: Taken
) -> None:
    """A batch a second; those that are late for one that was sent again follow at once."""
    plan = [rate for seconds, rate in phases for _ in range(int(seconds))]
    customers = Customers(SHARES)
    for second, rate in enumerate(plan):
        await asyncio.sleep(max(began + second - time.monotonic(), 0))
        await send(session, orders(customers.take(rate)))
        taken.orders += rate


async def send(session: aiohttp.ClientSession, body: bytes) -> None:
    """Sends a batch; again each second while none of it is taken, as any client would."""
    said = ""
    for _ in range(PATIENCE):
        try:
            async with session.post(ORDERS_URL, data=body, headers={"Content-Type": "application/json"}) as reply:
                if reply.status == 202:
                    return
                said = f"the order API answered {reply.status}: {(await reply.text())[:300]}"
            if reply.status != 503 or not any(words in said for words in NOT_TAKEN):
                break
        except aiohttp.ClientConnectorError as error:
            said = f"no connection to the order API: {error}"
        await asyncio.sleep(1.0)
    raise RuntimeError(said)


async def counted(session: aiohttp.ClientSession, before: int | None) -> int:
    """Orders that are worked off. Where that cannot be read now, it is asked again, and costs the second its look."""
    said: Exception | None = None
    for _ in range(PATIENCE):
        try:
            async with session.get(COUNT_URL) as reply:
                reply.raise_for_status()
                done = int((await reply.json())["done"])
        except (aiohttp.ClientError, TimeoutError) as error:
            said = error
            await asyncio.sleep(1.0)
            continue
        if before is not None and done < before:
            raise RuntimeError(f"sim-pace counts {done} orders after {before}: it was restarted, and the run is void")
        return done
    raise RuntimeError(f"sim-pace does not say how many orders are done: {said}")


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
        wait_until("a first look at the consumers", lambda: replicas.known, seconds=30)
        try:
            sent, waiting, course = asyncio.run(drive(replicas, phases))
        finally:
            replicas.stop()
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "--wait=true", "-f", str(PIPELINE), timeout=300)
    spec = next(yaml.safe_load_all(PIPELINE.read_text()))["spec"]
    return Record(
        at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        shares=SHARES,
        workers=spec["consumer"]["workers"],
        capacity=CAPACITY,
        autoscaling=spec["autoscaling"],
        start_ups=replicas.start_ups[course[0] :],
        hpa_sync_s=HPA_SYNC,
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
