"""The page docs/benchmarks/cluster.md, from the results. Pure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.cluster.figures import flatness, runs_of
from bench.cluster.settings import CONNECTIONS, LATENCY_CONNECTIONS, MODES, SHARE
from bench.cluster.targets import DOORS, GO, INGRESS, OURS, SERVICE
from bench.summary import Found, middle, spread
from bench.tables import UNKNOWN, filled, number, table

TITLES: Final = {OURS: "OrderPipeline", GO: "Gin + franz-go"}
DOOR_TITLES: Final = {SERVICE: "straight to the Service", INGRESS: "through the Ingress"}
MODE_TITLES: Final = {"batch": "batches of 1000", "single": "single orders"}
MOST_TO_TLS: Final = 1.5
MOST_P99_MS: Final = 20.0
MOST_MIB: Final = 150.0
TEMPLATE: Final = Path(__file__).with_name("report.md")


def page(result: Found, tls: Found | None) -> str:
    """The page. `tls` is the part `tls` of the last line of `make bench`; None if that is not known."""
    pieces = {
        **result["size"],
        "engine": result["headline"]["engine"] or "is not known",
        "cores": result["machine"]["cores"],
        "rounds": result["rounds"],
        "goals": goals(result, tls),
        "machine": table(["part", "which"], [[name, value] for name, value in result["machine"].items()]),
        "batch_connections": CONNECTIONS["batch"],
        "single_connections": CONNECTIONS["single"],
        "rates": _rates(result),
        "costs": _costs(result),
        "latency_connections": LATENCY_CONNECTIONS,
        "share": f"{SHARE * 100:.0f}",
        "latency": _latency(result),
        "memory": _memory(result),
    }
    return filled(TEMPLATE.read_text().format_map(pieces))


def goals(result: Found, tls: Found | None) -> str:
    """What was aimed at and what was reached."""
    line, rows = result["headline"], []

    def goal(what: str, aim: str, reached: float | None, most: float, digits: int) -> None:
        verdict = UNKNOWN if reached is None else "yes" if reached <= most else "no"
        rows.append([what, aim, number(reached, digits), verdict])

    for door in DOORS:
        for mode, found in (("batch", line[door]), ("single", line[door]["single"])):
            column = (tls or {}).get(f"{mode}_acked", {}).get("ours_us")
            here = found["us"].get("producer")
            times = None if here is None or not column else here / column
            what = f"{MODE_TITLES[mode]}, {DOOR_TITLES[door]}: the order API's CPU to `make bench`'s with TLS"
            goal(what, f"≤ {MOST_TO_TLS}", times, MOST_TO_TLS, 2)
        p99 = line[door]["single"]["p99_ms_at_70"]
        goal(f"single orders, {DOOR_TITLES[door]}: p99 at 70 %, ms", f"≤ {MOST_P99_MS:.0f}", p99, MOST_P99_MS, 1)
    for part in ("producer", "consumer"):
        goal(f"memory of the {part}, MiB", f"≤ {MOST_MIB:.0f}", line["rss_mib"].get(part), MOST_MIB, 0)
    return table(["", "goal", "reached", "met"], rows)


def _rates(result: Found) -> str:
    heads = [f"{MODE_TITLES[mode]}, {DOOR_TITLES[door]}" for mode in MODES for door in DOORS]
    rows = [
        [title, *(_ranged(runs_of(result, door)[name].get(mode, ())) for mode in MODES for door in DOORS)]
        for name, title in TITLES.items()
    ]
    return table(["orders per second", *heads], rows)


def _ranged(runs: Sequence[Found]) -> str:
    found, ends = middle(runs, "orders_per_s"), spread(runs, "orders_per_s")
    return UNKNOWN if found is None or ends is None else f"{found:,.0f} ({ends[0]:,.0f} to {ends[1]:,.0f})"


def _costs(result: Found) -> str:
    cells = [(mode, door, name) for mode in MODES for door in DOORS for name in TITLES]
    found = {cell: runs_of(result, cell[1])[cell[2]].get(cell[0], ()) for cell in cells}
    parts = list(dict.fromkeys(part for runs in found.values() for run in runs for part in run["us"]))
    rows = []
    for (mode, door, name), runs in found.items():
        figures = [middle([run["us"] for run in runs], part) for part in parts]
        whole = sum(us for us in figures if us is not None)
        title = f"{TITLES[name]}, {MODE_TITLES[mode]}, {DOOR_TITLES[door]}"
        rows.append([title, *("" if us is None else number(us) for us in figures), number(whole)])
    return table(["µs of CPU per order", *parts, "all"], rows)


def _latency(result: Found) -> str:
    rows = []
    for door, targets in result["latency"].items():
        for name, run in targets.items():
            times = [number(run["latency_ms"][quantile], 1) for quantile in ("p50", "p99", "p99.9")]
            rows.append([f"{TITLES[name]}, {DOOR_TITLES[door]}", number(run["rate"], 0), *times])
    return table(["", "orders/s", "p50 ms", "p99 ms", "p99.9 ms"], rows)


def _memory(result: Found) -> str:
    most: Mapping[str, float] = result["headline"]["rss_mib"]
    rows = [[part, number(mib, 0)] for part, mib in most.items()]
    text = table(["", "MiB"], rows)
    soak: Mapping[str, Any] | None = result.get("soak")
    if soak is None:
        return text
    grown = ", ".join(
        f"{part} {first:.0f} to {last:.0f}" for part, (first, last) in flatness(soak["rss_mib"]).items()
    )  # fmt: skip
    rate, seconds = soak["orders_per_s"], soak["seconds"]
    spent = f"At full load in batches for {seconds:,.0f} s ({rate:,.0f} orders/s), from the first to the last quarter:"
    return f"{text}\n\n{spent} {grown} MiB."
