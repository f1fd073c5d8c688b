"""Small scenarios for the tests of the simulator."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.sim.scenario import Observation, Protocol, Scenario

NO_PAUSE = Protocol("none", 0.0, stops_all=False)


def scenario(rates: Sequence[Sequence[float]], **changes: Any) -> Scenario:
    """One step a second, one consumer of 10 orders a second, no pauses; `rates` by step and partition."""
    table = np.asarray(rates, dtype=np.float64)
    values: dict[str, Any] = {
        "name": "small", "dt": 1.0, "rates": table, "capacity": 10.0, "away": np.zeros(len(table), dtype=np.bool_),
        "initial": 1, "start_up": 0.0, "protocol": NO_PAUSE,
    }  # fmt: skip
    return Scenario(**(values | changes))


def observed(lags: Sequence[float], *, now: float = 0.0, replicas: int = 1, **changes: Any) -> Observation:
    """What a policy observes when `lags` wait in the partitions and nothing has been committed."""
    ends = np.asarray(lags, dtype=np.float64)
    values: dict[str, Any] = {
        "now": now, "ends": ends, "committed": np.zeros_like(ends), "age": 0.0, "members": replicas,
        "rebalancing": False, "replicas": replicas, "owners": np.zeros(ends.size, dtype=np.int64), "reachable": True,
    }  # fmt: skip
    return Observation(**(values | changes))
