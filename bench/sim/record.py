"""What was measured on a cluster, recorded for comparison with the simulator."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[2] / "docs" / "autoscaling" / "cluster.json"


@dataclass(frozen=True)
class Record:
    """A run on the cluster: orders sent, orders waiting and consumers for each second from the first order on.

    `start_ups` are the seconds from creation to readiness of each added pod, in order; many at once take long.
    `hpa_sync_s` is the time between two syncs of the cluster's HPA controller, `autoscaling` that part of the
    pipeline's spec, `shares` each partition's share of all orders.
    """

    at: str
    shares: tuple[float, ...]
    workers: int
    capacity: float
    autoscaling: dict[str, Any]
    start_ups: tuple[float, ...]
    hpa_sync_s: float
    initial: int
    sent: tuple[int, ...]
    waiting: tuple[int, ...]
    consumers: tuple[int, ...]


def read(path: Path) -> Record:
    """The record in the file `path`."""
    value = json.loads(path.read_text())
    columns = ("shares", "start_ups", "sent", "waiting", "consumers")
    return Record(**{**value, **{name: tuple(value[name]) for name in columns}})
