"""The operator measured from outside: memory and CPU by the kernel, writes by the API server's audit log."""

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SYSTEM = "orderpipeline-system"
USER = f"system:serviceaccount:{SYSTEM}:operator"
LEASES = "leases"
_TICK = os.sysconf("SC_CLK_TCK")

AUDIT_POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [
        {"level": "Metadata", "users": [USER], "verbs": ["create", "update", "patch", "delete", "deletecollection"]},
        {"level": "None"},
    ],
}
"""Logs every mutating request of the operator, and nothing else."""


@dataclass(frozen=True)
class Writes:
    """Mutating requests of the operator by resource; Lease renewals are counted separately."""

    by_resource: Counter[str]
    leases: int

    @property
    def objects(self) -> int:
        """All except Lease renewals, including those that were refused or changed nothing."""
        return self.by_resource.total()


class AuditLog:
    """The API server's audit log; each call reads on from the last position."""

    def __init__(self, file: Path) -> None:
        self._file, self._at = file, 0

    def read_new(self) -> Writes:
        """The writes since the last call."""
        with self._file.open("rb") as log:
            log.seek(self._at)
            text = log.read()
        whole = text.rfind(b"\n") + 1
        self._at += whole
        counts: Counter[str] = Counter()
        for line in text[:whole].splitlines():
            ref = json.loads(line)["objectRef"]
            counts["/".join(filter(None, (ref["resource"], ref.get("subresource"))))] += 1
        leases = counts.pop(LEASES, 0)
        return Writes(counts, leases)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def cpu_of_others(operator: int) -> dict[str, float]:
    """CPU seconds by program: this process (the fake controllers) and all its children except the operator."""
    spent = {"fake controllers": cpu_seconds(os.getpid())}
    for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        if int(pid) != operator:
            spent[Path(f"/proc/{pid}/comm").read_text().strip()] = cpu_seconds(int(pid))
    return spent


def rss_mib(pid: int, peak: bool = False) -> float:
    """Resident memory, now or at its peak."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM" if peak else "VmRSS")) / 1024


def p99(values: list[float]) -> float:
    """The 99th percentile."""
    return sorted(values)[max(0, -(-len(values) * 99 // 100) - 1)]
