"""The report in Markdown, from the results. Pure: the same results give the same text."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench import secured_report
from bench.ingest import CELLS
from bench.servers import OURS, PYTHON
from bench.summary import Found, middle, spread
from bench.tables import TITLES, UNKNOWN, filled, number, ranged, row_title, table

TEMPLATE: Final = Path(__file__).with_name("report.md")
WHOLE: Final = "end_to_end_"
NEEDS: Final = {
    "Accepting orders": "ingest",
    "As it is deployed": "tls",
    "Consuming orders": "consume",
    "Into PostgreSQL": "postgres",
    "Latency": "latency",
    "Start and memory": "startup",
    "How costs grow": "growth",
    "The parts alone": "limits",
    "End to end": f"{WHOLE}{OURS}",
    "A million orders a second": f"{WHOLE}{OURS}",
}
"""Sections of the template, and the measurement without which one is left out."""
LIMIT_TITLES: Final = {
    "http": "an HTTP exchange that replies {} without reading the request, on uvloop",
    "msgspec": "msgspec checking an order of a batch",
    "rdkafka": "librdkafka writing an order, acks=all and idempotent",
}


def report(result: Found) -> str:
    """The template with the figures, without the sections whose figures this run has not."""
    head, *sections = TEMPLATE.read_text().split("\n## ")
    found = [section for section in sections if _known(section.splitlines()[0], result)]
    text = "\n## ".join((head, *found))
    return filled(text.format_map(_Pieces(result)))


class _Pieces(dict[str, Any]):
    """What stands in the template's braces, made when it is asked for."""

    def __init__(self, result: Found) -> None:
        super().__init__(whole=result.get(f"{WHOLE}{OURS}"))
        self._result = result

    def __missing__(self, name: str) -> Any:
        return PIECES[name](self._result)


def _known(title: str, result: Found) -> bool:
    needed = NEEDS.get(title)
    return needed is None or needed in result


def goals(result: Found) -> str:
    """What was aimed at and what was reached, in the order of the bench's last line."""
    line, rows = result["headline"], []

    def goal(what: str, aim: str, reached: float | None, met: Callable[[float], bool], digits: int = 2) -> None:
        verdict = UNKNOWN if reached is None else "yes" if met(reached) else "no"
        rows.append([what, aim, number(reached, digits), verdict])

    for cell in CELLS:
        found = line["ingest"][cell]
        goal(f"{TITLES[cell]}: CPU to Gin's", "≤ 0.5", found["ratio"], lambda value: value <= 0.5)
        goal(f"{TITLES[cell]}: CPU to fasthttp's", "< 1", found["fasthttp_ratio"], lambda value: value < 1)
    goal("consuming: CPU to franz-go's", "≤ 0.5", line["consume"]["ratio"], lambda value: value <= 0.5)
    whole = line["end_to_end"]
    goal("end to end on two cores, orders/s", "1,000,000", whole["orders_per_s"], lambda value: value >= 1e6, 0)
    goal("end to end, orders lost", "0", whole["lost"], lambda value: value == 0, 0)
    growth = line["growth"]
    goal("orders of 1 KiB: CPU to Gin's", "≤ 0.5", growth["1KiB_ratio"], lambda value: value <= 0.5)
    goal("orders of 10 KiB: CPU to Gin's", "≤ 0.5", growth["10KiB_ratio"], lambda value: value <= 0.5)
    goal("batches of one order: CPU to Gin's", "≤ 0.8", growth["batch_1_ratio"], lambda value: value <= 0.8)
    factor = growth["500_partitions_factor"]
    goal("500 partitions: CPU to that with 12", "≤ 1.5", factor, lambda value: value <= 1.5)
    goal("into PostgreSQL: orders/s to COPY's", "≥ 0.5", line["postgres"]["ratio"], lambda value: value >= 0.5)
    p99 = line["latency"]["p99_ms_at_70"]
    goal("p99 of single acked orders at 70 % of the maximum, ms", "< 20", p99, lambda value: value < 20)
    for secured_goal in secured_report.goals(line):
        goal(*secured_goal)
    for part, mib in line["rss_mib"].items():
        goal(f"peak memory of the {part} end to end, MiB", "< 150", mib, lambda value: value < 150, 0)
    return table(["", "goal", "reached", "met"], rows)


def _configuration(result: Found) -> str:
    if PYTHON in result["titles"]:
        return (
            "The product's best configuration includes its compiled accelerator, and the goals are judged with it. It"
            "\n  is optional, so the tables also have rows without it, in Python only."
        )
    return "The product ran in Python only: its optional compiled accelerator was not installed."


def _machine(result: Found) -> str:
    return table(["part", "which"], [[name, value] for name, value in result["machine"].items()])


def _ingest_cost(result: Found) -> str:
    cells = [*CELLS, "ndjson_acked"]
    heads = ["µs of CPU per order", *TITLES.values()]
    rows = [[row_title(result, name), *(ranged(each.get(cell, ())) for cell in cells)]
            for name, each in result["ingest"].items()]  # fmt: skip
    return table(heads, rows)


def _ingest_rate(result: Found) -> str:
    rows = [
        [row_title(result, name), *(number(middle(each.get(cell, ()), "orders_per_s"), 0) for cell in TITLES)]
        for name, each in result["ingest"].items()
    ]
    return table(["orders per second", *TITLES.values()], rows)


def _consume(result: Found) -> str:
    rows = [
        [row_title(result, name), ranged(each), *(number(middle(each, key), 0) for key in ("orders_per_s", "peak_mib"))]
        for name, each in result["consume"].items()
    ]
    return table(["", "µs per order", "orders/s", "peak MiB"], rows)


def _postgres(result: Found) -> str:
    runs = result["postgres"]
    parts = list(dict.fromkeys(part for each in runs.values() for run in each for part in run["us"]))
    rows = []
    for name, each in runs.items():
        us = [middle([run["us"] for run in each], part) for part in parts]
        ends = spread(each, "orders_per_s")
        rate = UNKNOWN if ends is None else f"{ends[0]:,.0f} to {ends[1]:,.0f}"
        figures = (number(middle(each, "orders_per_s"), 0), rate, *map(number, us))
        rows.append([row_title(result, name), *figures])
    return table(["", "orders/s", "lowest to highest", *(f"µs of the {part}" for part in parts)], rows)


def _latency(result: Found) -> str:
    rows = []
    for name, levels in result["latency"].items():
        for share in ("50", "70", "90"):
            level = levels[share]
            reached, times = level["reached"] / level["rate"], level["latency_ms"]
            title = f"{row_title(result, name)}, {share} % of {levels['max']:,.0f}/s"
            rows.append([title, f"{reached:.0%}", *(number(times[each], 1) for each in ("p50", "p99", "p99.9"))])
    return table(["", "of that rate reached", "p50 ms", "p99 ms", "p99.9 ms"], rows)


def _process(result: Found) -> str:
    starts, runs = result["startup"], result.get("ingest", {})
    rows = []
    for name, each in starts.items():
        peaks = [run["peak_mib"] for cell in runs.get(name, {}).values() for run in cell]
        figures = (middle(each, "seconds"), middle(each, "idle_mib"), max(peaks, default=None))
        cells = (number(value, at) for value, at in zip(figures, (2, 0, 0), strict=True))
        rows.append([row_title(result, name), *cells])
    return table(["", "seconds to the first reply", "MiB when idle", "peak MiB under load"], rows)


def _growth(result: Found) -> str:
    tables = []
    for axis, servers in result["growth"].items():
        values = list(next(iter(servers.values())))
        rows = [
            [row_title(result, name), *(_grown(found.get(value, {})) for value in values)]
            for name, found in servers.items()
        ]
        tables.append(table([f"µs per order by {axis}", *(f"{int(value):,}" for value in values)], rows))
    return "\n\n".join(tables)


def _grown(found: Found) -> str:
    refused = found.get("orders_refused")
    return number(found.get("us")) + (f" ({refused:,} refused)" if refused else "")


def _limits(result: Found) -> str:
    return table(["", "µs per order"], [[LIMIT_TITLES[name], number(us)] for name, us in result["limits"].items()])


def _wholes(result: Found) -> dict[str, Any]:
    return {name.removeprefix(WHOLE): run for name, run in result.items() if name.startswith(WHOLE)}


def _whole_rate(result: Found) -> str:
    rows = []
    for name, run in _wholes(result).items():
        figures = (run["orders_per_s"], run["accepted"], run["lost"], run["p50_age_ms"], run["p99_age_ms"])
        p99 = number(run["request_ms"]["p99"], 1)
        rows.append([row_title(result, name), *(number(value, 0) for value in figures), p99])
    return table(["", "orders/s", "accepted", "lost", "p50 age ms", "p99 age ms", "p99 of a request ms"], rows)


def _whole_cost(result: Found) -> str:
    runs = _wholes(result)
    parts = list(dict.fromkeys(part for run in runs.values() for part in run["us"]))
    rows = [[row_title(result, name), *(number(run["us"].get(part)) for part in parts), number(sum(run["us"].values()))]
            for name, run in runs.items()]  # fmt: skip
    return table(["µs of CPU per order", *parts, "all"], rows)


def _whole_verdict(result: Found) -> str:
    run = result[f"{WHOLE}{OURS}"]
    parts = dict(sorted(run["us"].items(), key=lambda item: -item[1]))
    (largest, most), (second, more) = list(parts.items())[:2]
    memory = [(part, _early(values), _early(values[::-1])) for part, values in run["rss_mib"].items()]
    grown = " and ".join(f"in the {part} from {first:.0f} to {last:.0f} MiB" for part, first, last in memory)
    whole, busy = sum(parts.values()), run["cores_busy"] / 2
    return (
        f"At a million orders a second, two cores have 2 µs per order. Here an order took {whole:.2f} µs, with the"
        f"\ncores {busy:.0%} busy. The {largest} took the most, {most:.2f} µs, then the {second}, {more:.2f} µs."
        f"\nFrom the first to the last quarter of the run, memory went {grown}."
    )


def _early(values: Sequence[float]) -> float:
    """The median of the first quarter."""
    return median(values[: len(values) // 4 + 1])


PIECES: Final[Mapping[str, Callable[[Found], Any]]] = {
    "goals": goals, "configuration": _configuration, "machine": _machine, "ingest_cost": _ingest_cost,
    "ingest_rate": _ingest_rate, "consume": _consume, "postgres": _postgres, "latency": _latency,
    "process": _process, "growth": _growth,
    "limits": _limits, "whole_rate": _whole_rate, "whole_cost": _whole_cost, "whole_verdict": _whole_verdict,
    **secured_report.PIECES,
    "broker_copies": lambda result: 3 * result[f"{WHOLE}{OURS}"]["us"]["broker"],
    "consumers_saved": lambda result: 1e6 / result[f"{WHOLE}{OURS}"]["us"]["consumer"] / 4000,
}  # fmt: skip
