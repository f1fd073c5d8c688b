"""The figures as a table and as the page docs/benchmarks/operator.md, with the machine and what is not compared."""

import os
import platform
from pathlib import Path

from bench.operator.figures import FLAT_MIB, P99_CHANGE_S, RECONCILED_S, RSS_MIB, Figures

_NOT_COMPARED = """\
## What this is not

- Kafka is not there. A function in the operator's process stands for reading its offsets, so the connections that an
  operator has to each Kafka, with what they take of time and memory, are not in these figures. Strimzi and the
  Deployment controller are a script that writes the statuses and Secrets that they would write; no node runs a pod, no
  HorizontalPodAutoscaler moves.
- The first reconcile is one pass over each pipeline: what can be applied without Kafka is applied, and the status says
  what is waited for. The script lets Kafka come up after that, as a real one takes longer; the time from then until
  all are Ready is a row of its own. There the API server, which shares its core with etcd and the script, is the limit
  on this machine, not the operator: compare their CPU times.
- The pipelines have the default spec but for `idleAfter: 10s`. A pipeline tells once in its status that it has become
  idle, by default 5 min after the last order; here all have told so before the idling is measured.
- Writes are the operator's mutating requests in the API server's audit log, also those that were refused or changed
  nothing. Renewals of its Lease are counted apart: they are how two replicas agree on who leads, every 2 s.
- Nobody else was run here. What others have published was measured on other machines, with other objects, and is
  context only:

| operator | published | where |
|---|---|---|
| KEDA, 2020 | about 700 ScaledObjects: first reconcile 3 h, 90 s after caching was fixed | kedacore/keda #1449 |
| KEDA, 2023 | 350 ScaledObjects: a change of a spec takes about 10 min to reach the HPA | kedacore/keda #5281 |
| KEDA, 2024 | up to 2,000 ScaledObjects: about 5 min until all are active, 14 to 15 in full | kedacore/keda #6063 |
| kopf 0.14 | 300 objects with an empty handler: about 90 s | zalando-incubator/kopf #111 |
| ansible-operator | thousands of objects: up to 25 min to the first reconcile, 8 CPUs, 7 GiB | operator-sdk #5246 |
| Zalando postgres-operator | 50 to 200 clusters: 5 to 20 min for a change | zalando/postgres-operator #2036 |
| Strimzi topic operator 0.38 | 10,000 topic events in less than 10 min | Strimzi's blog, 2023-11-02 |
"""


def rows(found: Figures) -> list[tuple[str, str, str]]:
    """What, how much, and the goal."""
    late = sorted(found.change_s)
    return [
        ("pipelines", f"{found.crs}", ""),
        ("their children", f"{found.children}", ""),
        ("first reconcile of all", f"{found.reconciled_s:.1f} s", f"< {RECONCILED_S:.0f} s"),
        ("CPU meanwhile", _cpu(found.reconciled_cpu_s, found.reconciled_others), ""),
        ("all Ready, from when Kafka may come up", f"{found.all_ready_s:.1f} s", ""),
        ("CPU meanwhile", _cpu(found.ready_cpu_s, found.ready_others), ""),
        ("writes of the operator until then", f"{found.bring_up_writes.objects}", ""),
        ("change of a spec to both Deployments, median", f"{late[len(late) // 2]:.2f} s", ""),
        (f"the same, p99 of {len(late)}", f"{found.p99_change_s:.2f} s", f"< {P99_CHANGE_S:.0f} s"),
        (f"writes in {found.idle_s} s without a change", f"{found.idle_writes.objects}", "0"),
        ("renewals of the Lease meanwhile", f"{found.idle_writes.leases}", ""),
        ("passes meanwhile", f"{found.idle_passes}", ""),
        ("CPU of the operator meanwhile", f"{found.idle_cpu_s:.0f} s ({_share(found)} of its core)", ""),
        ("most memory ever (RSS)", f"{found.rss_peak:.0f} MiB", f"< {RSS_MIB:.0f} MiB"),
        ("growth over those passes", f"{found.growth:+.1f} MiB", f"< {FLAT_MIB:.0f} MiB"),
    ]


def table(found: Figures) -> str:
    """For a terminal."""
    return "\n".join(f"{what:48} {much:44} {goal}" for what, much, goal in rows(found))


def page(found: Figures) -> str:
    """The page, in Markdown."""
    lines = [f"| {what} | {much} | {goal} |" for what, much, goal in rows(found)]
    missed = "".join(f"- Missed: {words}.\n" for words in found.missed())
    return f"""# A thousand pipelines, one operator

Written by `make bench-operator`. A real API server and etcd, {found.crs} OrderPipelines in namespaces of 50, and one
operator process that has one core to itself; the API server, etcd and the script that plays Strimzi share the other.

{_machine()}

| what | measured | goal |
|---|---|---|
{chr(10).join(lines)}

{missed}{chr(10) * bool(missed)}{_NOT_COMPARED}"""


def _machine() -> str:
    cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    name = cpu.partition(":")[2].strip()
    kernel = platform.release().partition("-")[0]
    python = platform.python_version()
    return f"Machine: {name}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {kernel}, Python {python}."


def _cpu(operator: float, others: dict[str, float]) -> str:
    return ", ".join(f"{name} {spent:.0f} s" for name, spent in {"operator": operator, **others}.items())


def _share(found: Figures) -> str:
    return f"{100 * found.idle_cpu_s / found.idle_s:.0f} %"
