"""What is simulated: arrivals, consumers and the rules of their group. Orders, seconds, orders per second."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Protocol:
    """How a rebalance stops consumption: seconds per partition of the topic, and whether of all or of the moved."""

    name: str
    pause: float
    stops_all: bool


# Ten consumers and 900 partitions took 103 s and 5 s (see docs/autoscaling/README.md); both grow with the partitions.
CLASSIC = Protocol("classic", 103 / 900, stops_all=True)
KIP848 = Protocol("consumer", 5 / 900, stops_all=False)


@dataclass(frozen=True)
class Scenario:
    """One trace. `rates` has a row per step of `dt` seconds and a column per partition.

    `capacity`: orders per second of one consumer. `start_up`: from the order for a pod to its joining the group, each
    pod's own within 25 %; `start_ups`: those of the first pods, one after the other, where they were measured. `away`:
    steps in which no broker answers. `autoscaling`: what our spec says there beside the defaults, `workers` those of
    one consumer. `initial`: consumers at the start, all in the group.
    """

    name: str
    dt: float
    rates: Floats
    capacity: float
    away: NDArray[np.bool_]
    initial: int
    sla: float = 60.0
    start_up: float = 20.0
    start_ups: tuple[float, ...] = ()
    protocol: Protocol = KIP848
    autoscaling: Mapping[str, Any] = field(default_factory=dict)
    workers: int = 10

    @property
    def partitions(self) -> int:
        return int(self.rates.shape[1])

    @property
    def seconds(self) -> float:
        return float(self.rates.shape[0]) * self.dt


@dataclass(frozen=True)
class Seen:
    """What a policy may know at `now`: offsets per partition, the group, the replicas asked for; all as of now.

    `age`: seconds for which the oldest uncommitted order waits. `reachable` is False while no broker answers; the
    offsets are then meaningless. `owners` names each partition's consumer, -1 where it has none.
    """

    now: float
    ends: Floats
    committed: Floats
    age: float
    members: int
    rebalancing: bool
    replicas: int
    owners: Ints
    reachable: bool


@dataclass(frozen=True)
class Move:
    """What a policy asks for: a number of consumers, with partitions spread evenly, or an owner for each partition.

    `leaving` are the pods that go first, the first first."""

    replicas: int
    owners: Ints | None = None
    leaving: tuple[int, ...] = ()
