"""Small worlds for the tests of the simulator."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.sim.scenario import Protocol, Scenario, Seen

NO_PAUSE = Protocol("none", 0.0, stops_all=False)


def scenario(rates: Sequence[Sequence[float]], **changes: Any) -> Scenario:
    """One step a second, one consumer of 10 orders a second, no pauses; `rates` by step and partition."""
    table = np.asarray(rates, dtype=np.float64)
    values: dict[str, Any] = {
        "name": "small", "dt": 1.0, "rates": table, "capacity": 10.0, "away": np.zeros(len(table), dtype=np.bool_),
        "initial": 1, "start_up": 0.0, "protocol": NO_PAUSE,
    }  # fmt: skip
    return Scenario(**(values | changes))


def seen(lags: Sequence[float], *, now: float = 0.0, replicas: int = 1, **changes: Any) -> Seen:
    """What a policy sees when `lags` wait in the partitions and nothing was committed."""
    ends = np.asarray(lags, dtype=np.float64)
    values: dict[str, Any] = {
        "now": now, "ends": ends, "committed": np.zeros_like(ends), "age": 0.0, "members": replicas,
        "rebalancing": False, "replicas": replicas, "owners": np.zeros(ends.size, dtype=np.int64), "reachable": True,
    }  # fmt: skip
    return Seen(**(values | changes))
