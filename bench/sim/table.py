"""Means over the seeds with their confidence intervals, and whether the goals hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from bench.sim.run import Result

OURS, COMPARED = "ours", ("keda", "keda-floor", "keda-1s", "hpa-linear")
"""Whose consumer-minutes ours must not exceed; the other policies know the load beforehand or own the assignment."""
STUDENT = 2.045
"""Student's t for 95 % and 29 degrees of freedom: 30 seeds. With fewer the intervals are a little too narrow."""


@dataclass(frozen=True)
class Mean:
    """Mean over the seeds, half the width of its 95 % confidence interval, and the largest."""

    value: float
    half: float
    most: float


Row = Mapping[str, Mean]
"""Means by the names of `Result`'s fields."""
Table = Mapping[str, Mapping[str, Row]]
"""Rows by trace and policy."""


def summarize(results: Sequence[Result]) -> Row:
    """The row of one policy on one trace."""
    row = {}
    for field in fields(Result):
        values = np.array([getattr(result, field.name) for result in results], dtype=np.float64)
        half = STUDENT * values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else float("nan")
        row[field.name] = Mean(float(values.mean()), float(half), float(values.max()))
    return row


def missed(rows: Mapping[str, Row]) -> list[str]:
    """The goals that the table of one trace does not show, in words."""
    ours, out = rows[OURS], []
    for name, row in rows.items():
        mine, other = ours["over_sla_pct"], row["over_sla_pct"]
        if name != OURS and other.value + 0.005 < mine.value:
            out.append(f"{name} has fewer orders over SLA: {other.value:.2f} % against {mine.value:.2f} %")
    for name in COMPARED:
        mine, other = ours["consumer_minutes"], rows[name]["consumer_minutes"]
        if other.value < mine.value:
            worse = rows[name]["over_sla_pct"].value
            out.append(
                f"{name} takes {100 * (1 - other.value / mine.value):.0f} % fewer consumer-minutes,"
                f" with {worse:.2f} % over SLA against {ours['over_sla_pct'].value:.2f} %"
            )
    if ours["reversals_per_10min"].most > 1:
        out.append(f"a seed has {ours['reversals_per_10min'].most:.1f} reversals per 10 minutes")
    if ours["below_floor_min"].most > 0:
        out.append(f"a seed is below the ladder for {ours['below_floor_min'].most:.1f} min of sustained load")
    return out
