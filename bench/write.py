"""Writes results and report. `python -m bench.write RESULTS.json FOLDER` writes the report of given results."""

import json
import sys
from pathlib import Path

from bench.plots import draw
from bench.report import report
from bench.summary import Found


def write(result: Found, folder: Path) -> None:
    """Write results.json, README.md and its figures."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    draw(result, folder)
    (folder / "README.md").write_text(report(result))


if __name__ == "__main__":
    write(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
