"""What was measured on a cluster, kept for the comparison with the simulator."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[2] / "docs" / "autoscaling" / "cluster.json"


@dataclass(frozen=True)
class Record:
    """What a run on the cluster showed, second by second from the first order: sent, waiting, consumers.

    `start_up_s` is the median from a pod's creation to its readiness, `hpa_sync_s` the time between two looks of the
    cluster's HPA controller. `autoscaling` is that of the pipeline's spec; `shares` are the partitions', of all orders.
    """

    at: str
    shares: tuple[float, ...]
    workers: int
    capacity: float
    autoscaling: dict[str, Any]
    start_up_s: float
    hpa_sync_s: float
    initial: int
    sent: tuple[int, ...]
    waiting: tuple[int, ...]
    consumers: tuple[int, ...]


def read(path: Path) -> Record:
    """The record in the file `path`."""
    value = json.loads(path.read_text())
    return Record(**{**value, **{name: tuple(value[name]) for name in ("shares", "sent", "waiting", "consumers")}})
