"""The command `python -m bench.cluster`, which `make bench-cluster` runs. The last line of its output is JSON."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from bench.check import MismatchError
from bench.cluster.deploy import deployed
from bench.cluster.figures import headline
from bench.cluster.report import page
from bench.cluster.settings import FULL, SCALES, Scale
from bench.machine import machine
from bench.servers import ROOT
from hack.native.choice import use_kind
from tests.e2e.cluster import Cluster

RESULTS: Final = ROOT / "bench" / "results"
DOCUMENTS: Final = ROOT / "docs" / "benchmarks"
KIND: Final = "the CPU of pods is read from this machine's cgroups, which kind hides: ORDERPIPELINE_CLUSTER=native"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0; 1 if an order is missing or something did not run; 2 on a cluster by kind."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    default = os.environ.get("BENCH", FULL.name)
    parser.add_argument("--scale", choices=SCALES, default=default, help="quick: about three minutes")
    scale = SCALES[parser.parse_args(arguments).scale]
    if use_kind():
        sys.stderr.write(f"bench.cluster: {KIND}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the peer is removed
    try:
        with tempfile.TemporaryDirectory(prefix="orderpipeline-bench-") as folder:
            found = _measure(Path(folder), scale)
    except (MismatchError, RuntimeError, AssertionError) as error:
        sys.stderr.write(f"bench.cluster: {error}\n")
        return 1
    result = {"headline": headline(found), **found}
    folders = [RESULTS, DOCUMENTS] if scale is FULL else [RESULTS]
    for target in folders:
        target.mkdir(parents=True, exist_ok=True)
        (target / "cluster.json").write_text(json.dumps(result, indent=1) + "\n")
        (target / "cluster.md").write_text(page(result, _tls()))
    print(json.dumps(result["headline"]))
    return 0


def _measure(folder: Path, scale: Scale) -> dict[str, Any]:
    """All measurements, made by a process inside the cluster's network namespace."""
    with deployed(Cluster(), folder) as running:
        given = asdict(running)
        (folder / "targets.json").write_text(json.dumps(given))
        inside = [str(ROOT / "hack/native/netns-exec"), sys.executable, "-m", "bench.cluster.run"]
        done = subprocess.run([*inside, str(folder), scale.name], cwd=ROOT, check=False)
        if done.returncode:
            raise RuntimeError("nothing was measured; the reason is above")
        found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    about = {"scale": scale.name, "rounds": scale.rounds, "size": running.size, "machine": machine()}
    return {**about, **found}


def _tls() -> dict[str, Any] | None:
    """What `make bench` found with TLS, if its last full run has it."""
    path = DOCUMENTS / "results.json"
    found: dict[str, Any] | None = json.loads(path.read_text())["headline"].get("tls") if path.exists() else None
    return found


if __name__ == "__main__":
    sys.exit(main())
