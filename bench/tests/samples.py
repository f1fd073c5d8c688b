"""Results of a run, with figures that are easy to recognize."""

from typing import Any

from bench.growth import BATCH_SIZE, BYTES
from bench.ingest import CELLS
from bench.summary import headline


def times(scale: float) -> dict[str, float]:
    return {"p50": scale, "p99": 2 * scale, "p99.9": 3 * scale}


def server(us: float) -> dict[str, list[dict[str, float]]]:
    runs = [{"us": us + round_ / 10, "orders_per_s": 1e6 / us, "peak_mib": 50 + us} for round_ in range(3)]
    return dict.fromkeys((*CELLS, "ndjson_acked"), runs)


def latencies(scale: float) -> dict[str, Any]:
    level = {"rate": 100.0, "reached": 99.0, "latency_ms": times(scale), "late": 0, "us": 5.0}
    return {"max": 1000.0, "50": level, "70": level, "90": level}


def whole() -> dict[str, Any]:
    return {
        "orders_per_s": 567_890.4, "seconds": 60.0, "until_committed_s": 60.1, "acked": True, "accepted": 34_000_000,
        "refused": 0, "lost": 0, "p50_age_ms": 40, "p99_age_ms": 99, "request_ms": times(20.0),
        "us": {"load": 0.1, "producer": 1.0, "broker": 1.25, "consumer": 0.8, "measuring": 0.05,
               "rest of the machine": 0.1},
        "cores_busy": 1.96,
        "shape": {"producers": 1, "consumers": 1, "connections": 8, "partitions": 12, "linger_ms": 20},
        "peak_mib": {"producer": 88.0, "consumer": 151.0},
        "rss_mib": {"producer": [80.0, 85.0, 86.0, 90.0], "consumer": [90.0]},
        "per_second": [{"at": 1.0, "in": 5e5, "out": 4e5}, {"at": 2.0, "in": 5e5, "out": 5e5}],
    }  # fmt: skip


def results() -> dict[str, Any]:
    """A full run."""
    found: dict[str, Any] = {
        "scale": "full",
        "titles": {"ours": "Ours", "gin": "Gin", "fasthttp": "Fast", "gocons": "franz-go", "copy": "COPY"},
        "machine": {"processor": "a processor", "cores": "2"},
        "startup": {"ours": [{"seconds": 0.5, "idle_mib": 40.0}], "gin": [{"seconds": 0.1, "idle_mib": 20.0}]},
        "ingest": {"ours": server(2.0), "gin": server(4.0), "fasthttp": server(1.5)},
        "consume": {"ours": server(0.5)["batch_acked"], "gocons": server(1.2)["batch_acked"]},
        "latency": {"ours": latencies(5.0), "gin": latencies(7.0)},
        "postgres": {
            "ours": [
                {"orders_per_s": rate, "us": {"consumer": 2.0, "broker": 0.5, "database": 9.0}} for rate in (6e4, 8e4)
            ],
            "copy": [{"orders_per_s": 1e5, "us": {"database": 6.25}}],
        },
        "growth": {
            axis: {name: {value: {"us": us} for value in values} for name, us in (("ours", 3.0), ("gin", 4.0))}
            for axis, values in {
                "partitions": ("12", "500"),
                BYTES: ("1024", "10240"),
                BATCH_SIZE: ("1", "10"),
                "c": ("1", "10"),
            }.items()
        },
        "limits": {"http": 5.0, "msgspec": 0.2, "rdkafka": 0.8},
        "end_to_end_ours": whole(),
        "tls": {"ours": server(1.5), "gin": server(5.0), "fasthttp": server(3.0), "ours-plain": server(1.2)},
        "end_to_end_gin": {
            **whole(),
            "orders_per_s": 81_000.0,
            "turns": {"ours": [500_000.0, 520_000.0], "gin": [79_000.0, 81_000.0]},
        },
    }
    return {"headline": headline(found), **found}
