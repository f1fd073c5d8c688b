"""A pipeline to look at: a real run without a cluster, and load on it."""

import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.integration.embedded.embedded_run import EmbeddedRun, running
from tests.support.helm import ROOT
from tests.support.threads import BackgroundThread

PARTITIONS: Final = 60
STUCK_CUSTOMER: Final = "c-stuck"
PIPELINE: Final = f"""
apiVersion: orderpipeline.dev/v1alpha1
kind: OrderPipeline
metadata: {{name: shop}}
spec:
  topic: {{name: orders-placed, partitions: {PARTITIONS}}}
  producer: {{replicas: 1}}
  consumer: {{handler: "tests.support.consumer_handlers:record", image: none, workers: 8, batchSize: 20}}
  autoscaling: {{partitionsPerConsumer: {{min: 12, max: 20}}, targetCatchUp: 10s, idleAfter: 60s, pollInterval: 1s}}
"""
PAGE: Final = "#/default/shop"
PAGES: Final = {
    "now": PAGE,
    "partitions": f"{PAGE}/partitions",
    "messages": f"{PAGE}/messages",
    "dead-letters": f"{PAGE}/dead-letters",
    "kafka": f"{PAGE}/kafka",
    "pipelines": "#/",
}


@contextmanager
def shop(folder: Path) -> Iterator[EmbeddedRun]:
    """The run, with its console."""
    subprocess.run([ROOT / "hack/console-assets"], check=True)
    with running(folder, pipeline=PIPELINE) as run:
        run.wait_text("console: http")
        yield run


def orders(count: int, product: str = "slow:0.02", customer: str = "") -> list[dict[str, Any]]:
    """Orders of many customers, or of one."""
    return [
        {"customer_id": customer or f"c-{random.randrange(5000)}", "product_id": product, "quantity": 1, "amount": 9.5}
        for _ in range(count)
    ]


class Load(BackgroundThread):
    """So many orders a second meanwhile."""

    def __init__(self, run: EmbeddedRun, per_second: int = 200) -> None:
        super().__init__()
        self._run, self._batch = run, per_second // 4

    def run(self) -> None:
        """Until stopped."""
        while not self.stop.wait(0.25):
            assert self._run.post(orders(self._batch)) == 202
