"""A thousand pipelines on a real API server: time until all are ready, time for a change, cost of idling.

    python -m bench.operator --crs 1000 --idle 600

The operator has core 0; the API server, etcd, the fake Kafka and the fake Strimzi and Deployment controllers share core
1. An operator of an earlier commit, with as many pipelines of its own, idles beside it on core 0.
A table goes to standard error, one JSON line to standard output and, with all figures, to bench/results/.
"""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

from bench.operator.report import page, table
from bench.operator.run import OTHERS_CORE, Options, run

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench" / "results"
BASELINE = "b2dc737"
"""The last commit whose operator decided on every reading and made every pass."""


def main() -> None:
    """Exit with 1 if a goal was missed."""
    parser = argparse.ArgumentParser(prog="bench.operator")
    parser.add_argument("--crs", type=int, default=1000, help="number of pipelines")
    parser.add_argument("--idle", type=int, default=600, help="seconds to measure idling")
    parser.add_argument("--changes", type=int, default=300, help="number of spec changes")
    parser.add_argument("--baseline", default=BASELINE, help="commit whose operator idles beside; '' for none")
    parser.add_argument("--no-kafka", action="store_true", help="read no offsets: the operator without its connections")
    parser.add_argument("--page", action="store_true", help="write docs/benchmarks/operator.md")
    options = parser.parse_args()
    os.sched_setaffinity(0, {OTHERS_CORE})
    changes = min(options.changes, options.crs)
    found = asyncio.run(run(Options(options.crs, options.idle, changes, options.baseline, not options.no_kafka)))
    print(table(found), file=sys.stderr)
    line = found.line()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "operator.json").write_text(json.dumps({**line, "details": found.details()}, indent=1) + "\n")
    if options.page:
        target = ROOT / "docs" / "benchmarks" / "operator.md"
        target.parent.mkdir(exist_ok=True)
        target.write_text(page(found))
    for words in found.missed():
        print(f"missed: {words}", file=sys.stderr)
    print(json.dumps(line))
    sys.exit(bool(found.missed()))


if __name__ == "__main__":
    main()
