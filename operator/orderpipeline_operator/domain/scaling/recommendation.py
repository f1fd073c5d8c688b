"""What one sample asks for, and the reasons that decisions have."""

from dataclasses import dataclass
from typing import Literal

Reason = Literal[
    "Off", "Unknown", "ClockStep", "Rebalancing", "Bounds", "Idle", "Quiet", "Steady", "Pressure", "AtMaximum",
    "Ineffective", "Skewed", "Spare", "Forecast", "StabilizingUp", "StabilizingDown", "Demand",
]  # fmt: skip
"""Words for programs, in the status and in metrics."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What one sample alone asks for; stabilization and holds come after it."""

    replicas: int
    reason: Reason
