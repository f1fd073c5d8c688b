"""The main scenario: CDNOW's purchases through the Ingress into PostgreSQL, while consumers scale and one is killed.

`python -m tests.e2e.orders` runs it and ends with one line of JSON, also written to bench/results/e2e.json.
"""

import asyncio
import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal

from orderpipeline_embedded.demo.cdnow import Purchase, cache_folder, purchases
from orderpipeline_embedded.demo.replay import Replay, replay
from tests.e2e.cluster import ROOT, Cluster, wait_until

WATCHED = (("hpa", "shop-consumer"), ("deployment", "shop-consumer"), ("orderpipeline", "shop"))
RATE = 500.0  # orders/s: long enough that scaling, a kill and the rebalances after it happen under load


@dataclass(frozen=True)
class Result:
    """What the run showed; the first eight fields are the contract of `make e2e`."""

    orders_sent: int
    orders_committed: int
    duplicates: int
    lost: int
    out_of_order: int
    consumers_min: int
    consumers_max: int
    partitions: int
    customers_with_wrong_sum: int
    killed_pod: str
    scaling: tuple[str, ...] = field(default=())


@dataclass
class Watch:
    """Samples of the consumers, one a second, from a thread: (seconds, HPA current, HPA desired, ready, lag, why)."""

    cluster: Cluster
    samples: list[tuple[float, int, int, int, int | None, str]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Watch":
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=300)

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            try:
                hpa, deployment, pipeline = (self.cluster.get(kind, name) for kind, name in WATCHED)
            except AssertionError:  # a busy API server refuses some; the next sample comes in a second
                continue
            status, state = hpa.get("status", {}), pipeline.get("status", {})
            self.samples.append(
                (
                    round(time.monotonic() - self._started, 1),
                    deployment.get("spec", {}).get("replicas", 0),
                    status.get("desiredReplicas", 0),
                    deployment.get("status", {}).get("readyReplicas", 0),
                    state.get("lag", {}).get("orders"),
                    state.get("consumers", {}).get("why", ""),
                )
            )

    def consumers(self) -> list[int]:
        return [sample[1] for sample in self.samples]

    def moves(self) -> tuple[str, ...]:
        """One line for each change of the number of consumers."""
        lines, last = [], None
        for at, replicas, desired, ready, lag, why in self.samples:
            if replicas != last:
                lines.append(
                    f"{at:6.1f} s  replicas {replicas}  hpa desired {desired}  ready {ready}  lag {lag}  {why}"
                )
                last = replicas
        return tuple(lines)


def prepare(cluster: Cluster) -> None:
    """A fresh database and the pipeline with the postgres sink, Ready and idle at its minimum."""
    cluster.apply("examples/shop.yaml")
    wait_until("shop Ready", cluster.settled, seconds=600)
    cluster.kubectl("delete", "-f", "examples/postgres.yaml", "--ignore-not-found", "--wait=true")
    cluster.apply("examples/postgres.yaml")
    cluster.kubectl("rollout", "status", "deploy/shop-postgres", "--timeout=280s")
    cluster.apply("examples/shop-postgres.yaml")
    wait_until("shop Ready with the postgres sink", cluster.settled, seconds=600)
    wait_until("consumers at their minimum", lambda: consumers_now(cluster) == 1, seconds=600)


def consumers_now(cluster: Cluster) -> int:
    return int(cluster.get("deployment", "shop-consumer")["spec"]["replicas"])


def kill_one_consumer(cluster: Cluster) -> str:
    """Kills a ready consumer pod without grace and says which."""
    pods = cluster.get("pods", "-l", "app.kubernetes.io/component=consumer,app.kubernetes.io/instance=shop")["items"]
    name = str(next(p for p in pods if p["status"]["phase"] == "Running")["metadata"]["name"])
    cluster.kubectl("delete", "pod", name, "--grace-period=0", "--force")
    return name


def compare(cluster: Cluster, orders: Sequence[Purchase]) -> tuple[int, int, int, int]:
    """(lost, duplicates, out of order, customers whose count or sum differs), table against file."""
    rows = cluster.sql("SELECT customer_id, order_id, amount FROM orders ORDER BY seq")
    ids = [row[1] for row in rows]
    lost = len({o.order_id for o in orders} - set(ids))
    duplicates = len(ids) - len(set(ids))
    expected: dict[str, list[str]] = defaultdict(list)
    expected_sum: dict[str, Decimal] = defaultdict(Decimal)
    for order in orders:
        expected[order.customer_id].append(order.order_id)
        expected_sum[order.customer_id] += order.amount
    got: dict[str, list[str]] = defaultdict(list)
    got_sum: dict[str, Decimal] = defaultdict(Decimal)
    for customer, order_id, amount in rows:
        got[customer].append(order_id)
        got_sum[customer] += Decimal(amount)
    out_of_order = sum(1 for customer, sequence in got.items() if sequence != sorted(sequence))
    wrong = sum(
        1 for c in expected.keys() | got.keys() if len(expected[c]) != len(got[c]) or expected_sum[c] != got_sum[c]
    )
    return lost, duplicates, out_of_order, wrong


def committed(cluster: Cluster) -> int:
    return int(cluster.sql("SELECT count(*) FROM orders")[0][0])


def run(cluster: Cluster, *, rate: float = RATE, limit: int | None = None) -> Result:
    """Plays the scenario. Raises AssertionError where a step does not come about in time."""
    orders = purchases(cache_folder())[:limit]
    prepare(cluster)
    url = "http://shop.localhost:8080"
    with Watch(cluster) as watch:
        killed: list[str] = []
        killer = threading.Timer(len(orders) / rate / 2, lambda: killed.append(kill_one_consumer(cluster)))
        killer.start()
        try:
            tally = asyncio.run(replay(orders, url, Replay(rate=rate)))
        finally:
            killer.join()
        assert not tally.refused, f"the API refused orders: {tally.refused[:3]}"
        wait_until("all orders at the sink", lambda: committed(cluster) >= len(orders), seconds=600)
        wait_until("consumers back at their minimum", lambda: consumers_now(cluster) == 1, seconds=600)
    lost, duplicates, out_of_order, wrong = compare(cluster, orders)
    return Result(
        orders_sent=tally.sent,
        orders_committed=committed(cluster),
        duplicates=duplicates,
        lost=lost,
        out_of_order=out_of_order,
        consumers_min=min(watch.consumers()),
        consumers_max=max(watch.consumers()),
        partitions=int(cluster.get("orderpipeline", "shop")["status"]["partitions"]),
        customers_with_wrong_sum=wrong,
        killed_pod=killed[0] if killed else "",
        scaling=watch.moves(),
    )


def main() -> int:
    cluster = Cluster()
    result = run(cluster)
    cluster.apply("examples/shop.yaml")
    folder = ROOT / "bench" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "e2e.json").write_text(json.dumps(asdict(result), indent=2) + "\n")
    print("\n".join(result.scaling))
    line = asdict(result)
    for name in ("scaling", "killed_pod", "customers_with_wrong_sum"):
        line.pop(name)
    print(json.dumps(line))
    return 1 if result.lost or result.duplicates or result.out_of_order or result.customers_with_wrong_sum else 0


if __name__ == "__main__":
    sys.exit(main())
