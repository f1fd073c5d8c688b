"""Means over the seeds with confidence intervals, and whether the goals are met."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from bench.sim.run import Result

OURS, RIVALS = "ours", ("keda", "hpa-linear")
"""Ours must not need more consumer-minutes than any rival, nor have more orders over SLA than a policy as cheap."""
ROUNDING_PCT = 0.005
"""Differences up to this many per cent of the orders are rounding."""
T_95 = 2.045
"""Student's t for 95 % and 29 degrees of freedom (30 seeds); with fewer seeds the intervals are slightly too narrow."""


@dataclass(frozen=True)
class Mean:
    """The mean over the seeds, half the width of its 95 % confidence interval, and the maximum."""

    value: float
    half: float
    most: float


Row = Mapping[str, Mean]
"""Means by field of `Result`."""
Table = Mapping[str, Mapping[str, Row]]
"""Rows by trace and policy."""


def summarize(results: Sequence[Result]) -> Row:
    """The row of one policy on one trace."""
    row = {}
    for field in fields(Result):
        values = np.array([getattr(result, field.name) for result in results], dtype=np.float64)
        half = T_95 * values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else float("nan")
        row[field.name] = Mean(float(values.mean()), float(half), float(values.max()))
    return row


def missed(rows: Mapping[str, Row]) -> list[str]:
    """The goals that are missed on one trace, in words."""
    ours = rows[OURS]
    minutes = {name: row["consumer_minutes"].value for name, row in rows.items()}
    limit = min(minutes[name] for name in RIVALS)
    out = [_cheaper(rows, name) for name in RIVALS if minutes[name] < minutes[OURS]]
    for name, row in rows.items():
        mine, other = ours["over_sla_pct"].value, row["over_sla_pct"].value
        if minutes[name] <= limit and other + ROUNDING_PCT < mine:
            out.append(f"{name} has fewer orders over SLA: {other:.2f} % against {mine:.2f} %")
    if ours["reversals_per_10min"].value > 1:
        out.append(f"{ours['reversals_per_10min'].value:.1f} reversals per 10 minutes")
    if ours["below_floor_min"].most > 0:
        out.append(f"one seed has too few consumers for {ours['below_floor_min'].most:.1f} min of sustained load")
    return out


def better(rows: Mapping[str, Row]) -> list[str]:
    """Where others are better than ours in one respect, at whatever cost in the other, in words."""
    ours, out = rows[OURS], []
    for name, row in rows.items():
        mine, other = ours["over_sla_pct"].value, row["over_sla_pct"].value
        more = row["consumer_minutes"].value / ours["consumer_minutes"].value - 1
        if more < 0 and name not in RIVALS:
            out.append(_cheaper(rows, name))
        if other + ROUNDING_PCT < mine:
            out.append(
                f"{name} has {other:.2f} % over SLA against {mine:.2f} %, with {100 * more:+.0f} % consumer-minutes"
            )
    if ours["reversals_per_10min"].most > 1:
        out.append(f"a single seed of ours has {ours['reversals_per_10min'].most:.1f} reversals per 10 minutes")
    return out


def _cheaper(rows: Mapping[str, Row], name: str) -> str:
    mine, other = rows[OURS], rows[name]
    share = 1 - other["consumer_minutes"].value / mine["consumer_minutes"].value
    late = f"{other['over_sla_pct'].value:.2f} % over SLA against {mine['over_sla_pct'].value:.2f} %"
    return f"{name} takes {100 * share:.0f} % fewer consumer-minutes, with {late}"
