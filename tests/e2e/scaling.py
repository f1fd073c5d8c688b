"""Steady load on the trial pipeline, and every number of consumers that it brings about."""

import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from typing import Any, Self

from orderpipeline_operator.reconcile.deletion_cost import COST
from tests.e2e.cluster import ROOT, Cluster, wait_until

CONSUMER = "shop-consumer"
BATCH = 50


class Load:
    """While entered, 200 orders a second of 200 customers go to shop, from a thread."""

    def __enter__(self) -> "Load":
        self._stop = threading.Event()
        self.taken = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=60)

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(BATCH / 200):
            ids = range(number, number + BATCH)
            orders = [
                {
                    "customer_id": f"c{n % 200}",
                    "product_id": "p1",
                    "quantity": 1,
                    "amount": 1.5,
                    "order_id": f"load-{n}",
                }
                for n in ids
            ]
            body, headers = json.dumps(orders).encode(), {"Host": "shop.localhost", "Content-Type": "application/json"}
            request = urllib.request.Request("http://127.0.0.1:8080/orders/batch", body, headers)
            try:
                with urllib.request.urlopen(request, timeout=30) as reply:
                    self.taken += BATCH if reply.status == 202 else 0
                number += BATCH
            except (urllib.error.URLError, OSError):
                continue  # sent again


class Watch:
    """Lines of `kubectl get --watch` while entered, each given to `_take` in a thread; waits for the first."""

    def __init__(self, *command: str) -> None:
        self._command = ["hack/cluster", "kubectl", "get", *command, "--watch", "-o"]

    def __enter__(self) -> Self:
        self._heard = threading.Event()
        self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._heard.wait(180), f"nothing was told by {self._command}"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join(timeout=10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _run(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._take(line)
            self._heard.set()

    def _take(self, line: str) -> None:
        raise NotImplementedError


class Costs(Watch):
    """The deletion cost that each of the consumers' pods had last; 0 where it has none."""

    def __init__(self) -> None:
        super().__init__("pods", "-l", "app.kubernetes.io/instance=shop,app.kubernetes.io/component=consumer")
        cost = COST.replace(".", "\\.")
        self._command += [f"jsonpath={{.metadata.name}} {{.metadata.annotations.{cost}}}{{'\\n'}}"]
        self.told: dict[str, int] = {}

    def _take(self, line: str) -> None:
        name, *cost = line.split()
        self.told[name] = int(cost[0]) if cost else 0


class Consumers(Watch):
    """Every value of the consumers' spec.replicas while entered, with its time, as a watch tells it."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__("deployment", CONSUMER)
        self._command += ["jsonpath={.spec.replicas}{'\\n'}"]
        self._cluster = cluster
        self.told: list[tuple[float, int]] = []

    def _take(self, line: str) -> None:
        self.told.append((time.monotonic(), int(line)))

    @property
    def now(self) -> int:
        return self.told[-1][1]

    def since(self, moment: float) -> set[int]:
        """The numbers from `moment` (monotonic seconds) on, the one that held then included."""
        before = [value for at, value in self.told if at <= moment]
        return {*before[-1:], *(value for at, value in self.told if at > moment)}

    def wait(self, what: str, wanted: Any, *, seconds: float) -> None:
        """Until `wanted(number)`. Says what was seen when that does not come."""
        try:
            wait_until(what, lambda: wanted(self.now), seconds=seconds, every=0.2)
        except AssertionError as error:
            why = self._cluster.get("orderpipeline", "shop").get("status", {}).get("consumers", {})
            raise AssertionError(f"{error}; numbers: {[value for _, value in self.told]}; {why}") from error


def autoscaling(cluster: Cluster, **fields: Any) -> None:
    """Change fields of shop's spec.autoscaling; None removes one."""
    body = json.dumps({"spec": {"autoscaling": fields}})
    cluster.kubectl("patch", "opl", "shop", "--type=merge", "-p", body)


def active(cluster: Cluster) -> dict[str, Any]:
    """The condition AutoscalingActive, of the newest generation; empty while there is none."""
    found = cluster.get("orderpipeline", "shop")
    generation = found["metadata"]["generation"]
    entries = found.get("status", {}).get("conditions", [])
    return next(
        (e for e in entries if e["type"] == "AutoscalingActive" and e.get("observedGeneration") == generation), {}
    )


def wait_active(cluster: Cluster, status: str, *reasons: str, seconds: float = 300) -> dict[str, Any]:
    """Until AutoscalingActive has this status and one of these reasons (any, when none is given)."""

    def there() -> dict[str, Any]:
        entry = active(cluster)
        fits = entry.get("status") == status and (not reasons or entry["reason"] in reasons)
        return entry if fits else {}

    try:
        found: dict[str, Any] = wait_until(f"AutoscalingActive={status} {reasons}", there, seconds=seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}: {active(cluster)}") from error
    return found
