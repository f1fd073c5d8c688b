"""The running cluster as a measurement sees it: pods and Envoy with their CPU and memory, Kafka's offsets.

It works inside the cluster's network namespace, where Services and pods have their names and addresses.
"""

import json
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from bench.cluster import cgroups
from bench.cluster.targets import Pod, Target, pods_of
from bench.kafka import Group, Kafka
from bench.processes import cpu_seconds, memory_mib
from hack.native.up import Cluster
from orderpipeline_common.contract import API_PORT, CONSUMER_PORT, METRICS_PATH
from orderpipeline_common.engine import engine_in

ENVOY = "envoy"
PORTS = {"producer": API_PORT, "consumer": CONSUMER_PORT}


@dataclass(frozen=True)
class Offsets:
    """Of each partition: the end of the log, and what the group has committed."""

    ends: tuple[int, ...]
    committed: tuple[int, ...]

    @property
    def drained(self) -> bool:
        """Whether everything is committed."""
        return self.ends == self.committed


class Parts:
    """The processes of a target's parts, and Envoy's. Pods are looked up once, so that this costs nothing later."""

    def __init__(self, pods: Mapping[str, Sequence[Pod]], envoy: int) -> None:
        self.pods = pods
        self._envoy = envoy
        self._folders = {part: [cgroups.of_pod(pod.uid) for pod in each] for part, each in pods.items()}

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU that each part has used so far."""
        found = {part: sum(map(cgroups.cpu_seconds, folders)) for part, folders in self._folders.items()}
        return {ENVOY: cpu_seconds(self._envoy), **found}

    def rss_mib(self) -> dict[str, float]:
        """The resident set size of the largest process of each part."""
        found = {ENVOY: [self._envoy]}
        found |= {part: [pid for each in folders for pid in cgroups.processes(each)]
                  for part, folders in self._folders.items()}  # fmt: skip
        readings = {part: [mib for mib in map(_rss, pids) if mib is not None] for part, pids in found.items()}
        return {part: max(mibs) for part, mibs in readings.items() if mibs}


class World:
    """The cluster and its Kafka. Use it in a `with` statement, since it keeps readers of groups open."""

    def __init__(self, native: Cluster, kafka: Kafka, namespace: str) -> None:
        self._native, self._kafka, self._namespace = native, kafka, namespace
        self._exits = ExitStack()
        self._groups: dict[str, Group] = {}

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def parts(self, target: Target) -> Parts:
        """RuntimeError if Envoy or a part does not run; a sink may be missing."""
        envoy = self._native.processes.pid(ENVOY)
        if envoy is None:
            raise RuntimeError("Envoy does not run; run: hack/cluster up")
        pods = pods_of(self._pods(), target.parts)
        missing = [part for part in ("producer", "kafka", "consumer") if part not in pods]
        if missing:
            raise RuntimeError(f"{target.name}: no pod runs for {', '.join(missing)}")
        return Parts(pods, envoy)

    def offsets(self, target: Target) -> Offsets | None:
        """None if the commits cannot be read now."""
        if target.group not in self._groups:
            group = self._kafka.group(target.group, target.topic)
            self._groups[target.group] = self._exits.enter_context(group)
        committed = self._groups[target.group].offsets()
        return None if committed is None else Offsets(self._kafka.ends(target.topic), committed)

    def engines(self, target: Target) -> set[str]:
        """What the pods of both services say of their engine; `unknown` for one that does not."""
        pods = pods_of(self._pods(), target.parts)
        found = set()
        for part, port in PORTS.items():
            for pod in pods.get(part, ()):
                with urllib.request.urlopen(f"http://{pod.address}:{port}{METRICS_PATH}", timeout=20) as reply:
                    found.add(engine_in(reply.read().decode()) or "unknown")
        return found

    def _pods(self) -> list[dict[str, Any]]:
        done = self._native.kubectl("get", "pods", "--namespace", self._namespace, "--output", "json")
        if done.returncode:
            raise RuntimeError(f"the pods cannot be listed: {done.stderr.strip()}")
        found: list[dict[str, Any]] = json.loads(done.stdout)["items"]
        return found


def _rss(pid: int) -> float | None:
    try:
        return memory_mib(pid, "VmRSS")
    except (FileNotFoundError, ProcessLookupError, RuntimeError):  # it has just ended
        return None
