"""The state of a run, in a file: an OrderPipeline with the parts of its status that explain the scaling."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

STATE: Final = "pipeline.json"
"""The file's name in the data folder of a run."""


def newest(runs: Path) -> Path | None:
    """The state file below `runs` that was written last; None if there is none."""
    return max(runs.glob(f"*/{STATE}"), key=lambda path: path.stat().st_mtime, default=None)


def write(folder: Path, name: str, consumers: Mapping[str, int | None], view: Any) -> None:
    """Replace the state in `folder`; a reader sees the old file or the new one. `view` is a ScalingView."""
    values = asdict(view)
    status = {
        "consumers": dict(consumers),
        "lag": {"orders": values["orders"], "seconds": values["seconds"]},
        "scaling": {"latest": values["latest"], "decisions": list(values["decisions"])},
    }
    fresh = folder / f".{STATE}"
    fresh.write_text(json.dumps({"metadata": {"name": name}, "status": status}), encoding="utf-8")
    fresh.replace(folder / STATE)
