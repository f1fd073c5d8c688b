"""What was measured on a cluster, kept for the comparison with the simulator."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[2] / "docs" / "autoscaling" / "cluster.json"


@dataclass(frozen=True)
class Record:
    """What a run on the cluster showed, second by second from the first order: sent, waiting, consumers.

    `start_ups` are the seconds from the creation of each pod that came to its readiness, in their order: where many
    come at once they take long. `hpa_sync_s` is the time between two looks of the cluster's HPA controller.
    `autoscaling` is that of the pipeline's spec; `shares` are the partitions', of all orders.
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
