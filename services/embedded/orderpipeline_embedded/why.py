"""`orderpipeline why`: of a pipeline in a cluster, as `kubectl orderpipeline why`, or of the newest run here."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orderpipeline_embedded.kafka.maven import cache
from orderpipeline_operator.cli.plugin import why as explain

STATE = "pipeline.json"
"""In the folder of a run: an OrderPipeline with the parts of its status that tell of the scaling."""


def why(given: argparse.Namespace) -> int:
    """Print the explanation; the exit status."""
    if not given.name and not given.file:
        runs = sorted((cache() / "run").glob(f"*/{STATE}"), key=lambda path: path.stat().st_mtime)
        if not runs:
            raise SystemExit("orderpipeline why: nothing has run here yet; name an OrderPipeline in a cluster")
        given.file = str(runs[-1])
    return explain(given)


def keep(folder: Path, name: str, consumers: Mapping[str, int | None], view: Any) -> None:
    """Write what `why` reads. `view` is a ScalingView; whoever reads sees the old file or the new one."""
    told = asdict(view)
    status = {
        "consumers": dict(consumers),
        "lag": {"orders": told["orders"], "seconds": told["seconds"]},
        "scaling": {"latest": told["latest"], "decisions": list(told["decisions"])},
    }
    fresh = folder / f".{STATE}"
    fresh.write_text(json.dumps({"metadata": {"name": name}, "status": status}), encoding="utf-8")
    fresh.replace(folder / STATE)
