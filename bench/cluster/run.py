"""All measurements in turns. Inside the cluster's network namespace: `python -m bench.cluster.run FOLDER SCALE`.

FOLDER has targets.json, the password and the CA; result.json is written there. Progress goes to standard error.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.access import Access
from bench.check import MismatchError
from bench.cluster.measure import Load, measure
from bench.cluster.settings import CONNECTIONS, LATENCY_CONNECTIONS, MODES, SCALES, SHARE, Scale
from bench.cluster.targets import DOORS, OURS, SERVICE, Target
from bench.cluster.world import World
from bench.kafka import Kafka
from bench.turns import in_turn
from hack.native.up import cluster

Report = Callable[[str], None]
Cells = dict[str, dict[str, dict[str, list[dict[str, Any]]]]]
"""By door, target and mode: an entry per round."""


def turns(scale: Scale, targets: Sequence[Target]) -> Iterator[tuple[int, str, str, Target]]:
    """Round, mode, door and target."""
    for number in range(scale.rounds):
        for mode in MODES:
            for door in DOORS:
                for target in in_turn(targets, number):
                    yield number, mode, door, target


def run(world: World, targets: Sequence[Target], scale: Scale, report: Report) -> dict[str, Any]:
    """Cells, latencies at a share of each target's maximum, ours at full load for a while, and the engines of ours."""
    cells: Cells = {door: {target.name: {} for target in targets} for door in DOORS}
    for number, mode, door, target in turns(scale, targets):
        measure(world, target, door, Load(mode, CONNECTIONS[mode], scale.warm))
        found = measure(world, target, door, Load(mode, CONNECTIONS[mode], scale.cell))
        cells[door][target.name].setdefault(mode, []).append(found)
        report(f"{number + 1} {target.name}, {mode}, {door}: {line(found)}")
    latency: dict[str, dict[str, Any]] = {door: {} for door in DOORS}
    for door in DOORS:
        for target in targets:
            most = median(each["accepted_per_s"] for each in cells[door][target.name]["single"])
            found = measure(
                world, target, door, Load("single", LATENCY_CONNECTIONS, 1.5 * scale.cell, rate=most * SHARE)
            )
            latency[door][target.name] = {"rate": most * SHARE, **found}
            report(f"{target.name}, {door}, single orders at {most * SHARE:,.0f}/s: {line(found)}")
    result: dict[str, Any] = {"cells": cells, "latency": latency}
    [mine] = [target for target in targets if target.name == OURS]
    if scale.soak:
        found = measure(world, mine, SERVICE, Load("batch", CONNECTIONS["batch"], scale.soak))
        report(f"{mine.name}, {scale.soak:.0f} s at full load: {line(found)}")
        result["soak"] = found
    return {**result, "engines": sorted(world.engines(mine))}


def line(found: Mapping[str, Any]) -> str:
    """A measurement as one line."""
    cost = ", ".join(f"{part} {us:.2f}" for part, us in found["us"].items())
    times = found["latency_ms"]
    words = f"{found['orders_per_s']:,.0f} orders/s, p50 {times['p50']} p99 {times['p99']} ms; µs: {cost}"
    return words + (f"; {found['refused']:,} refused" if found["refused"] else "")


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0, or 1 if something was not counted as it should be or did not run."""
    folder, scale = Path(arguments[0]), SCALES[arguments[1]]
    given = json.loads((folder / "targets.json").read_text())
    access = Access(given["bootstrap"], given["user"], folder / "password", folder / "ca.crt")
    targets = [Target(**each) for each in given["targets"]]

    def report(text: str) -> None:
        sys.stderr.write(f"   {text}\n")
        sys.stderr.flush()

    try:
        with World(cluster(), Kafka(folder, access.client()), given["namespace"]) as world:
            found = run(world, targets, scale, report)
    except (MismatchError, RuntimeError) as error:
        sys.stderr.write(f"bench.cluster: {error}\n")
        return 1
    (folder / "result.json").write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
