"""Results of a run in the cluster, with figures that are easy to recognize, and a pipeline."""

from pathlib import Path
from typing import Any

import yaml

from bench.cluster.figures import headline
from bench.cluster.targets import DOORS
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec

SHOP = Path(__file__).parents[3] / "examples" / "shop.yaml"


def shop() -> OrderPipelineSpec:
    return OrderPipelineSpec.model_validate(yaml.safe_load(SHOP.read_text())["spec"])


def run(scale: float) -> dict[str, Any]:
    parts = ("load", "envoy", "producer", "kafka", "consumer", "rest of the machine")
    return {
        "orders_per_s": 1000 / scale, "accepted_per_s": 1100 / scale, "accepted": 9000, "refused": 0, "unsent": 0,
        "seconds": 8.0, "cores_busy": 1.9, "latency_ms": {"p50": scale, "p99": 2 * scale, "p99.9": 3 * scale},
        "us": {part: scale * number for number, part in enumerate(parts, start=1)},
        "rss_mib": {"producer": [60.0, 70.0], "kafka": [500.0], "consumer": [80.0, 90.0]},
    }  # fmt: skip


def results() -> dict[str, Any]:
    """A full run: ours costs a quarter of the peer's."""
    cells = {
        door: {name: {mode: [run(scale), run(3 * scale), run(2 * scale)] for mode in ("batch", "single")}
               for name, scale in (("ours", 1.0), ("go", 4.0))}
        for door in DOORS
    }  # fmt: skip
    latency = {door: {name: {"rate": 700.0, **run(scale)} for name, scale in (("ours", 5.0), ("go", 25.0))}
               for door in DOORS}  # fmt: skip
    soak = {**run(1.0), "rss_mib": {"producer": [70.0, 71, 72, 73], "consumer": [90.0, 90, 90, 151.0]}}
    found: dict[str, Any] = {
        "scale": "full", "rounds": 3, "machine": {"processor": "a processor", "cores": "2"}, "engines": ["accelerator"],
        "size": {"brokers": 3, "copies": 3, "producers": 2, "consumers": 4, "sink": "log"},
        "cells": cells, "latency": latency, "soak": soak,
    }  # fmt: skip
    return {"headline": headline(found), **found}
