"""Plays a trace on the local cluster with its real HPA, to validate the simulator.

`python -m bench.sim.cluster` needs a running cluster (`make up`), takes about 14 minutes, and writes the result to
docs/autoscaling/cluster.json. `make sim` plays that trace in the simulator and compares.
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
"""Orders per second of one consumer, limited by cluster.yaml's sink."""
PHASES = ((60.0, 60), (120.0, 270), (150.0, 60), (240.0, 200), (90.0, 60))
"""Seconds and orders per second. At 60 orders/s there are 8 consumers, which handle 160/s, so each peak causes a
backlog; the second peak lasts long enough for some of the added consumers to be removed during it."""
PARTITIONS = 24
SHARES = tuple((0.25 + 1.5 * n / (PARTITIONS - 1)) / PARTITIONS for n in range(PARTITIONS))
"""Each partition's share of the orders; the last has seven times that of the first."""
SECOND = 1.0
"""Between two batches, and between two attempts; shorter in tests."""
SECONDS_AFTER = 60.0
"""Seconds to observe after the last order, in which consumers fall to their minimum."""
HPA_SYNC = 5.0
"""Seconds between two syncs of the local cluster's HPA controller, as hack/native/up.py sets them."""
READY_FOR = 300.0
MAX_ATTEMPTS = 20
"""Consecutive attempts to send a batch or to read a count before the run is aborted."""
NOT_ACCEPTED = ("none of this was", "no healthy upstream")
"""How the order API and the proxy in front of it mark a batch that may be sent again."""
PODS_EVERY = 10
"""Readings of the Deployment per reading of the pods: each reading costs CPU on the measured machine."""
STALE = 10.0
"""Seconds after which a reading of the number of consumers is too old to use."""


class ReplicaWatch(threading.Thread):
    """Polls the Deployment's desired replicas, and how long each pod took to become ready.

    A failed reading is repeated; `now` raises RuntimeError if the last good one is too old.
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
        """Seconds from creation to readiness of the pods that became ready, in order of creation."""
        return tuple(took for _, took in sorted(self._start_ups.values()))

    def run(self) -> None:
        readings = 0
        while not self._over.wait(0.5):
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                self._seen = time.monotonic(), consumers(self._cluster)
                if readings % PODS_EVERY == 0:
                    self._pods()
                readings += 1

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
    """A batch with one order per customer."""
    lines = (
        {"customer_id": customer, "product_id": f"p-{i % 100}", "quantity": 1, "amount": 1.5}
        for i, customer in enumerate(customers)
    )
    return json.dumps(list(lines)).encode()


async def play_trace(
    replicas: ReplicaWatch, phases: Sequence[tuple[float, int]]
) -> tuple[list[int], list[int], list[int]]:
    """Send a batch per second and record (sent, waiting, consumers) for each, until SECONDS_AFTER all are sent.

    An order counts in the second in which the API accepted it. A batch that has to be repeated thus changes the trace,
    but the record stays correct, since the simulator plays the trace as it was.
    """
    accepted = AcceptedOrders()
    sent: list[int] = []
    waiting: list[int] = []
    course: list[int] = []
    timeout = aiohttp.ClientTimeout(total=30)
    async with (
        aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(resolver=Localhost())) as session,
        asyncio.TaskGroup() as tasks,
    ):
        done = before = await handled_orders(session, None)
        began = time.monotonic()
        sending = tasks.create_task(send_all(session, phases, began, accepted))
        end: float | None = None
        while end is None or time.monotonic() < end:
            await asyncio.sleep(max(began + (len(sent) + 1) * SECOND - time.monotonic(), 0))
            done = await handled_orders(session, done)
            sent.append(accepted.orders - sum(sent))
            waiting.append(max(accepted.orders - (done - before), 0))
            course.append(replicas.now)
            if end is None and sending.done():
                end = time.monotonic() + SECONDS_AFTER
    return sent, waiting, course


@dataclass
class AcceptedOrders:
    """How many orders the API has accepted."""

    orders: int = 0


async def send_all(
    session: aiohttp.ClientSession, phases: Sequence[tuple[float, int]], began: float, accepted: AcceptedOrders
) -> None:
    """Send a batch per second; after a batch that had to be repeated, the late ones follow at once."""
    plan = [rate for seconds, rate in phases for _ in range(int(seconds))]
    customers = Customers(SHARES)
    for second, rate in enumerate(plan):
        await asyncio.sleep(max(began + second * SECOND - time.monotonic(), 0))
        await send(session, orders(customers.next(rate)))
        accepted.orders += rate


async def send(session: aiohttp.ClientSession, body: bytes) -> None:
    """Send a batch; repeat it each second while none of it is accepted, as any client would."""
    said = ""
    for _ in range(MAX_ATTEMPTS):
        try:
            async with session.post(ORDERS_URL, data=body, headers={"Content-Type": "application/json"}) as reply:
                if reply.status == 202:
                    return
                said = f"the order API answered {reply.status}: {(await reply.text())[:300]}"
            if reply.status != 503 or not any(words in said for words in NOT_ACCEPTED):
                break
        except aiohttp.ClientConnectorError as error:
            said = f"no connection to the order API: {error}"
        await asyncio.sleep(SECOND)
    raise RuntimeError(said)


async def handled_orders(session: aiohttp.ClientSession, before: int | None) -> int:
    """Orders that have been handled. A failed reading is repeated, which delays that second's record."""
    said: Exception | None = None
    for _ in range(MAX_ATTEMPTS):
        try:
            async with session.get(COUNT_URL) as reply:
                reply.raise_for_status()
                done = int((await reply.json())["done"])
        except (aiohttp.ClientError, TimeoutError) as error:
            said = error
            await asyncio.sleep(SECOND)
            continue
        if before is not None and done < before:
            raise RuntimeError(f"sim-pace counts {done} orders after {before}: it was restarted, so the run is void")
        return done
    raise RuntimeError(f"the count of handled orders cannot be read from sim-pace: {said}")


async def is_served(url: str) -> bool:
    """Whether `url` answers 200; a new Ingress takes a moment."""
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Localhost())) as session,
            session.get(url, timeout=aiohttp.ClientTimeout(total=5)) as reply,
        ):
            return reply.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


def measure(cluster: Cluster, phases: Sequence[tuple[float, int]] = PHASES) -> Record:
    """Create the pipeline, play the trace, delete the pipeline. AssertionError if a step times out."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "--field-manager", "bench-sim", "-f", str(PIPELINE))
    try:
        wait_until("sim Ready", lambda: cluster.settled("sim"), seconds=READY_FOR)
        wait_until("pace served", lambda: asyncio.run(is_served(COUNT_URL)), seconds=120)
        wait_until("order API served", lambda: asyncio.run(is_served("http://sim.localhost:8080/ready")), seconds=120)
        wait_until("one consumer", lambda: consumers(cluster) == 1, seconds=240)
        replicas = ReplicaWatch(cluster)
        replicas.start()
        wait_until("the first reading of the consumers", lambda: replicas.known, seconds=30)
        try:
            sent, waiting, course = asyncio.run(play_trace(replicas, phases))
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
    parser = argparse.ArgumentParser(description="Measure the simulator's trace on the running local cluster.")
    parser.add_argument("--record", type=Path, default=PATH)
    options = parser.parse_args()
    cluster = Cluster()
    if "ok" not in cluster.kubectl("get", "--raw", "/readyz", check=False):
        print("the local cluster is not running; run `make up` first", file=sys.stderr)
        return 1
    record = measure(cluster)
    options.record.parent.mkdir(parents=True, exist_ok=True)
    options.record.write_text(json.dumps(asdict(record)) + "\n")
    print(json.dumps(compare(record)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
