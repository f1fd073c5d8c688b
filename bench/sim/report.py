"""The tables as Markdown, and the pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.sim.run import Series
from bench.sim.table import Mean, Row, Table, better, missed

COLUMNS = (
    ("over_sla_pct", "orders over SLA, %", 2),
    ("p99_age_s", "p99 age, s", 1),
    ("drain_s", "time to drain, s", 0),
    ("consumer_minutes", "consumer-minutes", 0),
    ("rebalances", "rebalances", 1),
    ("reversals_per_10min", "reversals per 10 min", 2),
    ("r_score", "R-score", 1),
    ("below_floor_min", "min below floor", 1),
)
DRAWN = ("ours", "keda", "hpa-linear", "binscale")


def markdown(table: Table, seeds: int, cluster: Mapping[str, float | None], source: str) -> str:
    """The page of results; `cluster` and `source`: how far the simulator is from a cluster, and from which run."""
    parts = [
        "# Results\n",
        f"Written by `make sim`: means over {seeds} seeds, ± half the 95 % confidence interval. What the traces,"
        " policies and columns are is in the [README](README.md).\n",
    ]
    for trace, rows in table.items():
        parts += [f"## {trace}\n", _rows(rows), f"![{trace}]({trace}.png)\n", _verdict(rows)]
    drift, drain = cluster["consumer_minutes_diff_pct"], cluster["drain_diff_pct"]
    parts.append("## Against a cluster\n")
    if drift is None or drain is None:
        parts.append("Not measured yet: `python -m bench.sim.cluster` on a cluster that is up does.\n")
    else:
        parts.append(
            f"The trace of {source}, simulated: consumer-minutes {drift:+.1f} %, time to drain {drain:+.1f} %.\n"
        )
    return "\n".join(parts)


def _rows(rows: Mapping[str, Row]) -> str:
    lines = [
        "| policy | " + " | ".join(title for _, title, _ in COLUMNS) + " |",
        "|---|" + "---:|" * len(COLUMNS),
    ]
    for policy, row in rows.items():
        lines.append(f"| {policy} | " + " | ".join(_cell(row[key], digits) for key, _, digits in COLUMNS) + " |")
    return "\n".join(lines) + "\n"


def _cell(mean: Mean, digits: int) -> str:
    return f"{mean.value:,.{digits}f} ± {mean.half:,.{digits}f}"


def _verdict(rows: Mapping[str, Row]) -> str:
    out, beside = missed(rows), better(rows)
    text = _listed("Goals not met:", out) if out else "All goals hold.\n"
    return text + ("\n" + _listed("What others do better, or single seeds worse:", beside) if beside else "")


def _listed(title: str, entries: Sequence[str]) -> str:
    return f"{title}\n\n" + "\n".join(f"- {each}" for each in entries) + "\n"


def draw(trace: str, series_by_policy: Mapping[str, Series], folder: Path) -> None:
    """One picture: arrivals, and of some policies the consumers and the orders that wait."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(3, 1, figsize=(9, 7), sharex=True, constrained_layout=True)
    first = next(iter(series_by_policy.values()))
    axes[0].plot(first.at / 60, first.arrival, color="black", linewidth=0.8)
    axes[0].set_ylabel("orders/s arriving")
    for name in DRAWN:
        course = series_by_policy[name]
        axes[1].step(course.at / 60, course.consumers, where="post", linewidth=1.2, label=name)
        axes[2].plot(course.at / 60, course.lag, linewidth=1.0, label=name)
    axes[1].set_ylabel("consumers")
    axes[1].legend(loc="upper left", fontsize="small", ncols=len(DRAWN))
    axes[2].set_ylabel("orders waiting")
    axes[2].set_xlabel("minutes")
    axes[0].set_title(f"{trace}: the first seed")
    figure.savefig(folder / f"{trace}.png", dpi=80, metadata={"Software": None})
    plt.close(figure)
