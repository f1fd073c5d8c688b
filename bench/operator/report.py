"""The figures as a table and as the page docs/benchmarks/operator.md, with the machine and what is not compared."""

import os
import platform
from pathlib import Path

from bench.operator.figures import CPU_RATIO, FLAT_MIB, P99_CHANGE_S, RECONCILED_S, RSS_MIB, Figures

_NOT_COMPARED = """\
## What is not measured

- Kafka is fake: three brokers for all pipelines, with TLS and SCRAM, that answer each request for a topic of 12
  partitions and a group of one member, always the same. The operator's requests and connections are the real ones.
  Fake controllers stand in for Strimzi and the Deployment controller and write the statuses and Secrets that those
  would write; no node runs a pod, and no HorizontalPodAutoscaler is active.
- The first reconcile is one pass over each pipeline: what can be applied without Kafka is applied, and the status says
  what the pipeline is waiting for. After that the fake controllers let Kafka become Ready, since a real one takes
  longer; the time from then until all pipelines are Ready has its own row. In that phase the limit on this machine is
  the API server, which shares its core with etcd and the fake controllers, not the operator: compare their CPU times.
- The pipelines have the default spec except for `idleAfter: 10s`. A pipeline writes its status once when it becomes
  idle, by default 5 min after the last order; here all of them have done so before the idle phase is measured.
- The operator of an earlier commit, with which CPU at rest is compared, has an API server with as many pipelines of
  its own, and the same fake Kafka. Both idle at the same time on one core; everything else is measured before the
  earlier one is started.
- Writes are the operator's mutating requests in the API server's audit log, including those that were rejected or
  changed nothing. Renewals of its Lease, by which two replicas agree on the leader every 2 s, are counted separately.
- No other operator was run here. The published figures below were measured on other machines, with other objects, and
  are context only:

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
        ("child objects", f"{found.children}", ""),
        ("first reconcile of all", f"{found.reconciled_s:.1f} s", f"< {RECONCILED_S:.0f} s"),
        ("CPU meanwhile", _cpu(found.reconciled_cpu_s, found.reconciled_others), ""),
        ("all Ready, after Kafka becomes Ready", f"{found.all_ready_s:.1f} s", ""),
        ("CPU meanwhile", _cpu(found.ready_cpu_s, found.ready_others), ""),
        ("writes of the operator until then", f"{found.bring_up_writes.objects}", ""),
        ("from a spec change to both Deployments, median", f"{late[len(late) // 2]:.2f} s", ""),
        (f"the same, p99 of {len(late)}", f"{found.p99_change_s:.2f} s", f"< {P99_CHANGE_S:.0f} s"),
        (f"writes in {found.idle_s} idle seconds", f"{found.idle_writes.objects}", "0"),
        ("Lease renewals meanwhile", f"{found.idle_writes.leases}", ""),
        ("reconciles meanwhile", f"{found.idle_passes}", ""),
        ("CPU of the operator meanwhile", f"{found.idle_cpu_s:.0f} s ({_share(found)} of its core)", ""),
        *_baseline(found),
        ("peak memory (RSS)", f"{found.rss_peak:.0f} MiB", f"< {RSS_MIB:.0f} MiB"),
        ("memory growth over those reconciles", f"{found.growth:+.1f} MiB", f"< {FLAT_MIB:.0f} MiB"),
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
operator process with one core to itself; the API server, etcd, the fake Kafka and the fake controllers share the
other.

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


def _baseline(found: Figures) -> list[tuple[str, str, str]]:
    """What an earlier operator took at the same time."""
    there, ratio = found.baseline, found.idle_ratio
    if there is None or ratio is None:
        return []
    spent = f"{there.cpu_s:.0f} s ({100 * there.cpu_s / found.idle_s:.0f} % of the same core)"
    return [
        (f"CPU of the operator of commit {there.commit} meanwhile, with as many pipelines", spent, ""),
        ("CPU at rest, as a share of that", f"{ratio:.2f}", f"<= {CPU_RATIO}"),
    ]


def _share(found: Figures) -> str:
    return f"{100 * found.idle_cpu_s / found.idle_s:.1f} %"
