"""How much is measured, and how orders are sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MODES: Final = ("batch", "single")
CONNECTIONS: Final[Mapping[str, int]] = {"batch": 16, "single": 256}
BATCH: Final = 1000
LATENCY_CONNECTIONS: Final = 512
SHARE: Final = 0.7
"""Of the rate that a closed loop reached: at this share latencies are measured."""


@dataclass(frozen=True)
class Scale:
    """The size of a run. Times are in seconds; each cell is measured `rounds` times, in turns. `soak` is for how long
    memory is watched at full load; 0: not at all."""

    name: str
    rounds: int
    cell: float
    warm: float
    soak: float


FULL: Final = Scale("full", rounds=3, cell=8.0, warm=3.0, soak=600.0)
QUICK: Final = Scale("quick", rounds=1, cell=5.0, warm=2.0, soak=0.0)
SCALES: Final = {scale.name: scale for scale in (FULL, QUICK)}
