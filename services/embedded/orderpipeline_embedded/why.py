"""`orderpipeline why`: of a pipeline in a cluster, as `kubectl orderpipeline why`, or of the newest run here."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orderpipeline_embedded.kafka.maven import cache

STATE = "pipeline.json"
"""In the folder of a run: an OrderPipeline with the parts of its status that tell of the scaling."""


def add_why(parser: argparse.ArgumentParser) -> None:
    """The arguments of `why`."""
    try:
        from orderpipeline_operator.plugin import add_why as add
    except ModuleNotFoundError:  # without the extra `run` there is nothing to explain; why() says so
        return
    add(parser)


def why(given: argparse.Namespace) -> int:
    """Print the explanation; the exit status."""
    try:
        from orderpipeline_operator.plugin import why as explain
    except ModuleNotFoundError as missing:
        text = f"orderpipeline: {missing.name} is not installed; run: pip install 'orderpipeline[run]'"
        raise SystemExit(text) from None
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
