"""The report's figures."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from bench.ingest import CELLS
from bench.summary import Found, middle, spread
from bench.tables import TITLES

COLOURS: Final = {
    "ours": "#0b6e4f", "ours-python": "#6bbf95", "gin": "#c8553d", "fasthttp": "#e0a458", "aiohttp": "#5b7db1",
    "fastapi": "#8e6c8a",
}  # fmt: skip
PARTS: Final = ("#5b7db1", "#0b6e4f", "#c8553d", "#e0a458", "#9a9a9a", "#d0d0d0")
DPI: Final = 110
SMALLEST: Final = 0.01
"""The lowest value on a logarithmic axis, in µs."""
LABELLED: Final = 0.05
"""The share of a bar from which a part has room for its number."""


def draw(result: Found, folder: Path) -> list[Path]:
    """All plots that the results have data for, as PNG files in `folder`."""
    mpl.use("agg")
    made: list[Path] = []
    pictures: Mapping[str, Callable[[Found], Figure]] = {
        "ingest": ingest, "latency": latency, "growth": growth, "end_to_end": end_to_end
    }  # fmt: skip
    for name, make in pictures.items():
        if any(key.startswith(name) for key in result):
            figure = make(result)
            figure.savefig(folder / f"{name}.png", dpi=DPI, metadata={"Software": None})
            made.append(folder / f"{name}.png")
    return made


def ingest(result: Found) -> Figure:
    """CPU per order: a panel per cell, a bar per server, with the minimum and maximum of the rounds."""
    runs = result["ingest"]
    figure = Figure((11, 6), layout="constrained")
    for axes, cell in zip(figure.subplots(2, 2).flat, CELLS, strict=True):
        names = [name for name in runs if runs[name].get(cell)]
        middles = [middle(runs[name][cell], "us") or 0.0 for name in names]
        ends = [spread(runs[name][cell], "us") or (0.0, 0.0) for name in names]
        errors = [[m - low for m, (low, _) in zip(middles, ends, strict=True)],
                  [high - m for m, (_, high) in zip(middles, ends, strict=True)]]  # fmt: skip
        axes.barh(names, middles, xerr=errors, color=[COLOURS[name] for name in names], error_kw={"elinewidth": 1})
        for at, value in enumerate(middles):
            axes.text(value, at, f" {value:.2f} ", va="bottom", fontsize=8)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        _style(axes, TITLES[cell], "µs of CPU per order")
    return figure


def latency(result: Found) -> Figure:
    """Quantiles by share of each server's own maximum."""
    runs = result["latency"]
    figure = Figure((11, 3.6), layout="constrained")
    for axes, quantile in zip(figure.subplots(1, 3, sharey=True), ("p50", "p99", "p99.9"), strict=True):
        for name in runs:
            values = [runs[name][share]["latency_ms"][quantile] for share in ("50", "70", "90")]
            axes.plot([50, 70, 90], values, marker="o", color=COLOURS[name], label=name)
        axes.set_yscale("log")
        axes.set_xticks([50, 70, 90])
        _style(
            axes,
            f"{quantile} of a single acked order",
            "% of the server's own maximum",
            "ms" if quantile == "p50" else "",
        )
    axes.legend(fontsize=8, frameon=False)
    return figure


def growth(result: Found) -> Figure:
    """Cost along each axis."""
    curves = result["growth"]
    figure = Figure((11, 6), layout="constrained")
    for axes, (axis, servers) in zip(figure.subplots(2, 2).flat, curves.items(), strict=True):
        for name, found in servers.items():
            points = {int(value): max(run["us"], SMALLEST) for value, run in found.items()}
            axes.plot(list(points), list(points.values()), marker="o", color=COLOURS[name], label=name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(list(points), [f"{value:,}" for value in points])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:g}")
        axes.legend(fontsize=8, frameon=False)
        _style(axes, f"by {axis}", "", "µs of CPU per order")
    return figure


def end_to_end(result: Found) -> Figure:
    """Where each order's CPU goes, and the rates in and out."""
    runs = {name.removeprefix("end_to_end_"): run for name, run in result.items() if name.startswith("end_to_end_")}
    figure = Figure((11, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    parts = list(dict.fromkeys(part for run in runs.values() for part in run["us"]))
    for at, run in enumerate(runs.values()):
        begin = 0.0
        for part, colour in zip(parts, PARTS, strict=False):
            us = run["us"].get(part, 0.0)
            left.barh(at, us, left=begin, color=colour, label=part if at == 0 else None)
            if us > LABELLED * sum(run["us"].values()):
                left.text(begin + us / 2, at, f"{us:.2f}", ha="center", va="center", fontsize=8)
            begin += us
    left.set_yticks(range(len(runs)), list(runs))
    left.legend(fontsize=8, frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.18))
    _style(left, "where an order's CPU goes", "µs of CPU per order")
    seconds = next(iter(runs.values()))["per_second"]
    for key, colour in (("in", "#0b6e4f"), ("out", "#c8553d")):
        right.plot([each["at"] for each in seconds], [each[key] / 1e3 for each in seconds], color=colour, label=key)
    right.set_ylim(bottom=0)
    right.legend(fontsize=8, frameon=False)
    _style(right, f"orders into the log and committed, {next(iter(runs))}", "seconds", "thousands per second")
    return figure


def _style(axes: Axes, title: str, below: str, beside: str = "") -> None:
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(below, fontsize=9)
    axes.set_ylabel(beside, fontsize=9)
    axes.tick_params(labelsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
