"""How much is measured, and on which cores."""

from dataclasses import dataclass
from typing import Final

SERVER_CORE: Final = 0
LOAD_CORE: Final = 1
"""Shared by the load, the broker and the bench itself; the server has the other core to itself."""
PARTITIONS: Final = 12
BATCH: Final = 1000
CONNECTIONS: Final = {"single": 256, "batch": 8, "ndjson": 8}
ORDER_BYTES: Final = 100


@dataclass(frozen=True)
class Scale:
    """The size of a run. Times are in seconds; each cell is measured `rounds` times, in turns. `consumed` and `stored`
    are the orders of a topic that is read, by a handler that does nothing and into PostgreSQL."""

    name: str
    rounds: int
    cell: float
    warm: float
    consumed: int
    stored: int
    end_to_end: float
    turn: float
    """Seconds of each end-to-end run that is made in turns with the peer's."""
    everyone: bool
    """Whether the Python peers are measured, too."""


FULL: Final = Scale(
    "full", rounds=3, cell=2.0, warm=0.7, consumed=3_000_000, stored=500_000, end_to_end=60.0, turn=20.0, everyone=True
)
QUICK: Final = Scale(
    "quick", rounds=1, cell=1.5, warm=0.7, consumed=1_000_000, stored=200_000, end_to_end=8.0, turn=5.0, everyone=False
)
TINY: Final = Scale(
    "tiny", rounds=1, cell=0.3, warm=0.2, consumed=100_000, stored=100_000, end_to_end=2.0, turn=1.0, everyone=False
)
"""Too short to measure anything; for testing the bench."""
SCALES: Final = {scale.name: scale for scale in (FULL, QUICK, TINY)}
