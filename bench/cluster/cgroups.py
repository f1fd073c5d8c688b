"""The CPU time and the processes of a pod, from its cgroup (version 1 or 2)."""

from pathlib import Path
from typing import Final

from hack.native.node import CGROUP, CGROUPS

NANOSECONDS: Final = 1e9
MICROSECONDS: Final = 1e6


def of_pod(uid: str, root: Path = CGROUPS) -> Path:
    """The folder of the pod's cgroup, whatever its class of service. RuntimeError if there is none."""
    hierarchy = root if (root / "cgroup.controllers").exists() else root / "cpuacct"
    pods = hierarchy / CGROUP / "kubepods"
    for folder in (*pods.glob(f"*/pod{uid}"), pods / f"pod{uid}"):
        if folder.is_dir():
            return folder
    raise RuntimeError(f"the pod {uid} has no cgroup below {pods}")


def cpu_seconds(folder: Path) -> float:
    """User and system time of all processes that have been in it."""
    usage = folder / "cpuacct.usage"
    if usage.exists():
        return int(usage.read_text()) / NANOSECONDS
    fields = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
    return int(fields["usage_usec"]) / MICROSECONDS


def processes(folder: Path) -> list[int]:
    """The ids of the processes in it and below."""
    return sorted(int(pid) for path in folder.rglob("cgroup.procs") for pid in path.read_text().split())
