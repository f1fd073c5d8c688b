"""Prometheus' own programs, and series as real programs export them and a real Prometheus stores them."""

import csv
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from orderpipeline_consumer.metrics import FAMILIES as CONSUMER
from orderpipeline_operator.runtime.families import FAMILIES as OPERATOR
from orderpipeline_producer.metrics import FAMILIES as PRODUCER

ROOT: Final = Path(__file__).parents[2]
BROKER_RECORD: Final = ROOT / "tests/unit/operator/domain/manifests/kafka_metrics.tsv"
SCRAPED: Final = frozenset({"namespace", "pipeline", "pod", "container", "endpoint", "instance", "job"})
"""The labels that a scrape by a PodMonitor adds."""


@dataclass(frozen=True)
class Form:
    """How samples of one name look: their labels before the scrape."""

    labels: frozenset[str]
    program: str
    family: str
    type: str


@cache
def forms() -> Mapping[str, Form]:
    """Every sample that our programs and a broker can export, by its name."""
    found: dict[str, Form] = {}
    for program, families in (("operator", OPERATOR), ("producer", PRODUCER), ("consumer", CONSUMER)):
        for family in families:
            for name in family.sample_names:
                labels = {*family.labels, "le"} if name.endswith("_bucket") else set(family.labels)
                found[name] = Form(frozenset(labels), program, family.name, family.type)
    for name, type_, labels, _ in csv.reader(_lines(BROKER_RECORD), delimiter="\t"):
        known = frozenset() if labels == "-" else frozenset(labels.split(","))
        found[name] = Form(known, "kafka", name, type_)
    return MappingProxyType(found)


def _lines(record: Path) -> list[str]:
    return [line for line in record.read_text().splitlines() if not line.startswith("#")]


def series(name: str, pod: str = "0", **labels: str) -> str:
    """A series of pipeline store/shop as a Prometheus stores it; AssertionError unless that is its real form."""
    form = forms()[name]
    own = dict(labels)
    if form.program == "operator" and "pipeline" in form.labels:
        own |= {"namespace": "store", "pipeline": "shop"}
    assert set(own) == form.labels, f"{name} has the labels {sorted(form.labels)}, not {sorted(own)}"
    target = {
        "namespace": "store",
        "pipeline": "shop",
        "pod": f"shop-{form.program}-{pod}",
        "container": form.program,
        "endpoint": "http",
        "instance": f"10.0.0.{pod}:8080",
        "job": f"store/shop-{form.program}",
    }
    every = {**target, **own}
    pairs = ",".join(f'{key}="{value}"' for key, value in sorted(every.items()))
    return f"{name}{{{pairs}}}"


@cache
def programs() -> Path:
    """The folder with prometheus and promtool."""
    done = subprocess.run([str(ROOT / "hack" / "prometheus")], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """promtool, whatever its exit status."""
    command = [str(programs() / "promtool"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
