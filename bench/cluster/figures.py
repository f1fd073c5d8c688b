"""From the measurements in the cluster to the headline figures. Pure."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Final

from bench.cluster.settings import MODES
from bench.cluster.targets import DOORS, GO, INGRESS, OURS, SERVICE
from bench.summary import Found, middle, ratio, rounded

PARTS: Final = ("envoy", "producer", "kafka", "consumer", "sink")
"""The parts whose CPU is in the last line. A sink is there only if it has a pod of its own."""
QUARTERS: Final = 4


def headline(result: Found) -> dict[str, Any]:
    """The line of JSON. What was not measured is null."""
    engines = result.get("engines", [])
    return {
        **{door: _door(result, door) for door in (INGRESS, SERVICE)},
        "rss_mib": rss(result),
        "engine": engines[0] if len(engines) == 1 else None,
    }


def _door(result: Found, door: str) -> dict[str, Any]:
    batch, single = (_mode(runs_of(result, door), mode) for mode in MODES)
    latency = result.get("latency", {}).get(door, {})
    ours, go = (latency.get(name, {}).get("latency_ms", {}).get("p99") for name in (OURS, GO))
    return {**batch, "single": {**single, "p99_ms_at_70": ours, "go_p99_ms_at_70": go}}


def runs_of(result: Found, door: str) -> Mapping[str, Mapping[str, Sequence[Found]]]:
    """By target and mode: an entry per round."""
    found: Mapping[str, Mapping[str, Sequence[Found]]] = result.get("cells", {}).get(door, {})
    return found


def _mode(runs: Mapping[str, Mapping[str, Sequence[Found]]], mode: str) -> dict[str, Any]:
    ours, go = (runs.get(name, {}).get(mode, ()) for name in (OURS, GO))
    mine, other = middle(ours, "orders_per_s"), middle(go, "orders_per_s")
    return {
        "orders_per_s": rounded(mine, 0), "go_orders_per_s": rounded(other, 0), "ratio": ratio(mine, other),
        "us": costs(ours), "go_us": costs(go),
    }  # fmt: skip


def costs(runs: Sequence[Found]) -> dict[str, float | None]:
    """The median µs of CPU per order of each part, by name; a sink only if it was measured."""
    found = {part: middle([run["us"] for run in runs], part) for part in PARTS}
    return {part: rounded(us) for part, us in found.items() if us is not None or part != "sink"}


def rss(result: Found) -> dict[str, float]:
    """Of each part of ours: the most MiB that any of its processes had in any run."""
    runs = [run for door in DOORS for each in runs_of(result, door).get(OURS, {}).values() for run in each]
    runs += [result["soak"]] if "soak" in result else []
    found: dict[str, float] = {}
    for run in runs:
        for part, values in run["rss_mib"].items():
            found[part] = round(max(found.get(part, 0.0), *values), 1)
    return found


def flatness(series: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, float]]:
    """Of each part: the median MiB of the first and of the last quarter of its readings."""
    found = {}
    for part, values in series.items():
        quarter = max(len(values) // QUARTERS, 1)
        found[part] = median(values[:quarter]), median(values[-quarter:])
    return found
