"""The reasons of decisions: words for programs, in the status and in metrics."""

from typing import Literal

Reason = Literal[
    "Off", "Unknown", "ClockStep", "Rebalancing", "Bounds", "Idle", "Quiet", "Steady", "Pressure", "AtMaximum",
    "Ineffective", "Skewed", "Spare", "Forecast", "StabilizingUp", "StabilizingDown", "Demand",
]  # fmt: skip
