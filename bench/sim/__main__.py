"""`make sim`: all policies on all traces, 30 seeds. Tables and pictures in docs/autoscaling; a line of JSON."""

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from bench.sim import agreement, catalogue, record, report
from bench.sim.run import Result, Series, play
from bench.sim.table import Table, missed, summarize
from orderpipeline_embedded.demo import cdnow

FOLDER = record.PATH.parent
REPORTED = ("over_sla_pct", "p99_age_s", "consumer_minutes", "reversals_per_10min", "rebalances")
PROCESSES = 2
Job = tuple[str, int]


@cache
def purchases() -> Sequence[cdnow.Purchase]:
    """CDNOW's orders, read once per process."""
    return cdnow.purchases(cdnow.cache_folder())


def work(job: Job) -> tuple[Job, dict[str, Result], dict[str, Series]]:
    """All policies on one trace with one seed; the courses of the first seed only, for the pictures."""
    trace, seed = job
    scenario = catalogue.scenarios(purchases)[trace](seed)
    results, courses = {}, {}
    for name in catalogue.POLICIES:
        # Each policy has the same luck with its HPA's clock and its pods.
        rng = np.random.default_rng((seed, 1))
        results[name], courses[name] = play(scenario, catalogue.make(name, scenario, rng), rng)
    return job, results, courses if seed == 0 else {}


def simulate(traces: Sequence[str], seeds: int, processes: int) -> tuple[Table, Mapping[str, Mapping[str, Series]]]:
    """The table, and the first seed's courses by trace and policy."""
    found: dict[str, dict[str, list[Result]]] = {trace: defaultdict(list) for trace in traces}
    courses = {}
    jobs = [(trace, seed) for trace in traces for seed in range(seeds)]
    began = time.monotonic()
    with Pool(processes) as pool:
        for number, ((trace, seed), results, course) in enumerate(pool.imap(work, jobs), start=1):
            for policy, result in results.items():
                found[trace][policy].append(result)
            if seed == 0:
                courses[trace] = course
            print(f"\r{number}/{len(jobs)} {time.monotonic() - began:.0f} s", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    table = {trace: {policy: summarize(each) for policy, each in rows.items()} for trace, rows in found.items()}
    return table, courses


def cluster_agreement() -> tuple[dict[str, float | None], str]:
    """How far the simulator is from the cluster run on record, and which run that is."""
    if not record.PATH.exists():
        return {"consumer_minutes_diff_pct": None, "drain_diff_pct": None}, ""
    measured = record.read(record.PATH)
    return dict(agreement.compare(measured)), f"the cluster run of {measured.at}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare ways of scaling on traces.")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--traces", nargs="+", choices=list(catalogue.scenarios(purchases)))
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    purchases()  # downloads once, before the processes start
    traces = options.traces or list(catalogue.scenarios(purchases))
    table, courses = simulate(traces, options.seeds, options.processes)
    cluster, source = cluster_agreement()
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.md").write_text(report.markdown(table, options.seeds, cluster, source))
    for trace, course in courses.items():
        report.draw(trace, course, options.out)
    tell(table, source)
    print(json.dumps({"traces": line(table), "cluster_vs_sim": cluster}))
    return 0


def tell(table: Table, source: str) -> None:
    """What a reader of the JSON line should know beside it, to standard error."""
    for trace, rows in table.items():
        for each in missed(rows):
            print(f"{trace}: {each}", file=sys.stderr)
    note = f"cluster_vs_sim is from {source}" if source else "cluster_vs_sim is not measured: see bench/sim/cluster.py"
    print(note, file=sys.stderr)


def line(table: Table) -> dict[str, dict[str, dict[str, float]]]:
    return {
        trace: {policy: {key: round(row[key].value, 2) for key in REPORTED} for policy, row in rows.items()}
        for trace, rows in table.items()
    }


if __name__ == "__main__":
    sys.exit(main())
