"""From all measurements to the headline figures. Pure."""

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

from bench.consume import PEER
from bench.growth import BATCH_SIZE, BYTES, PARTITIONS
from bench.ingest import CELLS
from bench.postgres import COPY
from bench.secured import CELLS as SECURED_CELLS
from bench.secured import PLAIN
from bench.servers import OURS
from bench.stacks import GO

Found = Mapping[str, Any]


def middle(runs: Sequence[Found], key: str) -> float | None:
    """The median of a figure over the rounds; None if it was not measured."""
    values = [run[key] for run in runs if run.get(key) is not None]
    return median(values) if values else None


def spread(runs: Sequence[Found], key: str) -> tuple[float, float] | None:
    """Minimum and maximum of a figure over the rounds; None if it was not measured."""
    values = [run[key] for run in runs if run.get(key) is not None]
    return (min(values), max(values)) if values else None


def ratio(ours: float | None, peer: float | None) -> float | None:
    """Our figure divided by the peer's; None if one is unknown."""
    return None if ours is None or not peer else round(ours / peer, 3)


def ingest_line(runs: Mapping[str, Mapping[str, Sequence[Found]]], ours: str = OURS) -> dict[str, Any]:
    """By cell: µs of CPU per order of ours and of the Go peers, and the ratios."""
    found = {}
    for cell in CELLS:
        mine, gin, fast = (middle(runs.get(name, {}).get(cell, ()), "us") for name in (ours, "gin", "fasthttp"))
        found[cell] = {
            "ours_us": rounded(mine), "gin_us": rounded(gin), "ratio": ratio(mine, gin),
            "fasthttp_us": rounded(fast), "fasthttp_ratio": ratio(mine, fast),
        }  # fmt: skip
    return found


def secured_line(runs: Mapping[str, Mapping[str, Sequence[Found]]]) -> dict[str, Any]:
    """By cell: µs of CPU per order of ours and of the Go peers with TLS and SCRAM, the ratios to these, and the one to
    ours over plain connections to one broker."""
    found = {}
    for cell in SECURED_CELLS:
        names = (OURS, "gin", "fasthttp", PLAIN)
        mine, gin, fast, plain = (middle(runs.get(name, {}).get(cell, ()), "us") for name in names)
        found[cell] = {
            "ours_us": rounded(mine), "gin_us": rounded(gin), "fasthttp_us": rounded(fast), "ratio": ratio(mine, gin),
            "fasthttp_ratio": ratio(mine, fast), "to_plain": ratio(mine, plain),
        }  # fmt: skip
    return found


def turns_line(peer: Found) -> dict[str, Any]:
    """The Go stack's orders/s end to end, and ours divided by them, from the runs in turns."""
    mine, other = (_mean(peer.get("turns", {}).get(name, ())) for name in (OURS, GO))
    return {"go_orders_per_s": rounded(other, 0), "ratio": ratio(mine, other)}


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def consume_line(runs: Mapping[str, Sequence[Found]], peer: str) -> dict[str, Any]:
    """µs of CPU per order of ours and of the peer, and the ratio."""
    mine, other = middle(runs.get(OURS, ()), "us"), middle(runs.get(peer, ()), "us")
    return {"ours_us": rounded(mine), "peer_us": rounded(other), "ratio": ratio(mine, other)}


def postgres_line(runs: Mapping[str, Sequence[Found]]) -> dict[str, Any]:
    """Orders per second that our consumer stores, rows per second of COPY, and the ratio."""
    mine, copied = middle(runs.get(OURS, ()), "orders_per_s"), middle(runs.get(COPY, ()), "orders_per_s")
    return {"orders_per_s": rounded(mine, 0), "copy_rows_per_s": rounded(copied, 0), "ratio": ratio(mine, copied)}


def growth_line(curves: Mapping[str, Mapping[str, Mapping[str, Found]]]) -> dict[str, Any]:
    """CPU per order at the ends of the curves: to Gin's for large orders and for batches of one, and with many
    partitions to that with few."""

    def us(axis: str, server: str, value: int) -> float | None:
        return curves.get(axis, {}).get(server, {}).get(str(value), {}).get("us")

    def to_gin(axis: str, value: int) -> float | None:
        return ratio(us(axis, OURS, value), us(axis, "gin", value))

    few, many = PARTITIONS[0], PARTITIONS[-1]
    return {
        "1KiB_ratio": to_gin(BYTES, 1024),
        "10KiB_ratio": to_gin(BYTES, 10_240),
        f"{many}_partitions_factor": ratio(us("partitions", OURS, many), us("partitions", OURS, few)),
        "batch_1_ratio": to_gin(BATCH_SIZE, 1),
    }


def rounded(value: float | None, digits: int = 3) -> float | None:
    """A figure for JSON; None stays None."""
    return None if value is None else round(value, digits or None)


def headline(result: Found) -> dict[str, Any]:
    """The line of JSON. What was not measured in this run is null."""
    whole = result.get(f"end_to_end_{OURS}", {})
    times = result.get("latency", {}).get(OURS, {}).get("70", {}).get("latency_ms", {})
    peak = whole.get("peak_mib", {})
    return {
        "ingest": ingest_line(result.get("ingest", {})),
        "tls": secured_line(result.get("tls", {})),
        "consume": consume_line(result.get("consume", {}), PEER),
        "end_to_end": {
            "orders_per_s": rounded(whole.get("orders_per_s"), 0), "seconds": rounded(whole.get("seconds"), 0),
            "acked": whole.get("acked"), "lost": whole.get("lost"), "p99_age_ms": whole.get("p99_age_ms"),
            **turns_line(result.get(f"end_to_end_{GO}", {})),
        },
        "latency": {"p99_ms_at_70": times.get("p99")},
        "growth": growth_line(result.get("growth", {})),
        "postgres": postgres_line(result.get("postgres", {})),
        "rss_mib": {"producer": rounded(peak.get("producer"), 1), "consumer": rounded(peak.get("consumer"), 1)},
    }  # fmt: skip
