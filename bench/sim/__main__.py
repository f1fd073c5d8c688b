"""`make sim`: all policies on all traces, 30 seeds. Tables and plots go to docs/autoscaling; prints one JSON line."""

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
    """All policies on one trace with one seed; time series for the first seed only, for the plots."""
    trace, seed = job
    scenario = catalogue.scenarios(purchases)[trace](seed)
    results, series_by_policy = {}, {}
    for name in catalogue.POLICIES:
        # Every policy gets the same random HPA phase and pod start-up times.
        rng = np.random.default_rng((seed, 1))
        results[name], series_by_policy[name] = play(scenario, catalogue.make(name, scenario, rng), rng)
    return job, results, series_by_policy if seed == 0 else {}


def simulate(traces: Sequence[str], seeds: int, processes: int) -> tuple[Table, Mapping[str, Mapping[str, Series]]]:
    """The table, and the first seed's time series by trace and policy."""
    found: dict[str, dict[str, list[Result]]] = {trace: defaultdict(list) for trace in traces}
    series_by_policy = {}
    jobs = [(trace, seed) for trace in traces for seed in range(seeds)]
    began = time.monotonic()
    with Pool(processes) as pool:
        for number, ((trace, seed), results, course) in enumerate(pool.imap(work, jobs), start=1):
            for policy, result in results.items():
                found[trace][policy].append(result)
            if seed == 0:
                series_by_policy[trace] = course
            print(f"\r{number}/{len(jobs)} {time.monotonic() - began:.0f} s", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    table = {trace: {policy: summarize(each) for policy, each in rows.items()} for trace, rows in found.items()}
    return table, series_by_policy


def cluster_agreement() -> tuple[dict[str, float | None], str]:
    """By how much the simulator differs from the recorded cluster run, and which run that is."""
    if not record.PATH.exists():
        return {"consumer_minutes_diff_pct": None, "drain_diff_pct": None}, ""
    measured = record.read(record.PATH)
    return dict(agreement.compare(measured)), f"the cluster run of {measured.at}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare scaling policies on traces.")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--traces", nargs="+", choices=list(catalogue.scenarios(purchases)))
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    purchases()  # downloads once, before the processes start
    traces = options.traces or list(catalogue.scenarios(purchases))
    table, series_by_policy = simulate(traces, options.seeds, options.processes)
    cluster, source = cluster_agreement()
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.md").write_text(report.markdown(table, options.seeds, cluster, source))
    for trace, course in series_by_policy.items():
        report.draw(trace, course, options.out)
    print_notes(table, source)
    print(json.dumps({"traces": line(table), "cluster_vs_sim": cluster}))
    return 0


def print_notes(table: Table, source: str) -> None:
    """Print what the JSON line leaves out, to standard error."""
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
