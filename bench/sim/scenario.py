"""What is simulated: arrivals, consumers and their group protocol. Units: orders, seconds, orders per second."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Protocol:
    """How a rebalance pauses consumption: seconds per partition of the topic, and of all or only moved ones."""

    name: str
    pause: float
    stops_all: bool


# Ten consumers and 900 partitions took 103 s and 5 s (see docs/autoscaling/README.md); both grow with the partitions.
CLASSIC = Protocol("classic", 103 / 900, stops_all=True)
KIP848 = Protocol("consumer", 5 / 900, stops_all=False)


@dataclass(frozen=True)
class Scenario:
    """One trace. `rates` has a row per step of `dt` seconds and a column per partition.

    `capacity`: orders per second of one consumer. `start_up`: seconds from a pod's creation until it joins the group,
    varied by 25 %; `start_ups`: measured values for the first pods, in order. `away`: steps in which no broker answers.
    `autoscaling`: that part of our spec, where it differs from the defaults; `workers`: of one consumer. `initial`:
    consumers at the start, all in the group.
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
class Observation:
    """What a policy can observe at `now`: offsets per partition, the group, the requested replicas.

    `age`: seconds for which the oldest uncommitted order has waited. `reachable` is False while no broker answers; the
    offsets are then meaningless. `owners`: each partition's consumer, -1 if it has none.
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
class Action:
    """What a policy requests: a number of consumers with partitions spread evenly, or an owner for each partition.

    `leaving` are the pods to delete first, in order."""

    replicas: int
    owners: Ints | None = None
    leaving: tuple[int, ...] = ()
