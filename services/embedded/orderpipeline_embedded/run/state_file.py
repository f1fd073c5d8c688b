"""The state of a run, in a file: an OrderPipeline with the parts of its status that explain the scaling."""

import fcntl
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

STATE: Final = "pipeline.json"
"""The file's name in the data folder of a run."""
LEARNED: Final = ("capacity", "forecast")
"""Parts of the scaling's state that outlast a run."""
LOCK: Final = "lock"
"""The file that a run holds a lock on, in the same folder."""


def newest(runs: Path) -> Path | None:
    """The state file below `runs` that was written last; None if there is none."""
    return max(runs.glob(f"*/{STATE}"), key=lambda path: path.stat().st_mtime, default=None)


def is_running(state: Path) -> bool:
    """Whether the run with this state file is still going on."""
    try:
        with (state.parent / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def learned(folder: Path, consumers: int) -> dict[str, Any]:
    """What an earlier run in `folder` decided and learned, as a CR's status.scaling for a run that begins with
    `consumers`. What it was in the middle of counts for nothing. Empty if there is nothing that can be read.
    """
    try:
        scaling = json.loads((folder / STATE).read_text(encoding="utf-8"))["status"]["scaling"]
        state = {name: scaling["state"][name] for name in LEARNED if name in scaling["state"]}
        return {"decisions": scaling["decisions"], "state": {**state, "desired": consumers}}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def write(
    folder: Path, name: str, consumers: Mapping[str, int | None], view: Any, kafka: Mapping[str, str | None]
) -> None:
    """Replace the state in `folder`; a reader sees the old file or the new one. `view` is a ScalingView.

    `kafka`: the address `bootstrap`, the topics `orders` and `deadLetters`, and the `group`.
    """
    values = asdict(view)
    status = {
        "endpoints": {"bootstrap": kafka.get("bootstrap")},
        "consumers": dict(consumers),
        "lag": {"orders": values["orders"], "seconds": values["seconds"]},
        "scaling": {"latest": values["latest"], "decisions": list(values["decisions"]), "state": values["state"]},
    }
    fresh = folder / f".{STATE}"
    fresh.write_text(json.dumps({"metadata": {"name": name}, "status": status, "kafka": dict(kafka)}), encoding="utf-8")
    fresh.replace(folder / STATE)
