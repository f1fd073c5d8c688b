"""The bench as a command: `python -m bench`. The last line of its output is JSON."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import peers
from bench.check import MismatchError
from bench.consume import PEER, consume
from bench.ingest import ingest
from bench.kafka import Kafka, kafka
from bench.servers import ROOT, go_peers, ours, python_peers
from bench.settings import FULL, LOAD_CORE, SCALES, Scale
from bench.steps import Step, walk
from bench.summary import consume_line, ingest_line

LATEST = ROOT / "bench" / "results" / "latest.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 1 when a log does not hold what was accepted or something did not run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    default = os.environ.get("BENCH", FULL.name)
    parser.add_argument("--scale", choices=SCALES, default=default, help="quick: about two minutes")
    parser.add_argument("--only", action="append", metavar="STEP", help="such as ingest; any number")
    options = parser.parse_args(arguments)
    scale = SCALES[options.scale]
    os.sched_setaffinity(0, {LOAD_CORE})  # the broker and the load take after it
    try:
        with kafka() as broker:
            found = walk([step for step in steps(broker, scale) if not options.only or step.name in options.only])
    except (MismatchError, RuntimeError) as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    headline = {"ingest": ingest_line(found.get("ingest", {})), "consume": consume_line(found.get("consume", {}), PEER)}
    save(LATEST, {"scale": scale.name, "headline": headline, **found})
    print(json.dumps(headline))
    return 0


def steps(broker: Kafka, scale: Scale) -> list[Step]:
    """All measurements in turn."""
    servers = [*ours(), *go_peers(), *(python_peers() if scale.everyone else [])]
    cell = 2 * (scale.cell + scale.warm + 1)
    return [
        Step("peers", "building the peers", 5, lambda _: build(scale)),
        Step("ingest", "CPU of the servers per order", scale.rounds * len(servers) * 2 * (cell + 2),
             lambda tell: ingest(broker, servers, scale, tell)),
        Step("consume", "CPU of the consumers per order", 10 + scale.rounds * 2 * 8,
             lambda tell: consume(broker, scale, tell)),
    ]  # fmt: skip


def build(scale: Scale) -> None:
    """What is built on demand, before anything is measured."""
    for name in peers.GO:
        peers.binary(name)
    if scale.everyone:
        peers.python()


def save(path: Path, content: object) -> None:
    """Write JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
